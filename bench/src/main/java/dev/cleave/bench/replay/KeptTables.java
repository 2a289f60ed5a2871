package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.tableLog2;

import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import java.util.BitSet;

/**
 * Table pages that a policy's kernel keeps although nothing is mapped by them, which this engine
 * frees: they are counted as if they were still there.
 *
 * <p>Not thread-safe.
 */
final class KeptTables {
  /** The top of a table is never kept for nothing, and no table has more levels than this below. */
  private static final int LEVELS = 5;

  /** By level of the table: those that are empty, by number. */
  private final BitSet[] empty = new BitSet[LEVELS + 1];

  private final LeafCursor cursor;
  private long pages;

  KeptTables(PageTable table) {
    cursor = table.leaves();
    for (int level = 1; level <= LEVELS; level++) {
      empty[level] = new BitSet();
    }
  }

  /** A page has been mapped: the tables above it are real ones. */
  void needed(long iova) {
    for (int level = 1; level <= LEVELS; level++) {
      int number = number(iova, level);
      if (empty[level].get(number)) {
        empty[level].clear(number);
        pages--;
      }
    }
  }

  /** A page has been unmapped and flushed: tables above it that are empty now are kept. */
  void emptied(PageTable table, long iova) {
    for (int level = 1; level < table.levels(); level++) {
      long bytes = 1L << tableLog2(level);
      long first = iova & -bytes;
      int number = number(iova, level);
      if (cursor.over(first, first + bytes - 1).advance()) {
        return;
      }
      if (!empty[level].get(number)) {
        empty[level].set(number);
        pages++;
      }
    }
  }

  private static int number(long iova, int level) {
    return (int) (iova >>> tableLog2(level));
  }

  /** How many tables of a level are kept. */
  long pages(int level) {
    return level <= LEVELS ? empty[level].cardinality() : 0;
  }

  /** Memory of the tables that are kept. */
  long bytes() {
    return pages * PAGE_BYTES;
  }

  /** Memory of those of them that begin at or below an address. */
  long bytesUpTo(long last) {
    long count = 0;
    for (int level = 1; level <= LEVELS; level++) {
      long above = (last >>> tableLog2(level)) + 1;
      int end = (int) Math.min(above, Integer.MAX_VALUE);
      count += empty[level].get(0, end).cardinality();
    }
    return count * PAGE_BYTES;
  }
}
