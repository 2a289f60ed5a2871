package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.memory.TablePages;

/**
 * Replaces a leaf by smaller ones that translate every address alike, without a gap.
 *
 * <ol>
 *   <li>The leaf falls into segments: what lies before the range, what the rule says inside it,
 *       what lies behind. Each is laid out with the largest leaves it allows.
 *   <li>For every slot of the leaf that needs smaller leaves than the slot, a table is filled
 *       privately.
 *   <li>Each slot is exchanged by one atomic store. Until all are, a walker sees the old leaf in
 *       some slots and its equivalent in others.
 *   <li>The old leaf's accessed and dirty bits stand in all new leaves; those that hardware set
 *       between the first look and the exchange are set in them afterwards.
 *   <li>The whole old leaf is to be flushed.
 * </ol>
 *
 * <p>Belongs to one writer. An operation is counted first and then done: what it takes has been
 * reserved by then.
 */
final class LeafSplitter {
  /** An operation goes over its range twice. */
  private enum Pass {
    /** Counts the leaves to split and the table pages that they take. */
    COUNT,
    /** Splits them. */
    SPLIT
  }

  private static final SizeRule NATURAL = SizeRule.atMost(Long.SIZE - 1);

  private final TableTree tree;
  private final TablePages pages;
  private final EntryMasks masks;
  private final TableWriter writer;
  private final long tableSizes;

  /** Leaves split, for {@link TableStatistics}. */
  long splits;

  /** Leaves that the counting came to. */
  private long toSplit;

  /** Pages that have been reserved and not yet taken. */
  private long reserved;

  /** The operation: who takes what is owed, what is being done, where the rule holds, the rule. */
  private long first;

  private long last;
  private SizeRule rule = NATURAL;
  private final IotlbGather gather;
  private Pass pass = Pass.COUNT;

  /** The leaf that is being split: where it stands, what it says. */
  private long table;

  private int level;
  private long delta;
  private long attributes;
  private long status;
  private long lateStatus;

  /** A table for the slot under way, not yet published. */
  private long child = TableTree.NONE;

  LeafSplitter(TableTree tree, TableWriter writer, IotlbGather gather, long tableSizes) {
    this.tree = tree;
    this.pages = tree.pages;
    this.masks = tree.masks;
    this.writer = writer;
    this.gather = gather;
    this.tableSizes = tableSizes;
  }

  /** The sizes that a rule and the table allow together. */
  static long sizes(SizeRule rule, long iova, long tableSizes) {
    long sizes = rule.sizes(iova) & tableSizes;
    return sizes != 0 ? sizes : Long.lowestOneBit(tableSizes);
  }

  // ---- operations ----------------------------------------------------------------------------

  /**
   * Splits every leaf that a rule forbids in a range.
   *
   * @param home the range's, locked
   * @throws PageTableException OUT_OF_TABLE_MEMORY; nothing has changed then
   */
  void splitForbidden(long home, long from, long to, SizeRule wanted) {
    begin(from, to, wanted);
    if (isOneLeaf(home, from, to)) { // needs no counting
      pass = Pass.SPLIT;
      visit(TableTree.table(home), TableTree.level(home), from, to);
      end();
      return;
    }
    long tables = visit(TableTree.table(home), TableTree.level(home), from, to);
    if (toSplit != 0) {
      reserve(tables);
      pass = Pass.SPLIT;
      visit(TableTree.table(home), TableTree.level(home), from, to);
      end();
    }
  }

  /**
   * Reserves what {@link #splitForbidden} takes, for its next call.
   *
   * @param home the range's, locked
   * @throws PageTableException OUT_OF_TABLE_MEMORY; nothing has changed then
   */
  void reserveForbidden(long home, long from, long to, SizeRule wanted) {
    begin(from, to, wanted);
    reserve(visit(TableTree.table(home), TableTree.level(home), from, to));
  }

  /**
   * Splits the leaves that reach over the ends of a range, so that it begins and ends between
   * leaves.
   *
   * @param home the range's, locked
   * @throws PageTableException OUT_OF_TABLE_MEMORY; nothing has changed then
   */
  void cutEnds(long home, long from, long to) {
    begin(from, to, NATURAL);
    long tables = cutBothEnds(home, from, to);
    if (toSplit != 0) {
      reserve(tables);
      pass = Pass.SPLIT;
      cutBothEnds(home, from, to);
      end();
    }
  }

