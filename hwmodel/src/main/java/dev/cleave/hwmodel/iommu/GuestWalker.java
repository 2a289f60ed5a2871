package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.cpu.X86Entry;
import dev.cleave.hwmodel.memory.PhysicalMemory;

/**
 * Walks guest tables. All addresses in them are the host table's to translate, if there is one:
 *
 * <ol>
 *   <li>the GCR3 table leads from the PASID to the guest table, unless a cached directory does;
 *   <li>read each entry: no memory is a hardware error, P = 0 a fault; reserved bits; set A in a
 *       directory;
 *   <li>the leaf: do all entries together allow the request; may its own entry be marked; does the
 *       host table, and with it the RMP, allow the access that it leads to; set A and D in one
 *       atomic operation, and walk again if the entry is no longer what was read; cache both stages
 *       as one translation of the smaller size.
 * </ol>
 *
 * <p>A trusted device's tables are private memory, whatever their addresses say; its leaves say by
 * a bit whether what they lead to is.
 *
 * <p>For the hardware's thread only; software may change tables meanwhile.
 */
final class GuestWalker {
  /** No outcome of a walk: it must be done again. */
  private static final long AGAIN = Long.MIN_VALUE;

  private final PhysicalMemory memory;

  private final Iotlb iotlb;
  private final DirectoryCache directories;
  private final HostStage host;
  private final RequestFault fault;
  private final Statistics statistics;

  GuestWalker(
      PhysicalMemory memory,
      Iotlb iotlb,
      DirectoryCache directories,
      HostStage host,
      RequestFault fault,
      Statistics statistics) {
    this.memory = memory;
    this.iotlb = iotlb;
    this.directories = directories;
    this.host = host;
    this.fault = fault;
    this.statistics = statistics;
  }

  /** Translates, or fills the fault and returns its outcome. */
  long walk(DeviceContext device, int pasid, long gva, int flags) {
    statistics.guestWalks++;
    long outcome = attempt(device, pasid, gva, flags);
    while (outcome == AGAIN) {
      statistics.restarts++;
      outcome = attempt(device, pasid, gva, flags);
    }
    return outcome;
  }

  private long attempt(DeviceContext device, int pasid, long gva, int flags) {
    long tag = device.guestTag(pasid);
    int level = device.guestLevels;
    int rights = X86Entry.ALL_RIGHTS;
    long table;
    long start = cachedDirectory(tag, gva, level);
    if (start != 0) {
      statistics.directoryHits++;
      table = DirectoryCache.table(start);
      rights = DirectoryCache.rights(start);
      level = cachedLevel;
    } else {
      table = top(device, pasid, gva, flags);
      if (table < 0) {
        return table;
      }
      directories.putGuest(tag, gva, level, table, rights);
    }
    while (true) {
      long at = X86Entry.slot(table, level, gva);
      long spa = host.translateOfGuest(device, at, device.isTrusted, false);
      if (spa < 0) {
        return spa;
      }
      long entry = memory.getLongOr(spa, 0);
      statistics.guestSteps++;
      if ((entry & X86Entry.PRESENT) == 0) {
        return absent(entry, spa, pasid, gva, flags);
      }
      if (X86Entry.hasReservedBit(entry & device.guestPlainMask, level)) {
        return pageFault(Choices.RESERVED_FLAGS, pasid, gva, flags);
      }
      rights &= X86Entry.rights(entry);
      if (X86Entry.isLeaf(entry, level)) {
        return leaf(device, pasid, gva, flags, entry, at, spa, level, rights);
      }
      long refused = mayMark(device, at, entry, Choices.GUEST_DIRECTORY_MARK);
      if (refused != 0) {
        return refused;
      }
      if (!mark(spa, entry, Choices.GUEST_DIRECTORY_MARK)) {
        return AGAIN;
      }
      level--;
      table = entry & X86Entry.ADDRESS & device.guestPlainMask;
      directories.putGuest(tag, gva, level, table, rights);
    }
  }

  /** Level of the table that {@link #cachedDirectory} found. */
  private int cachedLevel;

