package dev.cleave.bench.io;

import java.util.ArrayList;
import java.util.List;

/**
 * Numbers as the command line and op lines spell them: decimal or {@code 0x} and hexadecimal
 * digits, then at most one of {@code K M G T} (either case; powers of 1024). Unsigned 64 bit.
 *
 * <p>Thread-safe: functions of their arguments.
 */
public final class Numbers {
  private static final String GRAMMAR =
      "decimal or 0x and hexadecimal digits, then K, M, G, T or nothing, below 2^64";

  private static final String SUFFIXES = "KMGT";
  private static final String UNITS = "KMGTPE";
  private static final int UNIT_LOG2 = 10;
  private static final long MOST_READABLE = 9999;

  private Numbers() {}

  /**
   * Reads one number.
   *
   * @param text nothing but the number
   * @return its value, unsigned
   * @throws NumberFormatException when the text is anything else or needs more than 64 bits; the
   *     message names the text and the grammar
   */
  public static long parse(String text) {
    boolean isHex = text.startsWith("0x");
    int radix = isHex ? 16 : 10;
    int start = isHex ? 2 : 0;
    int shift = suffixLog2(text);
    int end = shift == 0 ? text.length() : text.length() - 1;
    if (start >= end) {
      throw invalid(text);
    }
    long limit = Long.divideUnsigned(-1L, radix);
    long value = 0;
    for (int i = start; i < end; i++) {
      char c = text.charAt(i);
      // Character.digit alone would take the digits of every script.
      int digit = c < 0x80 ? Character.digit(c, radix) : -1;
      if (digit < 0 || Long.compareUnsigned(value, limit) > 0) {
        throw invalid(text);
      }
      value = value * radix + digit;
      if (Long.compareUnsigned(value, digit) < 0) {
        throw invalid(text);
      }
    }
    if (value << shift >>> shift != value) {
      throw invalid(text);
    }
    return value << shift;
  }

  /**
   * An address or raw word as the command prints it.
   *
   * @param value unsigned
   * @return 0x-hex in lower case
   */
  public static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }

  /**
   * A size as a person reads it.
   *
   * @param bytes unsigned
   * @return the number in the largest unit that divides it: 4K, 2M, 1G, 12345; where that has more
   *     than four digits, the largest units first: 8T+44K
   */
  public static String size(long bytes) {
    int unit = bytes == 0 ? 0 : Long.numberOfTrailingZeros(bytes) / UNIT_LOG2;
    long number = bytes >>> (unit * UNIT_LOG2);
    if (unit == 0 || Long.compareUnsigned(number, MOST_READABLE) <= 0) {
      return Long.toUnsignedString(number) + suffix(unit);
    }
    List<String> parts = new ArrayList<>();
    for (int i = UNITS.length(); i >= unit; i--) {
      long part = bytes >>> (i * UNIT_LOG2);
      if (i < UNITS.length()) {
        part &= (1L << UNIT_LOG2) - 1;
      }
      if (part != 0) {
        parts.add(part + suffix(i));
      }
    }
    return String.join("+", parts);
  }

  private static String suffix(int unit) {
    return unit == 0 ? "" : UNITS.substring(unit - 1, unit);
  }

  private static int suffixLog2(String text) {
    if (text.isEmpty()) {
      return 0;
    }
    char last = text.charAt(text.length() - 1);
    char upper = last >= 'a' && last <= 'z' ? (char) (last - 'a' + 'A') : last;
    return UNIT_LOG2 * (SUFFIXES.indexOf(upper) + 1);
  }

  private static NumberFormatException invalid(String text) {
    return new NumberFormatException(
        "not a number: '" + Excerpt.of(text) + "'; expected " + GRAMMAR);
  }
}
