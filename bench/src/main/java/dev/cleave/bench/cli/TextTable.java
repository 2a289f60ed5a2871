package dev.cleave.bench.cli;

import dev.cleave.bench.figure.Unit;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;

/** Rows and columns for a person. */
final class TextTable {
  private static final String UNITS = "KMGTPE";

  private TextTable() {}

  /**
   * Prints rows in columns as wide as they must be.
   *
   * @param rows all of the same number of cells, the header first
   * @param textColumns so many columns begin at the left, the rest end at the right
   */
  static void print(PrintWriter out, List<List<String>> rows, int textColumns) {
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int column = 0; column < row.size(); column++) {
        int at = column;
        // at least 1: a format cannot ask for no width
        int width = rows.stream().mapToInt(r -> r.get(at).length()).reduce(1, Math::max);
        String format = column < textColumns ? "%-" + width + "s" : "%" + width + "s";
        line.append(column == 0 ? "" : "  ");
        line.append(String.format(Locale.ROOT, format, row.get(column)));
      }
      out.println(line.toString().stripTrailing());
    }
  }

  /** A number as what it counts is written. */
  static String number(Unit unit, Number value) {
    return switch (unit) {
      case COUNT -> Long.toString(value.longValue());
      case BYTES -> bytes(value.longValue());
      case NANOS -> time(value.longValue());
      case PART -> String.format(Locale.ROOT, "%.1f%%", 100 * value.doubleValue());
      case RATIO, PERCENTILE -> String.format(Locale.ROOT, "%.2f", value.doubleValue());
    };
  }

  private static String time(long nanos) {
    if (nanos < 1_000) {
      return nanos + "ns";
    }
    if (nanos < 1_000_000) {
      return String.format(Locale.ROOT, "%.1fus", nanos / 1e3);
    }
    return nanos < 1_000_000_000
        ? String.format(Locale.ROOT, "%.1fms", nanos / 1e6)
        : String.format(Locale.ROOT, "%.2fs", nanos / 1e9);
  }

  /** Two or three digits and a unit. */
  static String bytes(long bytes) {
    double value = bytes;
    int unit = -1;
    while (value >= 1024 && unit < UNITS.length() - 1) {
      value /= 1024;
      unit++;
    }
    return unit < 0
        ? Long.toString(bytes)
        : String.format(Locale.ROOT, value < 10 ? "%.1f%c" : "%.0f%c", value, UNITS.charAt(unit));
  }
}
