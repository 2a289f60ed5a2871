package dev.cleave.engine.interleaving;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;

/**
 * A device that writes through the table as hardware does, with its own reading of {@code
 * docs/spec/amd-vi.md} §1 and §7: it keeps the translation and the leaf table it met last until
 * they are flushed, and sets accessed and dirty bits by compare-and-set in the entry that it read,
 * wherever that stands. A flush waits for the access under way.
 */
final class SteppedDevice {
  static final long HOLE = -1;

  private static final long STATUS = 0x60;
  private static final long ADDRESS = 0x000F_FFFF_FFFF_F000L;
  private static final int PORT = 0;

  private final ScheduledPages pages;
  private final PageTable table;

  /** The translation it keeps: a last address below the first for none. */
  private long leafFirst;

  private long leafLast = -1;
  private long leafPaddr;

  /** The top in its device table entry, or 0 if that is always the newest. */
  private long kept;

  /** The table of 4 KiB slots it keeps, and the region that is for. */
  private long leafTable = HOLE;

  private long region;

  SteppedDevice(ScheduledPages pages, PageTable table) {
    this.pages = pages;
    this.table = table;
  }

  /** Has its device table entry stay as it is, whatever top comes. */
  void keepTop() {
    kept = table.top();
  }

  /** Writes to an address; returns its paddr, or {@link #HOLE}. */
  long write(long iova) {
    pages.lockShared(PORT);
    try {
      boolean isKept = leafLast != -1 && iova >= leafFirst && iova <= leafLast;
      return isKept ? leafPaddr + (iova - leafFirst) : walk(iova);
    } finally {
      pages.unlockShared(PORT);
    }
  }

  private long walk(long iova) {
    while (true) {
      long found = walkOnce(iova);
      if (found != -2) {
        return found;
      }
      leafTable = HOLE;
    }
  }

  private long walkOnce(long iova) {
    long top = kept == 0 ? table.top() : kept;
    int level = PageTable.levels(top);
    long in = PageTable.root(top);
    if (leafTable != HOLE && iova >>> 21 == region) {
      level = 1;
      in = leafTable;
    }
    while (true) {
      long at = in + 8 * (iova >>> (12 + 9 * (level - 1)) & 511);
      long entry = pages.loadAcquire(at);
      if ((entry & 1) == 0) {
        return HOLE;
      }
      int next = (int) (entry >>> 9 & 7);
      if (next == 0 || next == 7) {
        return pages.compareAndSet(at, entry, entry | STATUS) ? keep(iova, entry, level) : -2;
      }
      in = entry & ADDRESS;
      level = next;
      if (level == 1) {
        leafTable = in;
        region = iova >>> 21;
      }
    }
  }

  private long keep(long iova, long entry, int level) {
    int sizeLog2 = 12 + 9 * (level - 1);
    if ((entry >>> 9 & 7) == 7) {
      sizeLog2 = Long.numberOfTrailingZeros(~entry & ADDRESS) + 1;
    }
    long mask = (1L << sizeLog2) - 1;
    leafFirst = iova & ~mask;
    leafLast = iova | mask;
    leafPaddr = entry & ADDRESS & ~mask;
    return leafPaddr + (iova & mask);
  }

  /**
   * Drops what it keeps and what lies inside a range, and a table, if the flush is said to be of
   * directories too. A flush need not drop what is larger.
   */
  void flush(long first, long last, boolean isOfTables) {
    pages.lockShared(PORT);
    if (leafLast != -1 && leafFirst >= first && leafLast <= last) {
      leafLast = -1;
    }
    long regionFirst = region << 21;
    if (isOfTables && regionFirst >= first && (regionFirst | 0x1F_FFFF) <= last) {
      leafTable = HOLE;
    }
    pages.unlockShared(PORT);
  }

  /** Flushes all that a gather says. */
  void flush(IotlbGather gather) {
    for (int range = 0; range < gather.rangeCount(); range++) {
      flush(gather.rangeFirst(range), gather.rangeLast(range), gather.hasTables());
    }
  }
}
