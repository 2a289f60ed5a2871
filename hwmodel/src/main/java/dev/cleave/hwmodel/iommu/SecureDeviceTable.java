package dev.cleave.hwmodel.iommu;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The secure device table. It lies in memory that the firmware keeps for itself, so no address
 * leads to it: {@link TioFirmware} writes it and the IOMMU reads it, and nobody else can do either.
 *
 * <p>Thread-safe; an entry is replaced as a whole.
 */
final class SecureDeviceTable {
  private final Map<Integer, long[]> entries = new ConcurrentHashMap<>();

  /** The eight words of a device, not to be changed; null if it has none. */
  long @Nullable [] entry(int deviceId) {
    return entries.get(deviceId);
  }

  void put(int deviceId, long[] words) {
    entries.put(deviceId, words.clone());
  }

  void remove(int deviceId) {
    entries.remove(deviceId);
  }
}
