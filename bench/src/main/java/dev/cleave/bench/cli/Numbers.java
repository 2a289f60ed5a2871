package dev.cleave.bench.cli;

import java.math.BigInteger;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Numbers as the command line writes them: decimal or 0x-hex, with a suffix K, M, G or T for powers
 * of 1024, from 0 to 2^64 - 1. Every option of type {@code long} is read so.
 *
 * <p>Thread-safe: functions of their arguments.
 */
public final class Numbers implements ITypeConverter<Long> {
  private static final Pattern NUMBER =
      Pattern.compile(
          "(?:0[xX](?<hex>[0-9a-fA-F]{1,32})|(?<decimal>[0-9]{1,32}))(?<unit>[kKmMgGtT]?)");
  private static final String UNITS = "KMGTPE";
  private static final int UNIT_LOG2 = 10;
  private static final String EXPECTED =
      "expected a decimal or 0x-hex number with an optional suffix K, M, G or T, below 2^64";

  @Override
  public Long convert(String text) {
    try {
      return parse(text);
    } catch (NumberFormatException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }

  /**
   * Reads a number.
   *
   * @param text the number
   * @return its value, unsigned
   * @throws NumberFormatException with a message for the user, if it is not one
   */
  public static long parse(String text) {
    Matcher matcher = NUMBER.matcher(text);
    if (!matcher.matches()) {
      throw new NumberFormatException("'" + text + "' is not a number, " + EXPECTED);
    }
    String hex = matcher.group("hex");
    BigInteger value =
        hex != null ? new BigInteger(hex, 16) : new BigInteger(matcher.group("decimal"));
    String unit = matcher.group("unit").toUpperCase(Locale.ROOT);
    BigInteger scaled =
        unit.isEmpty() ? value : value.shiftLeft(UNIT_LOG2 * (UNITS.indexOf(unit) + 1));
    if (scaled.bitLength() > Long.SIZE) {
      throw new NumberFormatException("'" + text + "' is too large, " + EXPECTED);
    }
    return scaled.longValue();
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
   * @return the number in the largest unit that divides it: 4K, 2M, 1G, 12345
   */
  public static String size(long bytes) {
    int unit = bytes == 0 ? 0 : Long.numberOfTrailingZeros(bytes) / UNIT_LOG2;
    String number = Long.toUnsignedString(bytes >>> (unit * UNIT_LOG2));
    return unit == 0 ? number : number + UNITS.charAt(unit - 1);
  }
}
