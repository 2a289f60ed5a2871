package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpVerdict;

/** The fault that an RMP check which does not allow an access ends in. */
final class RmpRefusal {
  private RmpRefusal() {}

  /** Fills the fault; returns the outcome of the request. */
  static long of(
      int verdict, ReverseMap map, RequestFault fault, long gpa, long spa, boolean write) {
    int rw = write ? Event.RW : 0;
    return verdict == RmpVerdict.UNREADABLE
        ? fault.set(Event.RMP_HW_ERROR, Choices.RMP_ERROR_FLAGS | rw, map.unreadableAddress(spa))
        : fault.set(Event.RMP_PAGE_FAULT, Choices.RMP_FAULT_FLAGS | rw, gpa);
  }
}
