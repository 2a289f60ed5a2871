package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpVerdict;
import org.jspecify.annotations.Nullable;

/**
 * Walks host tables. For each entry, from the top or from a cached directory:
 *
 * <ol>
 *   <li>read it; no memory is a hardware error, PR = 0 a fault;
 *   <li>reserved bits; permissions, ANDed with those of the levels above;
 *   <li>a leaf: is its size right for the level; does the RMP allow it; set A and D in one atomic
 *       operation, and walk again if the entry is no longer what was read; cache it;
 *   <li>a directory: is its level lower, are the skipped address bits zero; set A; go on.
 * </ol>
 *
 * <p>For the hardware's thread only; software may change tables meanwhile.
 */
final class HostWalker {
  private static final int LARGE_LOG2 = 21;

  /** No outcome of a walk: it must be done again. */
  private static final long AGAIN = Long.MIN_VALUE;

  private final PhysicalMemory memory;

  /** The address field without the bit that chooses encryption. */
  private final long addressMask;

  private final Iotlb iotlb;
  private final DirectoryCache directories;
  private final @Nullable ReverseMap rmp;
  private final @Nullable ReplacementWatch watch;
  private final RequestFault fault;
  private final Statistics statistics;

  /** What the last walk that did not end in a fault found, as {@link Iotlb} keeps it. */
  private long translation;

  HostWalker(
      PhysicalMemory memory,
      long encryptionBit,
      Iotlb iotlb,
      DirectoryCache directories,
      @Nullable ReverseMap rmp,
      @Nullable ReplacementWatch watch,
      RequestFault fault,
      Statistics statistics) {
    this.memory = memory;
    this.addressMask = HostEntry.ADDRESS & ~encryptionBit;
    this.iotlb = iotlb;
    this.directories = directories;
    this.rmp = rmp;
    this.watch = watch;
    this.fault = fault;
    this.statistics = statistics;
  }

  /** Translates, or fills the fault and returns its outcome. */
  long walk(DeviceContext device, long iova, boolean isPrivate, boolean write) {
    statistics.walks++;
    long outcome = attempt(device, iova, isPrivate, write);
    while (outcome == AGAIN) {
      statistics.restarts++;
      outcome = attempt(device, iova, isPrivate, write);
    }
    return outcome;
  }

  /** What the last walk found, if it did not end in a fault. */
  long translation() {
    return translation;
  }

  private long attempt(DeviceContext device, long iova, boolean isPrivate, boolean write) {
    int needed = write ? Permission.WRITE : Permission.READ;
    int level = device.levels;
    long table = device.root & addressMask;
    int allowed = Permission.ALL;
    long start = cachedDirectory(device, iova);
    if (start != 0) {
      statistics.directoryHits++;
      table = DirectoryCache.table(start);
      allowed = DirectoryCache.permissions(start);
      level = cachedLevel;
      if ((allowed & needed) == 0) {
        return pageFault(Event.PR | Event.PE, iova, write);
      }
    }
    while (true) {
      long at = HostEntry.slot(table, level, iova);
      long entry = memory.getLongOr(at, 0);
      statistics.walkSteps++;
      if ((entry & HostEntry.PRESENT) == 0) {
        return entry == 0 && !memory.isBacked(at)
            ? unreadable(at, write)
            : pageFault(0, iova, write);
      }
      if (watch != null) {
        watch.walked(device.tag, iova, at, level, entry);
      }
      int next = HostEntry.nextLevel(entry);
      boolean leaf = HostEntry.isLeaf(next);
      long reserved = leaf ? HostEntry.RESERVED_IN_LEAF : HostEntry.RESERVED_IN_DIRECTORY;
      if ((entry & reserved) != 0) {
        return pageFault(Choices.RESERVED_FLAGS, iova, write);
      }
      allowed &= HostEntry.permissions(entry);
      if ((allowed & needed) == 0) {
        return pageFault(Event.PR | Event.PE, iova, write);
      }
      if (leaf) {
        return leaf(device, iova, isPrivate, write, entry, at, level, allowed);
      }
      if (next >= level || skippedBits(iova, level, next) != 0) {
        return pageFault(Choices.BAD_LEVEL_FLAGS, iova, write);
      }
      if (device.setsAccessed && !mark(at, entry, Choices.DIRECTORY_MARK)) {
        return AGAIN;
      }
      level = next;
      table = entry & addressMask;
      int flags = allowed | (device.setsAccessed ? DirectoryCache.ACCESSED : 0);
      directories.put(device.tag, iova, level, table, flags);
    }
  }

