package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import dev.cleave.hwmodel.rmp.ReverseMap;
import java.util.concurrent.locks.Lock;

/**
 * The engine that moves memory under DMA, as far as it exchanges page sizes: PSMASH_IO. Software
 * describes a ring by registers, appends {@link MigrationCommand} entries and writes the head; the
 * engine works up to it while all DMA waits, and moves the tail. One of the two engines there are.
 *
 * <p>By choice of the model: a write of the head, or the end of a pause, returns when everything is
 * done; the engine reaches memory untranslated, where the real one is a device whose tables must
 * lead every address to itself; the ring's page must be the hypervisor's, where real hosts fix it
 * in that state for good. The list of a PSMASH_IO of several pages is done in turn, and goes on
 * after one that fails.
 *
 * <p>Thread-safe. AMD 58151 revision 0.51, as one driver has it.
 */
public final class MigrationEngine {
  private static final int PAGE_BYTES = 4096;
  private static final int MAX_RING_PAGES = 512;

  private final PsmashIo psmash;
  private final PhysicalMemory memory;
  private final ReverseMap rmp;
  private final long plainMask;
  private final Statistics statistics;
  private final Lock gate;
  private int control;
  private int head;
  private int tail;
  private int ringPages;
  private int ringLow;
  private int ringHigh;
  private int threshold;
  private int status = MigrationRegister.STATUS_READY;

  MigrationEngine(
      PsmashIo psmash,
      PhysicalMemory memory,
      ReverseMap rmp,
      long encryptionBit,
      Statistics statistics,
      Lock gate) {
    this.psmash = psmash;
    this.memory = memory;
    this.rmp = rmp;
    this.plainMask = ~encryptionBit;
    this.statistics = statistics;
    this.gate = gate;
  }

  /**
   * Reads a register.
   *
   * @param offset as in {@link MigrationRegister}
   * @return its 4 bytes; 0 if there is none
   */
  public int readRegister(int offset) {
    gate.lock();
    try {
      return switch (offset) {
        case MigrationRegister.CONTROL -> control;
        case MigrationRegister.TAIL -> tail;
        case MigrationRegister.HEAD -> head;
        case MigrationRegister.RING_DATA -> ringPages;
        case MigrationRegister.RING_LOW -> ringLow;
        case MigrationRegister.RING_HIGH -> ringHigh;
        case MigrationRegister.THRESHOLD -> threshold;
        case MigrationRegister.STATUS -> status;
        default -> 0;
      };
    } finally {
      gate.unlock();
    }
  }

  /**
   * Writes a register, and does what it asks for. What describes the ring is looked at when it is
   * initialised; tail and status ignore writes.
   *
   * @param offset as in {@link MigrationRegister}; where there is none, nothing happens
   * @param value its 4 bytes
   */
  public void writeRegister(int offset, int value) {
    gate.lock();
    long begin = System.nanoTime();
    try {
      switch (offset) {
        case MigrationRegister.CONTROL -> writeControl(value);
        case MigrationRegister.HEAD -> head = value;
        case MigrationRegister.RING_DATA -> ringPages = value;
        case MigrationRegister.RING_LOW -> ringLow = value;
        case MigrationRegister.RING_HIGH -> ringHigh = value;
        case MigrationRegister.THRESHOLD -> threshold = value;
        default -> {}
      }
      if (offset == MigrationRegister.HEAD || offset == MigrationRegister.CONTROL) {
        work();
      }
    } finally {
      statistics.stallNanos += System.nanoTime() - begin;
      gate.unlock();
    }
  }

  private void writeControl(int value) {
    control = value & MigrationRegister.CONTROL_PAUSE;
    if ((value & MigrationRegister.CONTROL_INIT) != 0) {
      head = 0;
      tail = 0;
      int toggled = (status ^ MigrationRegister.STATUS_TOGGLE) & MigrationRegister.STATUS_TOGGLE;
      status =
          MigrationRegister.STATUS_READY
              | toggled
              | (isRingUsable()
                  ? MigrationRegister.STATUS_INITIALISED
                  : MigrationRegister.STATUS_RING_ERROR);
    }
  }

  private long ring() {
    return (Integer.toUnsignedLong(ringLow) | (long) ringHigh << Integer.SIZE) & plainMask;
  }

  private int ringEntries() {
    return ringPages * (PAGE_BYTES / MigrationCommand.BYTES);
  }

  private boolean isRingUsable() {
    long ring = ring();
    if (ring % ReverseMap.REGION_BYTES != 0 || ringPages < 1 || ringPages > MAX_RING_PAGES) {
      return false;
    }
    for (int page = 0; page < ringPages; page++) {
      long at = ring + (long) page * PAGE_BYTES;
      if (!memory.isBacked(at) || !rmp.isHypervisors(at, false)) {
        return false;
      }
    }
    return true;
  }

  /** Does what waits in the ring. */
  private void work() {
    boolean runs =
        (status & MigrationRegister.STATUS_INITIALISED) != 0
            && (status & MigrationRegister.STATUS_POINTER_ERROR) == 0
            && control == 0;
    if (!runs) {
      return;
    }
    if (head < 0 || head >= ringEntries()) {
      status |= MigrationRegister.STATUS_POINTER_ERROR;
      return;
    }
    while (tail != head) {
      long at = ring() + (long) tail * MigrationCommand.BYTES;
      long list = memory.getLong(at) & plainMask;
      long q1 = memory.getLong(at + Long.BYTES);
      memory.setLong(at + Long.BYTES, MigrationCommand.withStatus(q1, execute(list, q1)));
      tail = (tail + 1) % ringEntries();
    }
  }

  private int execute(long list, long q1) {
    if (MigrationCommand.hasReservedBit(q1)) {
      return MigrationStatus.RESERVED_BITS;
    }
    return switch (MigrationCommand.command(q1)) {
      case MigrationCommand.GET_CAPABILITIES -> capabilities(list);
      case MigrationCommand.NOOP -> MigrationStatus.SUCCESS;
      case MigrationCommand.PSMASH_IO -> psmash(list, MigrationCommand.pages(q1));
      default -> MigrationStatus.COMMAND;
    };
  }

  private int capabilities(long at) {
    if (!isBacked(at, 2 * Long.BYTES)) {
      return MigrationStatus.LIST_ADDRESS;
    }
    int shift = MigrationCommand.CAPABILITY_WORD % 2 * Integer.SIZE;
    memory.setLong(at, 0);
    memory.setLong(at + Long.BYTES, (long) MigrationCommand.CAPABILITY_PSMASH_IO << shift);
    return MigrationStatus.SUCCESS;
  }

  private int psmash(long list, int pages) {
    if (pages == 0) {
      return MigrationStatus.PAGE_COUNT;
    }
    if (!isBacked(list, pages * PsmashEntry.BYTES)) {
      return MigrationStatus.LIST_ADDRESS;
    }
    int first = MigrationStatus.SUCCESS;
    int failed = 0;
    for (int page = 0; page < pages; page++) {
      int result = psmash.execute(list + (long) page * PsmashEntry.BYTES);
      if (result != MigrationStatus.SUCCESS) {
        first = failed == 0 ? result : first;
        failed++;
      }
    }
    return failed == 0 || failed == pages ? first : MigrationStatus.PARTIAL;
  }

  private boolean isBacked(long at, int bytes) {
    if (at % MigrationCommand.BYTES != 0) {
      return false;
    }
    for (int offset = 0; offset < bytes; offset += MigrationCommand.BYTES) {
      if (!memory.isBacked(at + offset)) {
        return false;
      }
    }
    return true;
  }
}
