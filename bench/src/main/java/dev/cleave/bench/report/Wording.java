package dev.cleave.bench.report;

import java.util.List;
import java.util.Locale;

/** Numbers and lists in sentences. */
final class Wording {
  private static final String UNITS = "KMGTPE";

  /** Neither lets a line end at it. */
  private static final char SPACE = '\u00a0';

  private static final char THIN_SPACE = '\u202f';

  private Wording() {}

  static String bytes(long bytes) {
    double value = bytes;
    int unit = -1;
    while (value >= 1024 && unit < UNITS.length() - 1) {
      value /= 1024;
      unit++;
    }
    return unit < 0
        ? number(value) + SPACE + "bytes"
        : number(value) + SPACE + UNITS.charAt(unit) + "iB";
  }

  static String number(long value) {
    return number((double) value);
  }

  /** Three digits that count, or all of a larger number. */
  static String number(double value) {
    if (value == Math.rint(value) || value >= 100) {
      return String.format(Locale.ROOT, "%,.0f", value).replace(',', THIN_SPACE);
    }
    String text = String.format(Locale.ROOT, value >= 10 ? "%.1f" : "%.2f", value);
    return text.replaceAll("\\.?0+$", "");
  }

  static String times(double ratio) {
    return number(ratio) + " times";
  }

  /** "a", "a and b", "a, b and c". */
  static String and(List<String> names) {
    int last = names.size() - 1;
    return last <= 0
        ? String.join("", names)
        : String.join(", ", names.subList(0, last)) + " and " + names.get(last);
  }

  /** "needs" of one, "need" of several. */
  static String verb(List<String> names, String one, String several) {
    return names.size() == 1 ? one : several;
  }
}
