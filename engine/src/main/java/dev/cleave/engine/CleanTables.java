package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.memory.TablePages.slotAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TablePages;

/**
 * Finds leaf tables in which nothing is dirty, as most are where few pages are written, without
 * their locks. Thread-safe.
 *
 * <p>What that takes is the time to read them, which an atomic step for each would make twice as
 * long: it has the loads behind it wait. Four tables are looked at side by side, since memory is
 * slow to begin with a page that lies elsewhere (benchmark {@code DirtySweep}).
 *
 * <p>A table counts if it was seen at one moment, hardware aside: nobody had its lock then, and no
 * writer has had it since. So a pass takes effect in some order with all writers, even those that
 * it should not run beside. A bit that hardware sets meanwhile is there for the next pass.
 */
final class CleanTables {
  /** How many tables are read side by side. */
  private static final int TABLES = 4;

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
   * Looks at the leaf tables below entries side by side.
   *
   * @param table of level 2, locked
   * @param index of the first entry
   * @param count number of entries, 1 to 64
   * @param iova of the first entry
   * @return a bit for each entry, the lowest for the first: 1 if there is a leaf table below it in
   *     which nothing is dirty
   */
  long find(long table, int index, int count, long iova) {
    if (fetch(table, index, count) == 0) {
      return 0;
    }
    long clean = 0;
    for (int i = 0; i < count; i += TABLES) {
      long at = iova + i * REGION_BYTES;
      clean |= (long) findFour(table, index + i, Math.min(TABLES, count - i), at) << i;
    }
    return clean;
  }

  /**
   * Reads tables that lie one behind the other, as those do that one map made, in one go: memory
   * comes twice as fast so, and what follows finds them in the second cache.
   *
   * @return 0 if there is no leaf table; and what was read, so that it is not left out
   */
  private long fetch(long table, int index, int count) {
    long bits = 0;
    int from = 0;
    while (from < count) {
      long first = child(table, index, from, count);
      int to = from + 1;
      if (first != NONE) {
        bits |= first;
        while (to < count
            && child(table, index, to, count) == first + (to - from) * (long) PAGE_BYTES) {
          to++;
        }
        if (to - from >= TABLES) {
          bits |= pages.orAll(first, to - from);
        }
      }
      from = to;
    }
    return bits;
  }

  private int findFour(long table, int index, int count, long iova) {
    long a = child(table, index, 0, count);
    long b = child(table, index, 1, count);
    long c = child(table, index, 2, count);
    long d = child(table, index, 3, count);
    long some = or(a, or(b, or(c, d)));
    if (some == NONE) {
      return 0;
    }
    long seenA = writes(a, iova);
    long seenB = writes(b, iova + REGION_BYTES);
    long seenC = writes(c, iova + 2 * REGION_BYTES);
    long seenD = writes(d, iova + 3 * REGION_BYTES);
    int dirty = pages.whichHave(or(a, some), or(b, some), or(c, some), or(d, some), dirtyMask);
    int seen =
        (isUnwritten(a, seenA) ? 1 : 0)
            | (isUnwritten(b, seenB) ? 2 : 0)
            | (isUnwritten(c, seenC) ? 4 : 0)
            | (isUnwritten(d, seenD) ? 8 : 0);
    return seen & ~dirty;
  }

  /** The leaf table below an entry, if there is one. */
  private long child(long table, int index, int number, int count) {
    if (number >= count) {
      return NONE;
    }
    long entry = pages.loadAcquire(slotAt(table, index + number));
    boolean isDirectory = format.isPresent(entry) && !format.isLeaf(entry, 2);
    return isDirectory ? format.tablePaddr(entry) : NONE;
  }

  private static long or(long table, long other) {
    return table == NONE ? other : table;
  }

  private long writes(long table, long iova) {
    return table == NONE ? NONE : pages.writes(table, tree.place(iova, 1));
  }

  private boolean isUnwritten(long table, long seen) {
    return seen >= 0 && pages.isUnwritten(table, seen);
  }
}