  /** Whether one leaf has all of a range. */
  boolean isOneLeaf(long home, long from, long to) {
    int homeLevel = TableTree.level(home);
    long entry = pages.loadAcquire(slotAt(TableTree.table(home), index(from, homeLevel)));
    return masks.isPresent(entry)
        && masks.isLeaf(entry, homeLevel)
        && (from ^ to) >>> masks.leafSizeLog2(entry, homeLevel) == 0;
  }

  private void begin(long from, long to, SizeRule wanted) {
    first = from;
    last = to;
    rule = wanted;
    pass = Pass.COUNT;
    toSplit = 0;
  }

  private void reserve(long tables) {
    if (tables > reserved && !pages.tryReserve(tables - reserved)) {
      throw Refusals.outOfMemory(tables, first, tree.waiting.pages());
    }
    reserved = Math.max(reserved, tables);
  }

  /** Gives back what was reserved and not needed: another writer may have split a leaf of ours. */
  void end() {
    if (reserved != 0) {
      pages.unreserve(reserved);
      reserved = 0;
    }
  }

  // ---- finding leaves ------------------------------------------------------------------------

  /** Splits or counts in a range of a locked table; returns the table pages counted. */
  private long visit(long in, int inLevel, long from, long to) {
    int largestHere = entryLog2(inLevel + 1) - 1;
    if (largestHere <= rule.alwaysAllowedLog2()) {
      return 0;
    }
    long mask = offsetMask(entryLog2(inLevel));
    long sizesHere = LeafSizes.upTo(Math.min(largestHere, Long.SIZE - 1), tableSizes);
    long tables = 0;
    long at = from;
    while (true) {
      long segmentLast = rule.segmentLast(at, to);
      if ((sizesHere & ~rule.sizes(at)) == 0) {
        at = Unsigned.max(at, segmentLast & ~mask); // only a leaf over its end can be forbidden
      }
      long end = at | mask;
      long entry = pages.loadAcquire(slotAt(in, index(at, inLevel)));
      if (masks.isPresent(entry)) {
        if (masks.isLeaf(entry, inLevel)) {
          int sizeLog2 = masks.leafSizeLog2(entry, inLevel);
          end = Unsigned.min(at | offsetMask(sizeLog2), to);
          if (Long.compareUnsigned(segmentLast, end) < 0
              || (sizes(rule, at, tableSizes) & 1L << sizeLog2) == 0) {
            tables += splitOrCount(in, inLevel, entry, at);
          }
        } else {
          end = Unsigned.min(end, to);
          tables += visitBelow(in, inLevel, entry, at, end);
        }
      }
      if (Long.compareUnsigned(end, to) >= 0) {
        return tables;
      }
      at = end + 1;
    }
  }

  private long visitBelow(long in, int inLevel, long entry, long from, long to) {
    if (entryLog2(inLevel) - 1 <= rule.alwaysAllowedLog2()) {
      return 0;
    }
    long below = tree.lockChild(in, inLevel, from, entry);
    if (below == TableTree.NONE) {
      return 0;
    }
    try {
      return visit(below, inLevel - 1, from, to);
    } finally {
      tree.unlock(below);
    }
  }

  private long cutBothEnds(long home, long from, long to) {
    long in = TableTree.table(home);
    int inLevel = TableTree.level(home);
    return cutAround(from, in, inLevel) + cutAround(to, in, inLevel);
  }

  private long cutAround(long end, long in, int inLevel) {
    long entry = pages.loadAcquire(slotAt(in, index(end, inLevel)));
    if (!masks.isPresent(entry)) {
      return 0;
    }
    if (!masks.isLeaf(entry, inLevel)) {
      long below = tree.lockChild(in, inLevel, end, entry);
      if (below == TableTree.NONE) {
        return 0;
      }
      try {
        return cutAround(end, below, inLevel - 1);
      } finally {
        tree.unlock(below);
      }
    }
    int sizeLog2 = masks.leafSizeLog2(entry, inLevel);
    long leafFirst = end & -(1L << sizeLog2);
    long leafLast = end | offsetMask(sizeLog2);
    boolean inside =
        Long.compareUnsigned(leafFirst, first) >= 0 && Long.compareUnsigned(leafLast, last) <= 0;
    // One leaf around both ends is split once; while counting it is met a second time.
    boolean again = end != first && Long.compareUnsigned(leafFirst, first) <= 0;
    return inside || again ? 0 : splitOrCount(in, inLevel, entry, end);
  }

