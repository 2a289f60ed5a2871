package dev.cleave.bench.image;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A PCI device: {@code BB:DD.F}, in segment 0 unless {@code SSSS:} stands in front. Each segment
 * has IOMMUs and device tables of its own.
 *
 * @param segment 0 to 2^31 - 1
 * @param value requester id: bus in bits 15:8, device in 7:3, function in 2:0
 */
public record DeviceId(int segment, int value) {
  private static final Pattern NAME =
      Pattern.compile("(?:([0-9a-fA-F]{4,7}):)?([0-9a-fA-F]{1,2}):([01]?[0-9a-fA-F])\\.([0-7])");

  /**
   * A device of segment 0.
   *
   * @param value requester id
   */
  public DeviceId(int value) {
    this(0, value);
  }

  /**
   * Reads a name.
   *
   * @param name such as {@code 00:1f.2} or {@code 0000:00:1f.2}, all hexadecimal
   * @return the id
   * @throws IllegalArgumentException with a message for the user, if it is not one
   */
  public static DeviceId parse(String name) {
    Matcher matcher = NAME.matcher(name);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "'"
              + name
              + "' is not a device, expected BB:DD.F or SSSS:BB:DD.F in hexadecimal, such as"
              + " 00:1f.2");
    }
    return new DeviceId(
        matcher.group(1) == null ? 0 : Integer.parseInt(matcher.group(1), 16),
        Integer.parseInt(matcher.group(2), 16) << 8
            | Integer.parseInt(matcher.group(3), 16) << 3
            | Integer.parseInt(matcher.group(4), 16));
  }

  /** Without its segment when that is 0. */
  @Override
  public String toString() {
    String name = "%02x:%02x.%x".formatted(value >> 8, value >> 3 & 0x1F, value & 7);
    return segment == 0 ? name : "%04x:%s".formatted(segment, name);
  }
}
