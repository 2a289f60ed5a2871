package dev.cleave.bench.report;

import dev.cleave.bench.figure.Unit;
import dev.cleave.bench.report.Chart.Axis;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Where values stand on an axis: linear from 0, logarithmic by decades, or for percentiles each
 * nine as far as the last.
 *
 * @param from the place of the axis's foot, before it is drawn
 * @param to the place of its end
 */
record SvgScale(Axis axis, double from, double to) {
  private static final int MOST_TICKS = 6;
  private static final double LAST_NINE = 99.9999;

  /** A scale over some values. */
  static SvgScale of(Axis axis, Stream<? extends Number> values) {
    double[] all = values.mapToDouble(Number::doubleValue).filter(Double::isFinite).toArray();
    double least = Double.POSITIVE_INFINITY;
    double most = 0;
    for (double value : all) {
      most = Math.max(most, value);
      if (value > 0) {
        least = Math.min(least, value);
      }
    }
    if (most == 0) {
      return new SvgScale(axis, 0, 1);
    }
    if (axis.isLogarithmic()) {
      double foot = Math.floor(Math.log10(least));
      return new SvgScale(axis, foot, Math.max(foot + 1, Math.ceil(Math.log10(most))));
    }
    if (axis.unit() == Unit.PERCENTILE) {
      return new SvgScale(axis, 0, nines(Math.min(most, LAST_NINE)));
    }
    return new SvgScale(axis, 0, most);
  }

  private static double nines(double value) {
    return -Math.log10(1 - Math.min(value, LAST_NINE) / 100);
  }

  /** Where a value stands, 0 at the foot to 1 at the end. */
  double at(double value) {
    double place =
        axis.isLogarithmic()
            ? value <= 0 ? from : Math.log10(value)
            : axis.unit() == Unit.PERCENTILE ? nines(value) : value;
    return Math.clamp((place - from) / (to - from), 0, 1);
  }

  /** Values to be written beside the axis. */
  List<Double> ticks() {
    List<Double> ticks = new ArrayList<>();
    if (axis.isLogarithmic()) {
      int step = (int) Math.ceil((to - from) / MOST_TICKS);
      for (double decade = from; decade <= to; decade += step) {
        ticks.add(Math.pow(10, decade));
      }
    } else if (axis.unit() == Unit.PERCENTILE) {
      ticks.add(0.0);
      for (int nine = 1; nine <= to; nine++) {
        ticks.add(100 - Math.pow(10, 2 - nine));
      }
    } else {
      double base = axis.unit() == Unit.BYTES ? 2 : 10;
      double step = Math.pow(base, Math.floor(Math.log(to / MOST_TICKS) / Math.log(base)));
      while (to / step > MOST_TICKS) {
        step *= 2;
      }
      for (int i = 0; i * step <= to; i++) {
        ticks.add(i * step);
      }
    }
    return ticks;
  }

  /** A value as its unit is written. */
  String text(double value) {
    return switch (axis.unit()) {
      case BYTES -> Wording.bytes(Math.round(value));
      case NANOS -> nanos(value);
      case PART -> Wording.number(value * 100) + " %";
      case PERCENTILE -> String.format(Locale.ROOT, "%.6g", value).replaceAll("\\.?0+$", "") + " %";
      case COUNT, RATIO -> Wording.number(value);
    };
  }

  private static String nanos(double value) {
    return value < 1e3
        ? Wording.number(value) + " ns"
        : value < 1e6
            ? Wording.number(value / 1e3) + " µs"
            : value < 1e9
                ? Wording.number(value / 1e6) + " ms"
                : Wording.number(value / 1e9) + " s";
  }
}
