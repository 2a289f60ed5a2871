package dev.cleave.hwmodel.iommu;

import org.jspecify.annotations.Nullable;

/**
 * Turns the fault of a request into its event, unless the device table entry suppresses page
 * faults.
 *
 * <p>For the hardware's thread only.
 */
final class FaultLog {
  private final RequestFault fault;
  private final EventLog events;
  private final Statistics statistics;

  FaultLog(RequestFault fault, EventLog events, Statistics statistics) {
    this.fault = fault;
    this.events = events;
    this.statistics = statistics;
  }

  /**
   * Logs the fault as it is filled.
   *
   * @param device whose domain the event names and whose suppression counts; null for neither
   */
  void report(int deviceId, @Nullable DeviceContext device) {
    int domainId = 0;
    if (device != null) {
      if (fault.code == Event.IO_PAGE_FAULT) {
        if (device.suppressAll || (device.suppressRepeated && device.logged)) {
          statistics.eventsSuppressed++;
          return;
        }
        device.logged = true;
      }
      boolean tagged = fault.code == Event.RMP_PAGE_FAULT || fault.code == Event.RMP_HW_ERROR;
      domainId = tagged ? device.vmTag : device.domainId;
    }
    long word =
        fault.pasid == Request.NO_PASID
            ? Event.firstWord(fault.code, deviceId, domainId, fault.flags)
            : Event.guestWord(fault.code, deviceId, fault.pasid, fault.flags);
    events.append(word, fault.address);
  }
}
