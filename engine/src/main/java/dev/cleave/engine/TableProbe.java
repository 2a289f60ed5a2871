package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TablePages;

/** Answers about a range that a writer needs before it writes. Thread-safe. */
final class TableProbe {
  private static final long NOTHING = -1;

  private final TableTree tree;
  private final TablePages pages;
  private final EntryFormat format;

  TableProbe(TableTree tree) {
    this.tree = tree;
    this.pages = tree.pages;
    this.format = tree.format;
  }

  /**
   * The first address of a range of a locked table that is mapped, for a person to read. It waits
   * for the map that is still filling a table below; a writer whose range overlaps may have taken
   * out by now what was there.
   */
  long firstMapped(long table, int level, long first, long last) {
    for (long at = first; ; ) {
      long end = Unsigned.min(at | offsetMask(entryLog2(level)), last);
      long entry = pages.loadAcquire(slotAt(table, index(at, level)));
      if (format.isPresent(entry)) {
        long found =
            format.isLeaf(entry, level) ? at : firstMappedBelow(table, level, entry, at, end);
        if (found != NOTHING) {
          return found;
        }
      }
      if (end == last) {
        return NOTHING;
      }
      at = end + 1;
    }
  }

  private long firstMappedBelow(long table, int level, long entry, long first, long last) {
    long child = tree.lockChild(table, level, first, entry);
    if (child == TableTree.NONE) {
      return NOTHING;
    }
    long found = firstMapped(child, level - 1, first, last);
    tree.unlock(child);
    return found;
  }

  /** Bytes that are mapped in a range of a locked table. */
  long mappedBytes(long table, int level, long first, long last) {
    if (level == 1) {
      int from = index(first, 1);
      int count = index(last, 1) - from + 1;
      int live =
          count == TABLE_ENTRIES
              ? pages.live(table)
              : pages.countAny(table, from, count, format.presentMask());
      return (long) live << PAGE_LOG2;
    }
    long bytes = 0;
    long at = first;
    while (true) {
      long end = Unsigned.min(at | offsetMask(entryLog2(level)), last);
      long entry = pages.loadAcquire(slotAt(table, index(at, level)));
      if (!format.isPresent(entry)) {
        // a hole
      } else if (format.isLeaf(entry, level)) {
        bytes += end - at + 1;
      } else if (level == 2 && end - at == offsetMask(entryLog2(2))) {
        bytes += (long) pages.live(format.tablePaddr(entry)) << PAGE_LOG2;
      } else {
        bytes += mappedBytesBelow(table, level, entry, at, end);
      }
      if (end == last) {
        return bytes;
      }
      at = end + 1;
    }
  }

  private long mappedBytesBelow(long table, int level, long entry, long first, long last) {
    long child = tree.lockChild(table, level, first, entry);
    if (child == TableTree.NONE) {
      return 0;
    }
    long bytes = mappedBytes(child, level - 1, first, last);
    tree.unlock(child);
    return bytes;
  }

  /** The lowest level that has a table for an address, from a table down. */
  int lowestTable(long table, int level, long address) {
    long in = table;
    int at = level;
    while (at > 1) {
      long entry = pages.loadAcquire(slotAt(in, index(address, at)));
      if (!format.isPresent(entry) || format.isLeaf(entry, at)) {
        break;
      }
      in = format.tablePaddr(entry);
      at--;
    }
    return at;
  }

  /** Entries that were written to a table, and to all below it that it points at. */
  long stores(long table, int level) {
    long stores = pages.stores(table);
    int live = level == 1 ? 0 : pages.live(table);
    for (int i = 0; i < TABLE_ENTRIES && live > 0; i++) {
      long entry = pages.loadAcquire(slotAt(table, i));
      if (format.isPresent(entry)) {
        live--;
        stores += format.isLeaf(entry, level) ? 0 : stores(format.tablePaddr(entry), level - 1);
      }
    }
    return stores;
  }
}
