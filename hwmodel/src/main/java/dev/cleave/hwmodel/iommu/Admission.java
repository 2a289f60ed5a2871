package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpVerdict;
import org.jspecify.annotations.Nullable;

/**
 * What is decided about a request before any page table is looked at: whether the IOMMU is on, what
 * the device table says, and the interrupt window.
 *
 * <p>For the hardware's thread only.
 */
final class Admission {
  private static final long INTERRUPT_WINDOW = 0xfeeL;
  private static final int INTERRUPT_WINDOW_LOG2 = 20;
  private static final int SPA_BITS = 52;
  private static final int HYPERTRANSPORT_UNIT_LOG2 = 32;
  private static final long HYPERTRANSPORT_FIRST = 0xfd;
  private static final long HYPERTRANSPORT_UNITS = 3;

  private final RegisterFile registers;
  private final DeviceTable devices;
  private final RequestFault fault;
  private final FaultLog faults;
  private final Statistics statistics;
  private final boolean refusesHyperTransport;
  private final @Nullable ReverseMap rmp;

  /** What became of the last request that was not admitted. */
  private long outcome;

  Admission(
      RegisterFile registers,
      DeviceTable devices,
      RequestFault fault,
      FaultLog faults,
      Statistics statistics,
      boolean refusesHyperTransport,
      @Nullable ReverseMap rmp) {
    this.registers = registers;
    this.devices = devices;
    this.fault = fault;
    this.faults = faults;
    this.statistics = statistics;
    this.refusesHyperTransport = refusesHyperTransport;
    this.rmp = rmp;
  }

  /**
   * The device of a request that goes on to translation; null if {@link #outcome} is decided. A
   * trusted request of a device without valid secure entry is one of the device as it is.
   */
  @Nullable DeviceContext admit(
      int deviceId, long iova, boolean write, boolean hasPasid, boolean isTrusted) {
    statistics.requests++;
    if (!registers.isEnabled()) {
      outcome = untranslated(iova);
      return null;
    }
    DeviceContext device = devices.cached(deviceId);
    if (device == null) {
      device = readDevice(deviceId, iova, write);
      if (device == null) {
        outcome = -fault.code;
        return null;
      }
    }
    if (isTrusted && device.trusted != null) {
      device = device.trusted;
    }
    if (isInterrupt(iova)) {
      outcome = interrupt(device, iova, write);
      return null;
    }
    if (isHyperTransport(iova) && refusesHyperTransport && !hasPasid) {
      outcome = invalidRequest(device, Choices.HYPERTRANSPORT_TYPE, iova, write);
      return null;
    }
    if (device.kind < DeviceContext.NO_TABLE) {
      outcome = withoutTranslation(device, iova, write);
      return null;
    }
    return device;
  }

  /** What became of the last request that was not admitted. */
  long outcome() {
    return outcome;
  }

  /** Passes an address on as it is. */
  long untranslated(long iova) {
    statistics.untranslated++;
    return iova >>> SPA_BITS == 0 ? iova : Outcome.NO_SUCH_ADDRESS;
  }

  private static boolean isInterrupt(long iova) {
    return iova >>> INTERRUPT_WINDOW_LOG2 == INTERRUPT_WINDOW;
  }

  private static boolean isHyperTransport(long iova) {
    long unit = (iova >>> HYPERTRANSPORT_UNIT_LOG2) - HYPERTRANSPORT_FIRST;
    return unit >= 0 && unit < HYPERTRANSPORT_UNITS;
  }

  /** Reads a device table entry; null after a refusal, which is logged. */
  private @Nullable DeviceContext readDevice(int deviceId, long iova, boolean write) {
    int rw = write ? Event.RW : 0;
    if (!devices.holds(deviceId)) {
      fault.set(
          Choices.BEYOND_TABLE_CODE, Choices.BEYOND_TABLE_FLAGS | rw, Choices.BEYOND_TABLE_ADDRESS);
      faults.report(deviceId, null);
      return null;
    }
    DeviceContext device = devices.read(deviceId);
    if (device == null) {
      fault.set(
          Event.DEV_TAB_HARDWARE_ERROR,
          Event.MASTER_ABORT | rw | (isInterrupt(iova) ? Event.I : 0),
          devices.entryAddress(deviceId));
      faults.report(deviceId, null);
    }
    return device;
  }

  private long withoutTranslation(DeviceContext device, long iova, boolean write) {
    int rw = write ? Event.RW : 0;
    return switch (device.kind) {
      case DeviceContext.UNTRANSLATED -> passed(device, iova, write);
      case DeviceContext.BLOCKED -> {
        long refused = fault.set(Event.IO_PAGE_FAULT, rw, iova);
        faults.report(device.deviceId, device);
        yield refused;
      }
      default -> {
        int rz = device.kind == DeviceContext.ILLEGAL_RESERVED ? Event.RZ : 0;
        long refused = fault.set(Event.ILLEGAL_DEV_TABLE_ENTRY, rz | rw, iova & ~3L);
        faults.report(device.deviceId, null);
        yield refused;
      }
    };
  }

  /** Passes an address on as it is, if the RMP lets it. */
  private long passed(DeviceContext device, long iova, boolean write) {
    long spa = untranslated(iova);
    if (rmp == null || !Choices.RMP_CHECKS_UNTRANSLATED || spa < 0) {
      return spa;
    }
    statistics.rmpChecks++;
    int verdict = rmp.checkShared(spa, false);
    if (verdict == RmpVerdict.ALLOWED) {
      return spa;
    }
    long refused = RmpRefusal.of(verdict, rmp, fault, iova, spa, write);
    faults.report(device.deviceId, device);
    return refused;
  }

  /** The interrupt window is never memory: IV, not V, governs it, and it can only be written. */
  private long interrupt(DeviceContext device, long iova, boolean write) {
    statistics.interruptMessages++;
    if (!write) {
      return invalidRequest(device, Choices.INTERRUPT_READ_TYPE, iova, false);
    }
    boolean forbidden =
        device.interruptsValid
            && device.interruptControl != DeviceTableEntry.INTERRUPT_FORWARD
            && device.interruptControl != DeviceTableEntry.INTERRUPT_REMAP;
    return forbidden
        ? invalidRequest(device, Choices.INTERRUPT_FORBIDDEN_TYPE, iova, true)
        : Outcome.INTERRUPT;
  }

  private long invalidRequest(DeviceContext device, int type, long iova, boolean write) {
    long refused =
        fault.set(
            Event.INVALID_DEVICE_REQUEST, Event.requestType(type) | (write ? Event.RW : 0), iova);
    faults.report(device.deviceId, null);
    return refused;
  }
}