  /** The lowest cached table on the way to an address, the top included, or 0. */
  private long cachedDirectory(long tag, long gva, int levels) {
    if (directories.isEmpty()) {
      return 0;
    }
    for (int level = 1; level <= levels; level++) {
      long found = directories.find(tag, gva, level);
      if (found != 0) {
        cachedLevel = level;
        return found;
      }
    }
    return 0;
  }

  /** Where a PASID's guest table begins, or the outcome of a fault. */
  private long top(DeviceContext device, int pasid, long gva, int flags) {
    long table = device.gcr3Root & device.guestPlainMask;
    for (int level = device.gcr3Levels; level > 0; level--) {
      long spa =
          host.translateOfGuest(
              device, Gcr3Entry.slot(table, level, pasid), device.isTrusted, false);
      if (spa < 0) {
        return spa;
      }
      long entry = memory.getLongOr(spa, 0);
      statistics.guestSteps++;
      if ((entry & Gcr3Entry.VALID) == 0) {
        return absent(entry, spa, pasid, gva, flags);
      }
      if (Gcr3Entry.hasReservedBit(entry)) {
        return pageFault(Choices.RESERVED_FLAGS, pasid, gva, flags);
      }
      table = entry & Gcr3Entry.ADDRESS & device.guestPlainMask;
    }
    return table;
  }

  private long leaf(
      DeviceContext device,
      int pasid,
      long gva,
      int flags,
      long entry,
      long at,
      long entrySpa,
      int level,
      int rights) {
    int needed = Request.rights(flags);
    if ((rights & needed) != needed) {
      return pageFault(Event.PR | Event.PE, pasid, gva, flags);
    }
    boolean write = Request.isWrite(flags);
    long marks = X86Entry.ACCESSED | (write ? X86Entry.DIRTY : 0);
    long refused = mayMark(device, at, entry, marks);
    if (refused != 0) {
      return refused;
    }
    long gpa = X86Entry.output(entry & device.guestPlainMask, level, gva);
    boolean isPrivate = (entry & device.guestPrivateBit) != 0;
    long spa = host.translateOfGuest(device, gpa, isPrivate, write);
    if (spa < 0) {
      return spa;
    }
    if (!mark(entrySpa, entry, marks)) {
      return AGAIN;
    }
    long dirty = ((entry | marks) & X86Entry.DIRTY) != 0 ? Iotlb.GUEST_DIRTY : 0;
    iotlb.putGuest(
        device.guestTag(pasid),
        gva,
        gpa,
        spa,
        X86Entry.coverLog2(level),
        Iotlb.guestRights(rights) | dirty | Iotlb.privateFlag(isPrivate),
        host.translation());
    return spa;
  }

  /**
   * Asks the host table whether an entry may be written, if it must be; 0 or the outcome of a
   * fault. Where the entry is, its reading has told: a table that changed since is not looked at
   * anew.
   */
  private long mayMark(DeviceContext device, long at, long entry, long bits) {
    return (entry & bits) == bits
        ? 0
        : Math.min(host.translateOfGuest(device, at, device.isTrusted, true), 0);
  }

  /** Sets bits that are not set yet; false if the entry is no longer what was read. */
  private boolean mark(long spa, long entry, long bits) {
    if ((entry & bits) == bits) {
      return true;
    }
    statistics.marks++;
    return memory.compareAndSetLong(spa, entry, entry | bits);
  }

  /** An entry that is not present, or of which there is no memory. */
  private long absent(long entry, long spa, int pasid, long gva, int flags) {
    if (entry == 0 && !memory.isBacked(spa)) {
      // RW and GN tell the request; what else flags could tell of it is not defined here.
      int told = Request.eventFlags(flags) & (Event.GN | Event.RW);
      return fault.setGuest(Event.PAGE_TAB_HARDWARE_ERROR, Event.MASTER_ABORT | told, spa, pasid);
    }
    return pageFault(0, pasid, gva, flags);
  }

  private long pageFault(int reason, int pasid, long gva, int flags) {
    return fault.setGuest(Event.IO_PAGE_FAULT, reason | Request.eventFlags(flags), gva, pasid);
  }
}
