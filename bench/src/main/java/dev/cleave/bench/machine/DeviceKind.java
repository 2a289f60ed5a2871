package dev.cleave.bench.machine;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * How a device reaches guest memory. Source: {@code docs/spec/tee-io.md} §3.
 *
 * <p>Thread-safe: constants.
 */
public enum DeviceKind {
  /** Shared pages alone, by requests that carry no T. */
  UNTRUSTED(0, "untrusted", true, false),
  /** Private pages alone: a secure device table entry without vTOM. */
  TRUSTED(1, "trusted", false, true),
  /** Both by address: private pages below vTOM, shared ones above it, where all is mapped again. */
  VTOM(2, "vtom", true, true),
  /** Both by the C-bit of the guest's own table, which lies in private pages of the guest. */
  GUEST_TABLE(3, "guest-table", true, true);

  /** What stands for all of them at once. */
  private static final String MIXED = "mixed";

  /** How many there are. */
  static final int COUNT = 4;

  private final int number;
  private final String word;
  private final boolean usesShared;
  private final boolean usesPrivate;

  DeviceKind(int number, String word, boolean usesShared, boolean usesPrivate) {
    this.number = number;
    this.word = word;
    this.usesShared = usesShared;
    this.usesPrivate = usesPrivate;
  }

  /** Its number, from 0, which the ids of its devices are made of. */
  int number() {
    return number;
  }

  /** Its name on the command line. */
  public String word() {
    return word;
  }

  /** Whether it may use shared pages. */
  public boolean usesShared() {
    return usesShared;
  }

  /** Whether it may use private pages. */
  public boolean usesPrivate() {
    return usesPrivate;
  }

  /** Whether its requests carry T, and it has a secure device table entry. */
  public boolean isTrusted() {
    return this != UNTRUSTED;
  }

  /**
   * What is meant by a name.
   *
   * @param name a kind's, or {@code mixed} for all of them on one table
   * @throws IllegalArgumentException naming all of them, if it is none
   */
  public static List<DeviceKind> named(String name) {
    if (name.equals(MIXED)) {
      return List.of(values());
    }
    for (DeviceKind kind : values()) {
      if (kind.word.equals(name)) {
        return List.of(kind);
      }
    }
    throw new IllegalArgumentException(
        "'%s' is not a kind of devices, expected %s, %s"
            .formatted(
                name,
                Arrays.stream(values()).map(DeviceKind::word).collect(Collectors.joining(", ")),
                MIXED));
  }
}
