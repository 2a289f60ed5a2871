package dev.cleave.bench.report;

import dev.cleave.bench.figure.Unit;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A chart, as data: the page decides how it looks.
 *
 * @param id its name in the page
 * @param title what it shows
 * @param note how to read it
 * @param across the axis across
 * @param up the axis that goes up
 * @param limit where a line is drawn across, if anywhere
 * @param variants what it can show, one at a time; at least one
 */
record Chart(
    String id,
    String title,
    String note,
    Shape shape,
    Axis across,
    Axis up,
    @Nullable Double limit,
    List<Variant> variants) {
  /** How values are drawn. */
  enum Shape {
    LINES,
    /** Lines that stay where they are until the next value. */
    STEPS,
    BARS,
    /** Bars that lie, for long names. */
    LYING_BARS
  }

  /**
   * An axis.
   *
   * @param isLogarithmic whether each decade is as long; what is 0 then stands at the foot
   */
  record Axis(String name, Unit unit, boolean isLogarithmic) {}

  /**
   * One set of lines or bars.
   *
   * @param name of the set, where there are several
   * @param names what stands below bars or points, or null where {@code places} are numbers
   * @param places where the points lie across, or null where they have names
   */
  record Variant(
      String name,
      @Nullable List<String> names,
      @Nullable List<? extends Number> places,
      List<Series> series) {}

  /** How a series is told from others. */
  enum Style {
    SOLID,
    DASHED,
    DOTTED
  }

  /**
   * A line, or the bars of one colour.
   *
   * @param values one for each place or name; null where there is none
   * @param errors half the width of each one's 95% confidence interval, or null for none
   */
  record Series(
      String name,
      Style style,
      List<? extends @Nullable Number> values,
      @Nullable List<@Nullable Double> errors) {
    Series(String name, Style style, List<? extends @Nullable Number> values) {
      this(name, style, values, null);
    }
  }
}