  /** Level of the table that {@link #cachedDirectory} found. */
  private int cachedLevel;

  /** The lowest cached directory on the way to an address, or 0. */
  private long cachedDirectory(DeviceContext device, long iova) {
    if (directories.isEmpty()) {
      return 0;
    }
    for (int level = 1; level < device.levels; level++) {
      long found = directories.find(device.tag, iova, level);
      if (found != 0 && (!device.setsAccessed || DirectoryCache.isAccessed(found))) {
        cachedLevel = level;
        return found;
      }
    }
    return 0;
  }

  private static long skippedBits(long iova, int level, int next) {
    int from = HostEntry.coverLog2(next + 1);
    return (iova >>> from) & ((1L << (HostEntry.coverLog2(level) - from)) - 1);
  }

  private long leaf(
      DeviceContext device,
      long iova,
      boolean isPrivate,
      boolean write,
      long entry,
      long at,
      int level,
      int allowed) {
    int log2 = leafLog2(entry, level);
    if (log2 == 0) {
      return pageFault(Choices.BAD_LEVEL_FLAGS, iova, write);
    }
    long offset = iova & ((1L << log2) - 1);
    long paddr = (entry & addressMask & -(1L << log2)) | offset;
    if (rmp != null) {
      long refused = checkRmp(rmp, device, iova, isPrivate, paddr, log2 >= LARGE_LOG2, write);
      if (refused != 0) {
        return refused;
      }
    }
    long marks =
        (device.setsAccessed ? HostEntry.ACCESSED : 0)
            | (write && device.setsDirty ? HostEntry.DIRTY : 0);
    if (!mark(at, entry, marks)) {
      return AGAIN;
    }
    long marked = entry | marks;
    int flags =
        allowed
            | ((marked & HostEntry.ACCESSED) != 0 ? Iotlb.ACCESSED : 0)
            | ((marked & HostEntry.DIRTY) != 0 ? Iotlb.DIRTY : 0);
    translation = iotlb.put(isPrivate ? device.privateTag : device.tag, iova, paddr, log2, flags);
    return paddr;
  }

  /** The size of a leaf, or 0 if its level cannot have it. */
  private static int leafLog2(long entry, int level) {
    int own = HostEntry.coverLog2(level);
    int log2 = own;
    if (HostEntry.nextLevel(entry) == HostEntry.SIZED_LEAF) {
      log2 = HostEntry.sizedLeafLog2(entry);
      int least = Choices.SIZED_LEAF_OF_OWN_SIZE ? own : own + 1;
      if (log2 < least || log2 >= HostEntry.coverLog2(level + 1)) {
        return 0;
      }
    }
    return level == HostEntry.MAX_LEVEL
            || log2 > HostEntry.LARGEST_LEAF_LOG2
            || log2 == Choices.FORBIDDEN_LEAF_LOG2
        ? 0
        : log2;
  }

  /** Sets bits that are not set yet; false if the entry is no longer what was read. */
  private boolean mark(long at, long entry, long bits) {
    if ((entry & bits) == bits) {
      return true;
    }
    statistics.marks++;
    return memory.compareAndSetLong(at, entry, entry | bits);
  }

  /** Asks the RMP; 0 if it allows the access, else the outcome with the fault filled. */
  long checkRmp(
      ReverseMap map,
      DeviceContext device,
      long iova,
      boolean isPrivate,
      long paddr,
      boolean large,
      boolean write) {
    statistics.rmpChecks++;
    int verdict =
        isPrivate
            ? map.checkPrivate(paddr, iova, device.asid, large, device.vmplChecked, write)
            : map.checkShared(paddr, large);
    if (verdict == RmpVerdict.ALLOWED) {
      return 0;
    }
    return RmpRefusal.of(verdict, map, fault, iova, paddr, write);
  }

  private long unreadable(long at, boolean write) {
    return fault.set(
        Event.PAGE_TAB_HARDWARE_ERROR, Event.MASTER_ABORT | (write ? Event.RW : 0), at);
  }

  private long pageFault(int flags, long iova, boolean write) {
    return fault.set(Event.IO_PAGE_FAULT, flags | (write ? Event.RW : 0), iova);
  }
}
