package dev.cleave.bench.footprint;

import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.tableLog2;

import dev.cleave.engine.SizeRule;

/**
 * Table pages that a radix tree cannot do without: a slot needs a table below it when something is
 * mapped there that cannot be one leaf, or part of one, of a legal size.
 *
 * <p>Found from what is mapped and what is legal alone, top down, without a table.
 */
final class MinimumTables {
  private final Memory memory;
  private final long guestBytes;
  private final long pageSizes;

  /** Tables needed at each level, by level. */
  private final long[] tables;

  /** What is to be mapped. */
  private interface Memory {
    /** Whether nothing of an aligned block is. */
    boolean isEmpty(long first, int sizeLog2);

    /** Whether an aligned block may be one leaf. */
    boolean isLeaf(long first, int sizeLog2);
  }

  /** All of it, in leaves that a rule allows. */
  private record Whole(SizeRule rule) implements Memory {
    @Override
    public boolean isEmpty(long first, int sizeLog2) {
      return false;
    }

    @Override
    public boolean isLeaf(long first, int sizeLog2) {
      long last = first + (1L << sizeLog2) - 1;
      return (rule.sizes(first) >>> sizeLog2 & 1) != 0 && rule.segmentLast(first, last) == last;
    }
  }

  /** Shared pages alone. */
  private record Shared(Guest guest) implements Memory {
    @Override
    public boolean isEmpty(long first, int sizeLog2) {
      return !guest.isAnyShared(first, sizeLog2);
    }

    @Override
    public boolean isLeaf(long first, int sizeLog2) {
      return guest.isShared(first, sizeLog2);
    }
  }

  private MinimumTables(Memory memory, long guestBytes, long pageSizes, int levels) {
    this.memory = memory;
    this.guestBytes = guestBytes;
    this.pageSizes = pageSizes;
    this.tables = new long[levels + 1];
  }

  /**
   * Counts them for a guest mapped at its own addresses to memory that lies as it does.
   *
   * @param rule the legal sizes
   * @param guestBytes where the guest ends
   * @param pageSizes the sizes that there are, bit {@code s} for 2^s bytes
   * @param levels levels of the table, which reach the guest's end
   * @return pages at each level, by level; index 0 is 0
   */
  static long[] count(SizeRule rule, long guestBytes, long pageSizes, int levels) {
    return count(new Whole(rule), guestBytes, pageSizes, levels);
  }

  /**
   * Counts them where the shared pages of a guest are mapped alone, to memory that lies as they do.
   *
   * @param pageSizes as above
   * @param levels likewise
   */
  static long[] countShared(Guest guest, long pageSizes, int levels) {
    return count(new Shared(guest), guest.bytes(), pageSizes, levels);
  }

  private static long[] count(Memory memory, long guestBytes, long pageSizes, int levels) {
    MinimumTables minimum = new MinimumTables(memory, guestBytes, pageSizes, levels);
    minimum.visit(0, levels);
    return minimum.tables;
  }

  private void visit(long base, int level) {
    tables[level]++;
    if (level == 1) {
      return;
    }
    int entryLog2 = entryLog2(level);
    for (int i = 0; i < TABLE_ENTRIES; i++) {
      long iova = base + ((long) i << entryLog2);
      if (iova >= guestBytes) {
        return;
      }
      if (!memory.isEmpty(iova, entryLog2) && !isInLeaf(iova, level)) {
        visit(iova, level - 1);
      }
    }
  }

  /** Whether a leaf of this level can cover a slot. */
  private boolean isInLeaf(long iova, int level) {
    for (int log2 = entryLog2(level); log2 < tableLog2(level); log2++) {
      if ((pageSizes >>> log2 & 1) != 0 && isLegal(iova & -(1L << log2), log2)) {
        return true;
      }
    }
    return false;
  }

  private boolean isLegal(long first, int sizeLog2) {
    return first + (1L << sizeLog2) - 1 < guestBytes && memory.isLeaf(first, sizeLog2);
  }
}
