package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The device table in memory and the cache of its entries. An entry is kept, whatever it says,
 * until a command drops it.
 *
 * <p>For the hardware's thread only.
 */
final class DeviceTable {
  private static final int DEVICES = 1 << 16;

  private final PhysicalMemory memory;
  private final RegisterFile registers;
  private final Statistics statistics;
  private final SecureDeviceTable secure;
  private final DeviceRules rules;

  /** One for each device ever seen, so that reading one anew allocates nothing. */
  private final @Nullable DeviceContext[] contexts = new @Nullable DeviceContext[DEVICES];

  private final @Nullable DeviceContext[] cached = new @Nullable DeviceContext[DEVICES];

  /** The devices' own caches, where they have one. */
  private final Map<Integer, DeviceCache> attached = new ConcurrentHashMap<>();

  DeviceTable(
      PhysicalMemory memory,
      RegisterFile registers,
      Statistics statistics,
      SecureDeviceTable secure,
      DeviceRules rules) {
    this.memory = memory;
    this.registers = registers;
    this.statistics = statistics;
    this.secure = secure;
    this.rules = rules;
  }

  /** The cached entry of a device, or null. */
  @Nullable DeviceContext cached(int deviceId) {
    return cached[deviceId];
  }

  /** Whether the table is long enough to hold a device's entry. */
  boolean holds(int deviceId) {
    return deviceId < Register.deviceTableEntries(registers.deviceTableBase());
  }

  /** Physical address of a device's entry. */
  long entryAddress(int deviceId) {
    return Register.address(registers.deviceTableBase()) + (long) deviceId * DeviceTableEntry.BYTES;
  }

  /** Reads and caches a device's entry; null if there is no memory. */
  @Nullable DeviceContext read(int deviceId) {
    long at = entryAddress(deviceId);
    if (!memory.isBacked(at)) {
      return null;
    }
    statistics.deviceEntriesRead++;
    long q0;
    long q1;
    long q2;
    // Hardware reads the 32 bytes at once: read until the two words that change together agree.
    do {
      q0 = memory.getLong(at);
      q1 = memory.getLong(at + 8);
      q2 = memory.getLong(at + 16);
    } while (memory.getLong(at) != q0 || memory.getLong(at + 8) != q1);
    DeviceContext context = contexts[deviceId];
    if (context == null) {
      context = new DeviceContext(deviceId);
      contexts[deviceId] = context;
    }
    context.decode(q0, q1, q2, secure.entry(deviceId), rules);
    cached[deviceId] = context;
    return context;
  }

  void attachCache(int deviceId, DeviceCache cache) {
    attached.put(deviceId, cache);
  }

  /** The cache inside a device; null if it has none, and so nothing to drop. */
  @Nullable DeviceCache attachedCache(int deviceId) {
    return attached.get(deviceId);
  }

  void invalidate(int deviceId) {
    cached[deviceId] = null;
  }

  void invalidateAll() {
    Arrays.fill(cached, null);
  }
}
