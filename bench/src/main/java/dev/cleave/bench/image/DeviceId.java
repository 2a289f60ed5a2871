package dev.cleave.bench.image;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A PCI device's requester id, as {@code BB:DD.F}.
 *
 * @param value bus in bits 15:8, device in 7:3, function in 2:0
 */
public record DeviceId(int value) {
  private static final Pattern NAME =
      Pattern.compile("([0-9a-fA-F]{1,2}):([01]?[0-9a-fA-F])\\.([0-7])");

  /**
   * Reads a name.
   *
   * @param name such as {@code 00:1f.2}, bus and device hexadecimal
   * @return the id
   * @throws IllegalArgumentException with a message for the user, if it is not one
   */
  public static DeviceId parse(String name) {
    Matcher matcher = NAME.matcher(name);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          "'" + name + "' is not a device, expected BB:DD.F in hexadecimal, such as 00:1f.2");
    }
    return new DeviceId(
        Integer.parseInt(matcher.group(1), 16) << 8
            | Integer.parseInt(matcher.group(2), 16) << 3
            | Integer.parseInt(matcher.group(3), 16));
  }

  @Override
  public String toString() {
    return "%02x:%02x.%x".formatted(value >> 8, value >> 3 & 0x1F, value & 7);
  }
}
