package dev.cleave.bench.conform;

import dev.cleave.engine.format.DeviceTableEntry;
import org.jspecify.annotations.Nullable;

/**
 * What the device table says of a device.
 *
 * @param entry its entry
 * @param domain whose table the entry names; null where it names none
 */
record Attachment(DeviceTableEntry entry, @Nullable TestDomain domain) {
  /** Whether the entry itself, before any table, permits an access. */
  boolean permits(int access) {
    return entry.kind() == DeviceTableEntry.Kind.INVALID || (entry.access() & access) != 0;
  }
}
