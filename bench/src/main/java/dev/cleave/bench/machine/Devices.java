package dev.cleave.bench.machine;

import java.util.List;

/**
 * Which devices use a guest's memory. Immutable.
 *
 * @param kinds of each kind there are some, in each address space; one kind at least
 * @param vTom where the second mapping of all memory begins in the table, a multiple of 2 MiB above
 *     everything that the log maps; 0 for none
 */
public record Devices(List<DeviceKind> kinds, long vTom) {
  /** Devices that are not trusted. */
  public static final Devices UNTRUSTED = new Devices(List.of(DeviceKind.UNTRUSTED), 0);

  /** Checks that what goes by vTOM has one. */
  public Devices {
    kinds = List.copyOf(kinds);
    if (kinds.isEmpty() || kinds.contains(DeviceKind.VTOM) != (vTom != 0)) {
      throw new IllegalArgumentException(
          "there must be a kind of devices, and vTOM where it is used, kinds=%s, vTOM=0x%x"
              .formatted(kinds, vTom));
    }
  }

  /** Whether there are devices of a kind. */
  public boolean has(DeviceKind kind) {
    return kinds.contains(kind);
  }
}
