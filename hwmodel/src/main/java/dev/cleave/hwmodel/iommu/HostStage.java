package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.rmp.ReverseMap;
import org.jspecify.annotations.Nullable;

/**
 * A translation through the host table: of a request, or of an address that a guest table uses. The
 * IOTLB answers, or a walk does. Its faults are logged without PASID, at the address it was given.
 *
 * <p>For the hardware's thread only.
 */
final class HostStage {
  private final Iotlb iotlb;
  private final HostWalker walker;
  private final @Nullable ReverseMap rmpOnHit;
  private final RequestFault fault;
  private final Statistics statistics;

  /** What answered last, as the IOTLB keeps it. */
  private long translation;

  HostStage(
      Iotlb iotlb,
      HostWalker walker,
      @Nullable ReverseMap rmpOnHit,
      RequestFault fault,
      Statistics statistics) {
    this.iotlb = iotlb;
    this.walker = walker;
    this.rmpOnHit = rmpOnHit;
    this.fault = fault;
    this.statistics = statistics;
  }

  /** Translates through a host table that is there, or fills the fault and returns its outcome. */
  long translate(DeviceContext device, long iova, boolean isPrivate, boolean write) {
    if ((iova & device.beyondTable) != 0) {
      return pageFault(Choices.TOO_WIDE_FLAGS, iova, write);
    }
    long found = iotlb.find(isPrivate ? device.privateTag : device.tag, iova);
    if (found == 0) {
      statistics.iotlbMisses++;
      return walk(device, iova, isPrivate, write);
    }
    int needed = write ? device.neededToWrite : device.neededToRead;
    if ((found & needed) == needed) {
      statistics.iotlbHits++;
      translation = found;
      long paddr = Iotlb.output(found, iova);
      long refused = checkOnHit(device, iova, isPrivate, paddr, found, write);
      return refused == 0 ? paddr : refused;
    }
    if ((found & (write ? Permission.WRITE : Permission.READ)) == 0) {
      // A cached translation that forbids it is an answer: only an invalidation changes it.
      statistics.iotlbHits++;
      return forbidden(iova, write);
    }
    statistics.markWalks++;
    return walk(device, iova, isPrivate, write);
  }

  /** Translates an address that a guest table uses; without a host table it is its own. */
  long translateOfGuest(DeviceContext device, long gpa, boolean isPrivate, boolean write) {
    if (device.levels == DeviceTableEntry.MODE_NONE) {
      translation = Iotlb.IDENTITY;
      return gpa;
    }
    return translate(device, gpa, isPrivate, write);
  }

  /** What answered the last translation that was no fault. */
  long translation() {
    return translation;
  }

  /** Asks the RMP about a cached translation, if it is asked then; 0 if it allows the access. */
  long checkOnHit(
      DeviceContext device, long gpa, boolean isPrivate, long paddr, long found, boolean write) {
    return rmpOnHit == null
        ? 0
        : walker.checkRmp(rmpOnHit, device, gpa, isPrivate, paddr, Iotlb.isLarge(found), write);
  }

  /** Refuses because a right is missing. */
  long forbidden(long iova, boolean write) {
    return pageFault(Event.PR | Event.PE, iova, write);
  }

  private long walk(DeviceContext device, long iova, boolean isPrivate, boolean write) {
    long outcome = walker.walk(device, iova, isPrivate, write);
    translation = walker.translation();
    return outcome;
  }

  private long pageFault(int flags, long iova, boolean write) {
    return fault.set(Event.IO_PAGE_FAULT, flags | (write ? Event.RW : 0), iova);
  }
}
