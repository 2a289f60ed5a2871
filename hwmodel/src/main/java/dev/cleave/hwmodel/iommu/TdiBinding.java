package dev.cleave.hwmodel.iommu;

import org.jspecify.annotations.Nullable;

/**
 * How a device interface (TDI) is bound to a guest: what the host tells the firmware, which writes
 * it into the {@link SecureDeviceEntry}. Immutable.
 *
 * @param domainId the tag of everything cached for the device, 0 to 0xffff; its flushes name it.
 *     The device table entry's own must be 0 while the secure one is valid
 * @param guestId the number the IOMMU has for the guest, 0 to 0x7fff
 * @param guestDeviceId what the guest calls the device, 0 to 0xffff
 * @param hasIotlb whether the device has a translation cache of its own; as in its device table
 *     entry
 * @param tables the guest's tables, which it manages by a secure virtual IOMMU; null for none
 */
public record TdiBinding(
    int domainId, int guestId, int guestDeviceId, boolean hasIotlb, @Nullable GuestTables tables) {

  /**
   * The tables of a guest.
   *
   * @param gcr3Root guest physical address of the GCR3 table, 4 KiB-aligned, below 2^52
   * @param gcr3Levels of that table, 1 to 3
   * @param levels of each guest table, 4 or 5
   * @param withoutPasid whether requests without PASID use the guest table of PASID 0; else they
   *     use the host table alone
   */
  public record GuestTables(long gcr3Root, int gcr3Levels, int levels, boolean withoutPasid) {
    /** Checks the ranges. */
    public GuestTables {
      if (gcr3Root % 4096 != 0
          || gcr3Root >>> 52 != 0
          || gcr3Levels < 1
          || gcr3Levels > DeviceTableEntry.MAX_GCR3_LEVELS
          || levels < 4
          || levels > 5) {
        throw new IllegalArgumentException(
            ("guest tables must have a GCR3 table of 1 to 3 levels at a page below 2^52 and 4 or 5"
                    + " levels, root=0x%x, GCR3 levels=%d, levels=%d")
                .formatted(gcr3Root, gcr3Levels, levels));
      }
    }
  }

  /** Checks the ranges. */
  public TdiBinding {
    if ((domainId | guestDeviceId) >>> 16 != 0 || guestId >>> 15 != 0) {
      throw new IllegalArgumentException(
          ("a binding must have a domain and a device id of 16 bits and a guest id of 15,"
                  + " domain=%d, device=%d, guest=%d")
              .formatted(domainId, guestDeviceId, guestId));
    }
  }

  /**
   * A binding of a guest without tables of its own.
   *
   * @param domainId the tag of everything cached for the device
   * @return with guest id and device id 0 and no cache in the device
   */
  public static TdiBinding of(int domainId) {
    return new TdiBinding(domainId, 0, 0, false, null);
  }

  /**
   * The same with tables of the guest's.
   *
   * @param guestTables what they are
   * @return a new binding
   */
  public TdiBinding withTables(GuestTables guestTables) {
    return new TdiBinding(domainId, guestId, guestDeviceId, hasIotlb, guestTables);
  }
}
