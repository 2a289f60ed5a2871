package dev.cleave.bench.report;

import com.google.errorprone.annotations.FormatMethod;
import dev.cleave.bench.report.Chart.Series;
import dev.cleave.bench.report.Chart.Shape;
import dev.cleave.bench.report.Chart.Variant;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A variant of a chart as an SVG picture of its own, for papers: no script, no fonts to load. */
final class SvgChart {
  private static final int WIDTH = 860;
  private static final int PLOT_HEIGHT = 340;
  private static final int LEFT = 90;
  private static final int LEFT_OF_LYING = 420;
  private static final int RIGHT = 30;
  private static final int LINE = 18;
  private static final int BAR = 12;
  private static final List<String> COLORS =
      List.of(
          "#0072b2", "#d55e00", "#009e73", "#b0478f", "#8a6d00", "#3f9fd0", "#6b7280", "#7a3fbf",
          "#c2185b", "#4e7d2d");

  private final Chart chart;
  private final Variant variant;
  private final StringBuilder svg = new StringBuilder();
  private final boolean isLying;
  private final int count;
  private final int left;
  private final int top;
  private final int height;
  private final SvgScale up;
  private final @Nullable SvgScale across;

  private SvgChart(Chart chart, Variant variant) {
    this.chart = chart;
    this.variant = variant;
    this.isLying = chart.shape() == Shape.LYING_BARS;
    this.count = variant.names() != null ? variant.names().size() : variant.places().size();
    this.left = isLying ? LEFT_OF_LYING : LEFT;
    this.top = 2 * LINE + 16 + LINE * variant.series().size();
    this.height = isLying ? count * (variant.series().size() * BAR + 8) : PLOT_HEIGHT;
    Stream<Number> values =
        variant.series().stream().flatMap(one -> one.values().stream()).map(Number.class::cast);
    this.up =
        SvgScale.of(
            chart.up(),
            Stream.concat(values, Stream.ofNullable(chart.limit())).filter(one -> one != null));
    this.across =
        variant.names() != null ? null : SvgScale.of(chart.across(), variant.places().stream());
  }

  /** Draws it. */
  static String of(Chart chart, Variant variant) {
    return new SvgChart(chart, variant).draw();
  }

  private String draw() {
    int whole = top + height + 3 * LINE;
    add(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\""
            + " font-family=\"sans-serif\" font-size=\"12\">",
        WIDTH, whole, WIDTH, whole);
    add("<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>", WIDTH, whole);
    String name = variant.name().isEmpty() ? chart.title() : chart.title() + ", " + variant.name();
    text(10, LINE, "start", name);
    text(10, 2 * LINE, "start", chart.up().name() + " by " + chart.across().name());
    for (int i = 0; i < variant.series().size(); i++) {
      int y = 2 * LINE + 8 + LINE * i;
      add("<rect x=\"10\" y=\"%d\" width=\"12\" height=\"12\" fill=\"%s\"/>", y, color(i));
      text(28, y + 11, "start", variant.series().get(i).name());
    }
    axes();
    for (int i = 0; i < variant.series().size(); i++) {
      switch (chart.shape()) {
        case LINES, STEPS -> line(i);
        case BARS, LYING_BARS -> bars(i);
      }
    }
    if (chart.limit() != null) {
      rule(up.at(chart.limit()), "#1c2128");
    }
    return svg.append("</svg>\n").toString();
  }

  private double x(double part) {
    return left + part * (WIDTH - left - RIGHT);
  }

  private double y(double part) {
    return top + height - part * height;
  }

  /** A line at a value, across the plot. */
  private void rule(double part, String stroke) {
    String form = "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>";
    if (isLying) {
      add(form, x(part), (double) top, x(part), y(0), stroke);
    } else {
      add(form, x(0), y(part), x(1), y(part), stroke);
    }
  }

  private void axes() {
    for (double tick : up.ticks()) {
      double part = up.at(tick);
      rule(part, "#d5d9e0");
      if (isLying) {
        text(x(part), top + height + LINE, "middle", up.text(tick));
      } else {
        text(left - 6, y(part) + 4, "end", up.text(tick));
      }
    }
    if (across != null) {
      for (double tick : across.ticks()) {
        text(x(across.at(tick)), top + height + LINE, "middle", across.text(tick));
      }
    } else {
      for (int i = 0; i < count; i++) {
        String name = variant.names().get(i);
        if (isLying) {
          text(left - 6, top + (i + 0.5) * height / count + 4, "end", name);
        } else {
          text(x((i + 0.5) / count), top + height + LINE, "middle", name);
        }
      }
    }
  }

  private double place(int i) {
    return across != null ? across.at(variant.places().get(i).doubleValue()) : (i + 0.5) / count;
  }

  private void line(int index) {
    Series series = variant.series().get(index);
    StringBuilder points = new StringBuilder();
    double last = 0;
    for (int i = 0; i < count; i++) {
      Number value = series.values().get(i);
      if (value == null) {
        continue;
      }
      double x = x(place(i));
      if (chart.shape() == Shape.STEPS && !points.isEmpty()) {
        points.append(point(x, last));
      }
      last = y(up.at(value.doubleValue()));
      points.append(point(x, last));
    }
    String dashes =
        switch (series.style()) {
          case SOLID -> "";
          case DASHED -> " stroke-dasharray=\"7 4\"";
          case DOTTED -> " stroke-dasharray=\"2 3\"";
        };
    add(
        "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\"%s/>",
        points.toString().strip(), color(index), dashes);
  }

  private static String point(double x, double y) {
    return String.format(Locale.ROOT, "%.1f,%.1f ", x, y);
  }

  private void bars(int index) {
    Series series = variant.series().get(index);
    double slot = (isLying ? height : WIDTH - left - RIGHT) / (double) count;
    double thick = (slot - 8) / variant.series().size();
    IntStream.range(0, count)
        .filter(i -> series.values().get(i) != null)
        .forEach(i -> {
          double part = up.at(series.values().get(i).doubleValue());
          double begin = i * slot + 4 + index * thick;
          String form =
              "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>";
          if (isLying) {
            add(form, x(0), top + begin, x(part) - x(0), thick, color(index));
          } else {
            add(form, left + begin, y(part), thick, y(0) - y(part), color(index));
          }
        });
  }

  private static String color(int index) {
    return COLORS.get(index % COLORS.size());
  }

  private void text(double x, double y, String anchor, String text) {
    String escaped = text.replace("&", "&amp;").replace("<", "&lt;");
    add("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>", x, y, anchor, escaped);
  }

  @FormatMethod
  private void add(String form, Object... values) {
    svg.append(String.format(Locale.ROOT, form, values)).append('\n');
  }
}
