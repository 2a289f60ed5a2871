package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpEntry;
import dev.cleave.hwmodel.rmp.RmpInstructions;
import dev.cleave.hwmodel.rmp.RmpResult;
import org.jspecify.annotations.Nullable;

/**
 * PSMASH_IO of one page, while all DMA waits: looks whether everything is as it must be, smashes
 * the RMP entry, hands A and D of the leaf to the prefilled entries, puts their directory where the
 * leaf was, and drops from the IOTLB what leads into the page. Unless it succeeds nothing changes.
 *
 * <p>For who holds the gate only.
 */
final class PsmashIo {
  private static final int LARGE_LOG2 = 21;
  private static final long PAGE_BYTES = 4096;
  private static final int PAGES = 512;

  private final PhysicalMemory memory;
  private final ReverseMap rmp;
  private final RmpInstructions cpu;
  private final long plainMask;
  private final TioFirmware firmware;
  private final Iotlb iotlb;
  private final @Nullable ReplacementWatch watch;
  private final Statistics statistics;

  /** What is wrong with a table entry, and where the last page failed. */
  private int entryError;

  private int phase;

  PsmashIo(
      PhysicalMemory memory,
      ReverseMap rmp,
      long encryptionBit,
      TioFirmware firmware,
      Iotlb iotlb,
      @Nullable ReplacementWatch watch,
      Statistics statistics) {
    this.memory = memory;
    this.rmp = rmp;
    this.cpu = new RmpInstructions(rmp);
    this.plainMask = ~encryptionBit;
    this.firmware = firmware;
    this.iotlb = iotlb;
    this.watch = watch;
    this.statistics = statistics;
  }

  /** Carries out the entry at an address, which has memory; returns its status. */
  int execute(long at) {
    long page = memory.getLong(at);
    long table = memory.getLong(at + 8);
    long slot = memory.getLong(at + 16) & plainMask;
    long last = memory.getLong(at + 24);
    entryError = 0;
    phase = PsmashEntry.VALIDATE;
    int status = whyNot(page, table, slot, last);
    if (status == MigrationStatus.SUCCESS) {
      status = exchange(page, table, slot);
    }
    int told = status == MigrationStatus.SUCCESS ? 0 : phase;
    memory.setLong(at + 24, PsmashEntry.withResult(last, status, told, entryError));
    return status;
  }

  private int whyNot(long page, long table, long slot, long last) {
    if (PsmashEntry.hasReservedBit(last)) {
      return MigrationStatus.RESERVED_BITS;
    }
    if (page % ReverseMap.REGION_BYTES != 0) {
      return MigrationStatus.PAGE_ADDRESS;
    }
    if ((table & plainMask) % PAGE_BYTES != 0 || slot % Long.BYTES != 0) {
      return slot % Long.BYTES != 0 ? MigrationStatus.DESTINATION : MigrationStatus.SOURCE;
    }
    int reachable = whyNotReachable(page, table & plainMask, slot);
    if (reachable != MigrationStatus.SUCCESS) {
      phase = PsmashEntry.ACCESS;
      return reachable;
    }
    int asid = firmware.asidOf(PsmashEntry.context(last));
    if (asid == 0) {
      return MigrationStatus.GUEST_CONTEXT;
    }
    int owned = whyNotOwned(page, asid);
    return owned == MigrationStatus.SUCCESS ? whyNotTable(page, table, slot) : owned;
  }

  private int whyNotReachable(long page, long table, long slot) {
    if (!rmp.isUsable(page)) {
      return MigrationStatus.RMP_ADDRESS;
    }
    if (!memory.isBacked(table)) {
      return MigrationStatus.SOURCE;
    }
    return memory.isBacked(slot) ? MigrationStatus.SUCCESS : MigrationStatus.DESTINATION;
  }

  private int whyNotOwned(long page, int asid) {
    long entry = memory.getLong(rmp.headAddress(page));
    if (RmpEntry.isLocked(entry)) {
      return MigrationStatus.RMP_NOT_EXCLUSIVE;
    }
    if (!RmpEntry.isAssigned(entry) || (entry & (RmpEntry.IMMUTABLE | RmpEntry.VMSA)) != 0) {
      return MigrationStatus.PAGE_STATE;
    }
    if (!RmpEntry.isLarge(entry)) {
      return MigrationStatus.PAGE_SIZE;
    }
    return RmpEntry.asid(entry) == asid ? MigrationStatus.SUCCESS : MigrationStatus.GUEST;
  }

  private int whyNotTable(long page, long table, long slot) {
    long leaf = memory.getLong(slot);
    if (!HostEntry.isPlainLeaf(leaf) || (leaf & HostEntry.ADDRESS & plainMask) != page) {
      entryError = PsmashEntry.NO_LEAF;
      return MigrationStatus.HOST_ENTRY;
    }
    for (int i = 0; i < PAGES; i++) {
      long entry = memory.getLong((table & plainMask) + (long) i * Long.BYTES);
      if (!HostEntry.isPlainLeaf(entry) || HostEntry.differsInAttributes(entry, leaf)) {
        entryError = PsmashEntry.BAD_PREFILLED;
        return MigrationStatus.HOST_ENTRY;
      }
      if ((entry & HostEntry.ADDRESS) != (leaf & HostEntry.ADDRESS) + i * PAGE_BYTES) {
        return MigrationStatus.ADDRESSES_DIFFER;
      }
    }
    return MigrationStatus.SUCCESS;
  }

  private int exchange(long page, long table, long slot) {
    int result = cpu.psmash(page);
    if (result != RmpResult.SUCCESS) {
      return result == RmpResult.FAIL_IN_USE
          ? MigrationStatus.RMP_NOT_EXCLUSIVE
          : MigrationStatus.PAGE_STATE;
    }
    long marks = memory.getLong(slot) & Choices.SMASHED_MARKS;
    for (int i = 0; i < PAGES && marks != 0; i++) {
      memory.getAndOrLong((table & plainMask) + (long) i * Long.BYTES, marks);
    }
    memory.setLong(slot, HostEntry.directory(table, 1));
    if (watch != null) {
      watch.exchanged(slot);
    }
    statistics.iotlbDropped += iotlb.invalidateOutput(page, LARGE_LOG2);
    return MigrationStatus.SUCCESS;
  }
}
