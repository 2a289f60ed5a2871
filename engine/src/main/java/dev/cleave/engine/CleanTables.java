package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TablePages;

/**
 * Looks at leaf tables without their locks, and tells those in which nothing is dirty, as most are
 * where few pages are written. Thread-safe.
 *
 * <p>What that takes is the time to read them, which an atomic step for each would make twice as
 * long: it has the loads behind it wait. Tables are read in two runs side by side, each as long as
 * tables lie one behind the other, upward or downward, as those do that one map made: memory comes
 * fastest so, and what follows finds what it needs in the second cache ({@code DirtySweep}).
 *
 * <p>A look counts if the table was seen at one moment, hardware aside: nobody had its lock then,
 * and no writer has had it since. So a pass takes effect in some order with all writers, even those
 * that it should not run beside. A bit that hardware sets meanwhile is there for the next pass.
 */
final class CleanTables {
  private static final long NONE = TablePages.NONE;

  private final TableTree tree;
  private final TablePages pages;
  private final EntryFormat format;
  private final long dirtyMask;

  CleanTables(TableTree tree) {
    this.tree = tree;
    this.pages = tree.pages;
    this.format = tree.format;
    this.dirtyMask = format.dirtyMask();
  }

  /**
   * Finds the leaf tables below entries side by side, before they are looked at.
   *
   * @param table of level 2, locked
   * @param index of the first entry
   * @param count number of entries, 1 to {@value SeenTables#MOST}
   * @param seen gets which they are
   * @return the one that lies first in memory; none if there is no leaf table
   */
  long find(long table, int index, int count, SeenTables seen) {
    long lowest = NONE;
    for (int i = 0; i < count; i++) {
      long child = child(table, index + i);
      seen.tables[i] = child;
      lowest = Unsigned.min(lowest, child);
    }
    return lowest;
  }

  /**
   * Looks at them.
   *
   * @param count number of entries
   * @param iova of the first entry
   * @param seen has the tables below them, and gets what was seen of each
   * @return a bit for each entry, the lowest for the first: 1 if there is a leaf table below it in
   *     which nothing is dirty
   */
  long look(int count, long iova, SeenTables seen) {
    pages.writes(seen.tables, 0, count, tree.place(iova, 1), seen.writes);
    read(seen, count);
    long unwritten = pages.unwritten(seen.tables, 0, count, seen.writes);
    long dirty = 0;
    for (int i = 0; i < count; i++) {
      dirty |= seen.found.anyInTable(seen.places[i]) ? 1L << i : 0;
    }
    return unwritten & ~dirty;
  }

  /** Reads the tables of the lower half beside those of the upper half. */
  private void read(SeenTables seen, int count) {
    int half = (count + 1) / 2;
    int at = 0;
    while (at < half) {
      int up = run(seen, at, half, count, PAGE_BYTES);
      int down = run(seen, at, half, count, -PAGE_BYTES);
      seen.place(at, Math.max(up, down), down > up);
      seen.place(half + at, Math.max(up, down), down > up);
      long first = seen.tables[at + down - 1];
      long second = half + at < count ? seen.tables[half + at + down - 1] : NONE;
      if (first != NONE || second != NONE) {
        pages.gatherTables(
            first == NONE ? second : first,
            second == NONE ? first : second,
            Math.max(up, down),
            dirtyMask,
            seen.found,
            at * TABLE_ENTRIES,
            (half + at) * TABLE_ENTRIES);
      }
      at += Math.max(up, down);
    }
  }

  /** From how many entries on in both halves tables lie so many bytes behind each other, from 1. */
  private static int run(SeenTables seen, int at, int half, int count, long step) {
    int run = 1;
    while (half + at + run < count
        && seen.tables[at + run] == seen.tables[at] + run * step
        && seen.tables[half + at + run] == seen.tables[half + at] + run * step) {
      run++;
    }
    return run;
  }

  /** The leaf table below an entry, if there is one. */
  private long child(long table, int index) {
    long entry = pages.loadAcquire(slotAt(table, index));
    boolean isDirectory = format.isPresent(entry) && !format.isLeaf(entry, 2);
    return isDirectory ? format.tablePaddr(entry) : NONE;
  }
}
