package dev.cleave.hwmodel.iommu;

/**
 * A translation through a guest table, and through the host table under it if there is one. The
 * IOTLB answers for both at once, or a walk does. Faults of the guest table are logged with GN and
 * the PASID, at the address of the device; those of the host table are {@link HostStage}'s.
 *
 * <p>For the hardware's thread only.
 */
final class GuestStage {
  private final Iotlb iotlb;
  private final GuestWalker walker;
  private final HostStage host;
  private final GuestAddresses addresses;
  private final RequestFault fault;
  private final Statistics statistics;

  GuestStage(
      Iotlb iotlb,
      GuestWalker walker,
      HostStage host,
      GuestAddresses addresses,
      RequestFault fault,
      Statistics statistics) {
    this.iotlb = iotlb;
    this.walker = walker;
    this.host = host;
    this.addresses = addresses;
    this.fault = fault;
    this.statistics = statistics;
  }

  /**
   * Translates, or fills the fault and returns its outcome.
   *
   * @param pasid of the request, or {@link Request#NO_PASID} for the table of PASID 0
   * @param flags as in {@link Request}
   */
  long translate(DeviceContext device, int pasid, long gva, int flags) {
    boolean hasPasid = pasid != Request.NO_PASID;
    int table = hasPasid ? pasid : 0;
    if (!device.hasGuestTables) {
      return pageFault(Choices.NO_GUEST_TABLE_FLAGS, table, gva, flags);
    }
    if (table >>> device.pasidBits != 0) {
      return pageFault(Choices.PASID_OUT_OF_RANGE_FLAGS, table, gva, flags);
    }
    if (!addresses.holds(gva, HostEntry.coverLog2(device.guestLevels + 1), hasPasid)) {
      return pageFault(Choices.TOO_WIDE_FLAGS, table, gva, flags);
    }
    int at = iotlb.locate(device.guestTag(table), gva);
    if (at < 0) {
      statistics.iotlbMisses++;
      return walker.walk(device, table, gva, flags);
    }
    long found = iotlb.translation(at);
    long needed = device.guestNeeded[flags];
    if ((found & needed) == needed) {
      statistics.iotlbHits++;
      boolean write = Request.isWrite(flags);
      long paddr = Iotlb.output(found, gva);
      long refused =
          host.checkOnHit(device, iotlb.gpa(at, gva), Iotlb.isPrivate(found), paddr, found, write);
      return refused == 0 ? paddr : refused;
    }
    return incomplete(device, table, gva, flags, at);
  }

  /** A cached translation that forbids the request, or lacks A or D. */
  private long incomplete(DeviceContext device, int pasid, long gva, int flags, int at) {
    long found = iotlb.translation(at);
    long rights = device.guestRightsNeeded[flags];
    boolean write = Request.isWrite(flags);
    if ((found & rights) != rights) {
      statistics.iotlbHits++;
      return pageFault(Event.PR | Event.PE, pasid, gva, flags);
    }
    // If D is clear its own entry comes before what it leads to, and may be forbidden as well.
    boolean isMarked = !write || (found & Iotlb.GUEST_DIRTY) != 0;
    if (isMarked && (found & (write ? Permission.WRITE : Permission.READ)) == 0) {
      statistics.iotlbHits++;
      return host.forbidden(iotlb.gpa(at, gva), write);
    }
    statistics.markWalks++;
    return walker.walk(device, pasid, gva, flags);
  }

  private long pageFault(int reason, int pasid, long gva, int flags) {
    return fault.setGuest(Event.IO_PAGE_FAULT, reason | Request.eventFlags(flags), gva, pasid);
  }
}
