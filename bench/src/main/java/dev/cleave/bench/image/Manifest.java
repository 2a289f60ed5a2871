package dev.cleave.bench.image;

import dev.cleave.engine.format.DeviceTableEntry;
import java.util.List;
import java.util.OptionalLong;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/**
 * What {@code manifest.json} says of a page image.
 *
 * <p>Immutable.
 *
 * @param deviceTable the device table base register, where the image says it
 * @param devices each device's entry, by its name {@code BB:DD.F}
 * @param domains the domains, in the manifest's order
 * @param rmpDump the file beside it that tells of the RMP in lines of dmesg, or null
 */
public record Manifest(
    OptionalLong deviceTable,
    SequencedMap<DeviceId, DeviceTableEntry> devices,
    List<Domain> domains,
    @Nullable String rmpDump) {
  /** What is said of an image without an RMP. */
  public Manifest(
      OptionalLong deviceTable,
      SequencedMap<DeviceId, DeviceTableEntry> devices,
      List<Domain> domains) {
    this(deviceTable, devices, domains, null);
  }

  /**
   * A domain.
   *
   * @param domainId 0 to 0xFFFF
   * @param root physical address of its top table
   * @param mode levels of its table
   * @param devices the devices attached to it
   * @param isX86 whether its table is of the x86-64 format, which a nested table is
   */
  public record Domain(int domainId, long root, int mode, List<DeviceId> devices, boolean isX86) {
    /** A domain whose table is an AMD v1 table. */
    public Domain(int domainId, long root, int mode, List<DeviceId> devices) {
      this(domainId, root, mode, devices, false);
    }
  }
}
