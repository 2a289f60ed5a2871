package dev.cleave.bench.trace;

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

  private Numbers() {}

  /**
   * Reads one number.
   *
   * @param text nothing but the number
   * @return its value, unsigned
   * @throws IllegalArgumentException when the text is anything else or needs more than 64 bits; the
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

  private static int suffixLog2(String text) {
    if (text.isEmpty()) {
      return 0;
    }
    char last = text.charAt(text.length() - 1);
    char upper = last >= 'a' && last <= 'z' ? (char) (last - 'a' + 'A') : last;
    return 10 * (SUFFIXES.indexOf(upper) + 1);
  }

  private static IllegalArgumentException invalid(String text) {
    return new IllegalArgumentException(
        "not a number: '" + Excerpt.of(text) + "'; expected " + GRAMMAR);
  }
}
