package dev.cleave.bench.cli;

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
