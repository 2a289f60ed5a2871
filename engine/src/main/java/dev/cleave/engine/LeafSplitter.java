package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static dev.cleave.engine.memory.TableMemory.entryAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TableMemory;
import org.jspecify.annotations.Nullable;

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
 * <p>Belongs to one operation at a time.
 */
final class LeafSplitter {
  private static final long NO_TABLE = 0;

  private final TableMemory memory;
  private final EntryFormat format;
  private final TableWriter writer;
  private final long tableSizes;

  /** Leaves split, for {@link TableStatistics}. */
  long splits;

  /** The operation: where the rule holds, and the rule. */
  private long first;

  private long last;
  private SizeRule rule = SizeRule.atMost(0);

  /** The leaf that is being split: where it stands, what it says. */
  private long table;

  private int level;
  private long delta;
  private long attributes;
  private long status;
  private long lateStatus;

  /** A table for the slot under way, not yet published. */
  private long child = NO_TABLE;

  LeafSplitter(TableMemory memory, EntryFormat format, TableWriter writer, long tableSizes) {
    this.memory = memory;
    this.format = format;
    this.writer = writer;
    this.tableSizes = tableSizes;
  }

  /** The sizes that a rule and the table allow together. */
  static long sizes(SizeRule rule, long iova, long tableSizes) {
    long sizes = rule.sizes(iova) & tableSizes;
    return sizes != 0 ? sizes : Long.lowestOneBit(tableSizes);
  }

  /**
   * Splits every leaf that a rule forbids in a range, or counts what that takes.
   *
   * @param gather takes what is owed; null to change nothing and only count
   * @return table pages needed
   */
  long splitForbidden(
      long root, int levels, long from, long to, SizeRule wanted, @Nullable IotlbGather gather) {
    first = from;
    last = to;
    rule = wanted;
    return splitForbidden(root, levels, from, to, gather);
  }

  private long splitForbidden(
      long in, int inLevel, long from, long to, @Nullable IotlbGather gather) {
    int largestHere = entryLog2(inLevel + 1) - 1;
    if (largestHere <= rule.alwaysAllowedLog2()) {
      return 0;
    }
    long tables = 0;
    long at = from;
    while (true) {
      long end = at | offsetMask(entryLog2(inLevel));
      long entry = memory.load(entryAt(in, index(at, inLevel)));
      if (format.isPresent(entry)) {
        if (format.isLeaf(entry, inLevel)) {
          int sizeLog2 = format.leafSizeLog2(entry, inLevel);
          end = Unsigned.min(at | offsetMask(sizeLog2), to);
          if (isForbidden(at, end, sizeLog2)) {
            tables += splitOrCount(in, inLevel, entry, at, gather);
          }
        } else {
          end = Unsigned.min(end, to);
          tables += splitForbidden(format.tablePaddr(entry), inLevel - 1, at, end, gather);
        }
      }
      if (Long.compareUnsigned(end, to) >= 0) {
        return tables;
      }
      at = end + 1;
    }
  }

  private boolean isForbidden(long at, long end, int sizeLog2) {
    return rule.segmentLast(at, end) != end || (sizes(rule, at, tableSizes) & 1L << sizeLog2) == 0;
  }

  /**
   * Splits the leaves that reach over the ends of a range, so that it begins and ends between
   * leaves, or counts what that takes.
   *
   * @param gather takes what is owed; null to change nothing and only count
   * @return table pages needed
   */
  long cutEnds(
      long root, int levels, long from, long to, SizeRule natural, @Nullable IotlbGather gather) {
    first = from;
    last = to;
    rule = natural;
    return cutAround(from, root, levels, gather) + cutAround(to, root, levels, gather);
  }

  private long cutAround(long end, long root, int levels, @Nullable IotlbGather gather) {
    long in = root;
    int inLevel = levels;
    long entry = memory.load(entryAt(in, index(end, inLevel)));
    while (format.isPresent(entry) && !format.isLeaf(entry, inLevel)) {
      in = format.tablePaddr(entry);
      inLevel--;
      entry = memory.load(entryAt(in, index(end, inLevel)));
    }
    if (!format.isPresent(entry)) {
      return 0;
    }
    int sizeLog2 = format.leafSizeLog2(entry, inLevel);
    long leafFirst = end & -(1L << sizeLog2);
    long leafLast = end | offsetMask(sizeLog2);
    boolean inside =
        Long.compareUnsigned(leafFirst, first) >= 0 && Long.compareUnsigned(leafLast, last) <= 0;
    // One leaf around both ends is split once; while counting it is met a second time.
    boolean again = end != first && Long.compareUnsigned(leafFirst, first) <= 0;
    return inside || again ? 0 : splitOrCount(in, inLevel, entry, end, gather);
  }

  private long splitOrCount(
      long in, int inLevel, long entry, long at, @Nullable IotlbGather gather) {
    table = in;
    level = inLevel;
    int sizeLog2 = format.leafSizeLog2(entry, inLevel);
    long leafFirst = at & -(1L << sizeLog2);
    long leafLast = at | offsetMask(sizeLog2);
    delta = format.leafPaddr(entry, inLevel) - leafFirst;
    attributes = format.attributesOf(entry);
    if (gather == null) {
      return segments(leafFirst, leafLast, true);
    }
    int slots = 1 << slotsLog2(sizeLog2);
    long slot = entryAt(in, index(leafFirst, inLevel));
    status = 0;
    lateStatus = 0;
    for (int i = 0; i < slots; i++) {
      status |= memory.load(entryAt(slot, i)) & format.statusMask();
    }
    segments(leafFirst, leafLast, false);
    if (lateStatus != 0) {
      for (int i = 0; i < slots; i++) {
        addStatus(entryAt(slot, i), inLevel, lateStatus);
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
        replace(at, format.leaf(leafFirst + delta, sizeLog2, attributes | status));
      } else {
        if (child == NO_TABLE) {
          child = memory.take(level - 1, !whole);
        }
        writer.write(child, level - 1, at, end, at + delta, attributes | status, sizes, whole);
        if (end == slotLast) {
          replace(at, format.directory(child, level - 1));
          child = NO_TABLE;
        }
      }
      if (end == to) {
        return;
      }
      at = end + 1;
    }
  }

  private void replace(long at, long entry) {
    long old = memory.exchange(entryAt(table, index(at, level)), entry);
    lateStatus |= old & format.statusMask() & ~status;
    writer.entryStores++;
  }

  /** Sets accessed and dirty bits in a leaf, or in every leaf below a directory. */
  private void addStatus(long slot, int slotLevel, long bits) {
    long entry = memory.load(slot);
    if (!format.isPresent(entry)) {
      return;
    }
    if (format.isLeaf(entry, slotLevel)) {
      memory.or(slot, bits);
      return;
    }
    for (int i = 0; i < TABLE_ENTRIES; i++) {
      addStatus(entryAt(format.tablePaddr(entry), i), slotLevel - 1, bits);
    }
  }
}
