package dev.cleave.bench.io;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Durations as the command line spells them: a number, with decimals or without, and one of {@code
 * ns us ms s}; 0 needs no unit.
 *
 * <p>Thread-safe: functions of their arguments.
 */
public final class Durations {
  private static final Pattern FORM =
      Pattern.compile("(?<number>[0-9]{1,9}(\\.[0-9]{1,9})?)(?<unit>ns|us|ms|s)|0");

  private Durations() {}

  /**
   * Reads one duration.
   *
   * @param text nothing but the duration
   * @return nanoseconds, rounded
   * @throws NumberFormatException when the text is anything else; the message names the text and
   *     the grammar
   */
  public static long parse(String text) {
    Matcher matcher = FORM.matcher(text.toLowerCase(Locale.ROOT));
    if (!matcher.matches()) {
      throw new NumberFormatException(
          "not a duration: '"
              + Excerpt.of(text)
              + "'; expected a number and one of ns, us, ms, s, such as 50ms or 1.5s");
    }
    if (matcher.group("unit") == null) {
      return 0;
    }
    double factor =
        switch (matcher.group("unit")) {
          case "ns" -> 1;
          case "us" -> 1e3;
          case "ms" -> 1e6;
          default -> 1e9;
        };
    return Math.round(Double.parseDouble(matcher.group("number")) * factor);
  }

  /**
   * A duration as a person reads it.
   *
   * @param nanos 0 or more
   * @return the number in the largest unit that divides it: 50ms, 1500ms, 0s
   */
  public static String words(long nanos) {
    String[] units = {"s", "ms", "us"};
    long factor = 1_000_000_000;
    for (String unit : units) {
      if (nanos % factor == 0) {
        return nanos / factor + unit;
      }
      factor /= 1_000;
    }
    return nanos + "ns";
  }
}
