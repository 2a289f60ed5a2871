package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import org.jspecify.annotations.Nullable;

/**
 * Fetches commands and carries them out one after the other, each complete before the next. A bad
 * command is logged and stops the ring with the head at it.
 *
 * <p>For the hardware's thread only.
 */
final class CommandProcessor {
  private final PhysicalMemory memory;
  private final RegisterFile registers;
  private final DeviceTable devices;
  private final Iotlb iotlb;
  private final DirectoryCache directories;
  private final @Nullable ReplacementWatch watch;
  private final EventLog events;
  private final Statistics statistics;

  CommandProcessor(
      PhysicalMemory memory,
      RegisterFile registers,
      DeviceTable devices,
      Iotlb iotlb,
      DirectoryCache directories,
      @Nullable ReplacementWatch watch,
      EventLog events,
      Statistics statistics) {
    this.memory = memory;
    this.registers = registers;
    this.devices = devices;
    this.iotlb = iotlb;
    this.directories = directories;
    this.watch = watch;
    this.events = events;
    this.statistics = statistics;
  }

  /** Carries out commands until there are none, the ring stops or the limit is reached. */
  int process(int limit) {
    Ring ring = registers.commands();
    int done = 0;
    while (done < limit && registers.commandsRun() && !ring.isEmpty()) {
      long at = ring.headAddress();
      int error = memory.isBacked(at) ? execute(at) : Event.COMMAND_HARDWARE_ERROR;
      if (error != 0) {
        ring.stop();
        int type = error == Event.COMMAND_HARDWARE_ERROR ? Event.MASTER_ABORT : 0;
        events.append(Event.firstWord(error, 0, 0, type), at);
        return done;
      }
      ring.advanceHead();
      done++;
    }
    return done;
  }

  /** Carries out the command at an address; returns 0 or the code of its error. */
  private int execute(long at) {
    long q0 = memory.getLong(at);
    long q1 = memory.getLong(at + Long.BYTES);
    if (!Command.isWellFormed(q0, q1)) {
      return Event.ILLEGAL_COMMAND_ERROR;
    }
    int operation = Command.operation(q0);
    int error =
        switch (operation) {
          case Command.COMPLETION_WAIT -> completionWait(q0, q1);
          case Command.INVALIDATE_DEVTAB_ENTRY -> {
            devices.invalidate(Command.deviceId(q0));
            yield 0;
          }
          case Command.INVALIDATE_IOMMU_PAGES -> {
            invalidatePages(q0, q1);
            yield 0;
          }
          case Command.INVALIDATE_IOTLB_PAGES -> invalidateDevice(q0, q1, at);
          // The model keeps no interrupt entries.
          case Command.INVALIDATE_INTERRUPT_TABLE -> 0;
          // Prefetching is a hint, and without page requests there is nothing to complete.
          case Command.PREFETCH_IOMMU_PAGES -> needs(Register.FEATURE_PREFETCH);
          case Command.COMPLETE_PPR_REQUEST -> needs(Register.FEATURE_PPR);
          default -> invalidateAll();
        };
    if (error == 0) {
      statistics.countCommand(operation);
    }
    return error;
  }

  private int needs(long feature) {
    return registers.has(feature) ? 0 : Event.ILLEGAL_COMMAND_ERROR;
  }

  private int completionWait(long q0, long q1) {
    if ((q0 & Command.STORE) != 0) {
      long at = Command.storeAddress(q0);
      if (!registers.mayStoreCompletion(at)) {
        return Choices.STORE_OUTSIDE_RANGE_CODE;
      }
      if (!memory.isBacked(at)) {
        return Choices.STORE_INTO_HOLE_CODE;
      }
      memory.setLong(at, q1);
    }
    if ((q0 & Command.INTERRUPT) != 0) {
      registers.setStatus(Register.STATUS_COMPLETION_INTERRUPT);
      if (registers.isEnabled(Register.CONTROL_COMPLETION_INTERRUPT)) {
        statistics.interrupts++;
      }
    }
    return 0;
  }

  private void invalidatePages(long q0, long q1) {
    int domainId = Command.domainId(q0);
    long start = Command.rangeStart(q1);
    int log2 = Command.rangeLog2(q1);
    boolean withDirectories = (q1 & Command.DIRECTORIES) != 0;
    if ((q1 & Command.GUEST) != 0) {
      int pasid = Command.pasid(q0);
      statistics.iotlbDropped += iotlb.invalidateGuest(domainId, pasid, start, log2);
      if (withDirectories) {
        statistics.directoriesDropped += directories.invalidateGuest(domainId, pasid, start, log2);
      }
      return;
    }
    if (watch != null) {
      watch.flushed(CacheTag.host(domainId), start, log2);
    }
    statistics.iotlbDropped += iotlb.invalidateHost(domainId, start, log2);
    if (withDirectories) {
      statistics.directoriesDropped += directories.invalidateHost(domainId, start, log2);
    }
  }

  /** Only a device that may have a cache of its own can be told to drop what it holds. */
  private int invalidateDevice(long q0, long q1, long at) {
    int deviceId = Command.deviceId(q0);
    DeviceContext device = devices.cached(deviceId);
    if (device == null && devices.holds(deviceId)) {
      device = devices.read(deviceId);
    }
    if (device == null || !device.hasIotlb) {
      return Event.ILLEGAL_COMMAND_ERROR;
    }
    DeviceCache cache = devices.attachedCache(deviceId);
    if (cache != null && !invalidate(cache, q0, q1)) {
      // The device is logged, the ring goes on.
      events.append(Event.firstWord(Event.IOTLB_INV_TIMEOUT, deviceId, 0, 0), at);
    }
    return 0;
  }

  private static boolean invalidate(DeviceCache cache, long q0, long q1) {
    long start = Command.rangeStart(q1);
    int log2 = Command.rangeLog2(q1);
    return (q1 & Command.GUEST) == 0
        ? cache.invalidate(start, log2)
        : cache.invalidate(Command.devicePasid(q0), start, log2);
  }

  private int invalidateAll() {
    if (!registers.has(Register.FEATURE_INVALIDATE_ALL)) {
      return Event.ILLEGAL_COMMAND_ERROR;
    }
    if (watch != null) {
      watch.flushedAll();
    }
    devices.invalidateAll();
    statistics.iotlbDropped += iotlb.clear();
    statistics.directoriesDropped += directories.clear();
    return 0;
  }
}