  // ---- one leaf ------------------------------------------------------------------------------

  private long splitOrCount(long in, int inLevel, long entry, long at) {
    table = in;
    level = inLevel;
    int sizeLog2 = masks.leafSizeLog2(entry, inLevel);
    long leafFirst = at & -(1L << sizeLog2);
    long leafLast = at | offsetMask(sizeLog2);
    delta = masks.leafPaddr(entry, inLevel) - leafFirst;
    attributes = masks.attributesOf(entry);
    long tables = segments(leafFirst, leafLast, true);
    if (pass == Pass.COUNT) {
      toSplit++;
      return tables;
    }
    reserve(tables); // has been reserved, unless ranges of concurrent writers overlap
    int slots = 1 << slotsLog2(sizeLog2);
    long slot = slotAt(in, index(leafFirst, inLevel));
    status = 0;
    lateStatus = 0;
    for (int i = 0; i < slots; i++) {
      status |= pages.loadAcquire(slotAt(slot, i)) & masks.statusMask;
    }
    segments(leafFirst, leafLast, false);
    reserved -= tables;
    if (lateStatus != 0) {
      for (int i = 0; i < slots; i++) {
        addStatus(in, inLevel, leafFirst + ((long) i << entryLog2(inLevel)), lateStatus);
      }
    }
    gather.add(leafFirst, leafLast);
    splits++;
    return 0;
  }

  /** Goes through the segments of the leaf; returns the table pages counted. */
  private long segments(long leafFirst, long leafLast, boolean count) {
    long tables = 0;
    long at = leafFirst;
    while (true) {
      long end;
      long sizes;
      if (Long.compareUnsigned(at, first) < 0) {
        end = Unsigned.min(first - 1, leafLast);
        sizes = tableSizes;
      } else if (Long.compareUnsigned(at, last) > 0) {
        end = leafLast;
        sizes = tableSizes;
      } else {
        end = rule.segmentLast(at, Unsigned.min(last, leafLast));
        sizes = sizes(rule, at, tableSizes);
      }
      if (count) {
        tables += LeafSizes.tables(at, end, at + delta, sizes, level, at != leafFirst);
      } else {
        layOut(at, end, sizes);
      }
      if (end == leafLast) {
        return tables;
      }
      at = end + 1;
    }
  }

  private void layOut(long from, long to, long sizes) {
    long mask = offsetMask(entryLog2(level));
    long at = from;
    while (true) {
      long slotLast = at | mask;
      long end = Unsigned.min(slotLast, to);
      boolean whole = end - at == mask;
      int sizeLog2 = whole ? LeafSizes.covering(at, from, to, delta, sizes) : -1;
      if (sizeLog2 >= entryLog2(level)) {
        long leafFirst = at & -(1L << sizeLog2);
        replace(at, masks.leaf(leafFirst + delta, sizeLog2, attributes | status));
      } else {
        if (child == TableTree.NONE) {
          child = tree.take(at, level - 1, !whole);
        }
        long bits = attributes | status;
        writer.write(child, level - 1, at, end, slotLast, at + delta, bits, sizes, whole);
        if (end == slotLast) {
          replace(at, masks.directory(child, level - 1));
          tree.unlock(child);
          child = TableTree.NONE;
        }
      }
      if (end == to) {
        return;
      }
      at = end + 1;
    }
  }

  private void replace(long at, long entry) {
    long old = pages.exchange(slotAt(table, index(at, level)), entry);
    lateStatus |= old & masks.statusMask & ~status;
    pages.count(table, 0, 1);
  }

  /** Sets accessed and dirty bits in a leaf, or in every leaf below a directory. */
  private void addStatus(long in, int inLevel, long at, long bits) {
    long slot = slotAt(in, index(at, inLevel));
    long entry = pages.loadAcquire(slot);
    if (!masks.isPresent(entry)) {
      return;
    }
    if (masks.isLeaf(entry, inLevel)) {
      pages.or(slot, bits);
      return;
    }
    long below = tree.lockChild(in, inLevel, at, entry);
    if (below == TableTree.NONE) {
      return;
    }
    for (int i = 0; i < TABLE_ENTRIES; i++) {
      addStatus(below, inLevel - 1, at + ((long) i << entryLog2(inLevel - 1)), bits);
    }
    tree.unlock(below);
  }
}
