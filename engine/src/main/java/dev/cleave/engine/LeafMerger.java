package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static dev.cleave.engine.memory.TableMemory.entryAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TableMemory;

/**
 * Replaces leaves by larger ones that translate every address alike, without a gap.
 *
 * <ol>
 *   <li>In each table, slots that translate contiguously and with equal attributes form a run: a
 *       leaf joins with its own slots, a directory when all below it is one contiguous piece.
 *   <li>A run is laid out again with the largest leaves that the rule allows; where that leaf is
 *       larger than what is there, its entry is stored in each of its slots.
 *   <li>Accessed and dirty bits of all that it replaces stand in the new leaf; those that arrive
 *       later in a replaced table are carried over when the flush has completed.
 *   <li>A table that was replaced waits for a flush of its slot. A leaf that grows inside its table
 *       owes none: what is cached of the smaller ones stays right, and lies inside whatever is
 *       flushed when the larger one goes.
 * </ol>
 *
 * <p>A leaf or table that reaches over an end of the range is left alone. Belongs to one operation
 * at a time.
 */
final class LeafMerger {
  private final TableMemory memory;
  private final EntryFormat format;
  private final long tableSizes;

  /** Leaves made of smaller ones, and entries written, for {@link TableStatistics}. */
  long merges;

  long entryStores;

  /** The operation. */
  private SizeRule rule = SizeRule.atMost(0);

  /** What {@link #isContiguous} found. */
  private long contiguousPaddr;

  private long contiguousAttributes;

  LeafMerger(TableMemory memory, EntryFormat format, long tableSizes) {
    this.memory = memory;
    this.format = format;
    this.tableSizes = tableSizes;
  }

  /** Merges what a rule allows in a range of a table. */
  void merge(long table, int level, long first, long last, SizeRule wanted, IotlbGather gather) {
    rule = wanted;
    merge(table, level, first, last, gather);
  }

  private void merge(long table, int level, long first, long last, IotlbGather gather) {
    long mask = offsetMask(entryLog2(level));
    long runFirst = 0;
    long runDelta = 0;
    long runAttributes = 0;
    boolean inRun = false;
    long at = first;
    while (true) {
      long end = Unsigned.min(at | mask, last);
      long entry = memory.load(entryAt(table, index(at, level)));
      boolean joins = false;
      long paddr = 0;
      long attributes = 0;
      if (format.isPresent(entry)) {
        if (format.isLeaf(entry, level)) {
          int sizeLog2 = format.leafSizeLog2(entry, level);
          long leafLast = at | offsetMask(sizeLog2);
          joins = (at & offsetMask(sizeLog2)) == 0 && Long.compareUnsigned(leafLast, last) <= 0;
          paddr = format.leafPaddr(entry, level);
          attributes = format.attributesOf(entry);
          end = Unsigned.min(leafLast, last);
        } else {
          long child = format.tablePaddr(entry);
          joins = end - at == mask && isContiguous(child, level - 1);
          paddr = contiguousPaddr;
          attributes = contiguousAttributes;
          if (!joins) {
            merge(child, level - 1, at, end, gather);
          }
        }
      }
      boolean continues = joins && inRun && paddr - at == runDelta && attributes == runAttributes;
      if (inRun && !continues) {
        mergeRun(table, level, runFirst, at - 1, runDelta, runAttributes, gather);
        inRun = false;
      }
      if (joins && !inRun) {
        inRun = true;
        runFirst = at;
        runDelta = paddr - at;
        runAttributes = attributes;
      }
      if (end == last) {
        break;
      }
      at = end + 1;
    }
    if (inRun) {
      mergeRun(table, level, runFirst, last, runDelta, runAttributes, gather);
    }
  }

  private void mergeRun(
      long table,
      int level,
      long first,
      long last,
      long delta,
      long attributes,
      IotlbGather gather) {
    long at = first;
    while (true) {
      long end = rule.segmentLast(at, last);
      mergeSegment(table, level, at, end, delta, attributes, gather);
      if (end == last) {
        return;
      }
      at = end + 1;
    }
  }

  private void mergeSegment(
      long table,
      int level,
      long first,
      long last,
      long delta,
      long attributes,
      IotlbGather gather) {
    long sizes = LeafSplitter.sizes(rule, first, tableSizes);
    int slotLog2 = entryLog2(level);
    long at = first;
    while (true) {
      long end = Unsigned.min(at | offsetMask(slotLog2), last);
      long entry = memory.load(entryAt(table, index(at, level)));
      boolean isLeaf = format.isLeaf(entry, level);
      int presentLog2 = isLeaf ? format.leafSizeLog2(entry, level) : 0;
      int wantedLog2 = LeafSizes.covering(at, first, last, delta, sizes);
      if (wantedLog2 >= slotLog2 && wantedLog2 > presentLog2) {
        end = at | offsetMask(wantedLog2);
        replace(table, level, at, wantedLog2, delta, attributes, gather);
      } else if (isLeaf) {
        end = Unsigned.min(at | offsetMask(presentLog2), last);
      } else {
        merge(format.tablePaddr(entry), level - 1, at, end, gather);
      }
      if (end == last) {
        return;
      }
      at = end + 1;
    }
  }

  /** Makes one leaf of what stands in its slots. */
  private void replace(
      long table,
      int level,
      long leafFirst,
      int sizeLog2,
      long delta,
      long attributes,
      IotlbGather gather) {
    assert (leafFirst & offsetMask(sizeLog2)) == 0 : "slots of a leaf are visited from the first";
    int slots = 1 << slotsLog2(sizeLog2);
    long slot = entryAt(table, index(leafFirst, level));
    long status = 0;
    for (int i = 0; i < slots; i++) {
      long entry = memory.load(entryAt(slot, i));
      status |= entry & format.statusMask();
      if (!format.isLeaf(entry, level)) {
        status |= statusBelow(format.tablePaddr(entry), level - 1);
      }
    }
    long leaf = format.leaf(leafFirst + delta, sizeLog2, attributes | status);
    long late = 0;
    for (int i = 0; i < slots; i++) {
      long old = memory.exchange(entryAt(slot, i), leaf);
      late |= old & format.statusMask() & ~status;
      if (!format.isLeaf(old, level)) {
        detach(format.tablePaddr(old), level - 1, leafFirst, sizeLog2, gather);
        long slotFirst = leafFirst + ((long) i << entryLog2(level));
        gather.add(slotFirst, slotFirst | offsetMask(entryLog2(level)));
      }
    }
    if (late != 0) {
      for (int i = 0; i < slots; i++) {
        memory.or(entryAt(slot, i), late);
      }
    }
    entryStores += slots;
    merges++;
  }

  private long statusBelow(long table, int level) {
    long status = memory.orAll(table) & format.statusMask();
    for (int i = 0; level > 1 && i < TABLE_ENTRIES; i++) {
      long entry = memory.load(entryAt(table, i));
      if (!format.isLeaf(entry, level)) {
        status |= statusBelow(format.tablePaddr(entry), level - 1);
      }
    }
    return status;
  }

  private void detach(long table, int level, long leafFirst, int sizeLog2, IotlbGather gather) {
    for (int i = 0; level > 1 && i < TABLE_ENTRIES; i++) {
      long entry = memory.load(entryAt(table, i));
      if (!format.isLeaf(entry, level)) {
        detach(format.tablePaddr(entry), level - 1, leafFirst, sizeLog2, gather);
      }
    }
    gather.detachMerged(table, leafFirst, sizeLog2);
  }

  /** Whether what stands below the entry for an address could become a leaf of the entry's size. */
  boolean isMergeable(long root, int levels, long iova, int level) {
    long in = root;
    for (int at = levels; at >= level; at--) {
      long entry = memory.load(entryAt(in, index(iova, at)));
      if (!format.isPresent(entry) || format.isLeaf(entry, at)) {
        return false;
      }
      in = format.tablePaddr(entry);
    }
    return levels >= level
        && (tableSizes & 1L << entryLog2(level)) != 0
        && isContiguous(in, level - 1)
        && (contiguousPaddr & offsetMask(entryLog2(level))) == 0;
  }

  /** Whether a table translates all its addresses to one contiguous piece with equal attributes. */
  private boolean isContiguous(long table, int level) {
    if (memory.live(table) != TABLE_ENTRIES) {
      return false;
    }
    long entry = memory.load(table);
    if (format.isLeaf(entry, level)) {
      int sizeLog2 = format.leafSizeLog2(entry, level);
      contiguousPaddr = format.leafPaddr(entry, level);
      contiguousAttributes = format.attributesOf(entry);
      if (memory.isProgression(
          table, entry, 1L << sizeLog2, slotsLog2(sizeLog2), format.statusMask())) {
        return true;
      }
    }
    return isContiguousByParts(table, level);
  }

  private boolean isContiguousByParts(long table, int level) {
    long paddr = 0;
    long attributes = 0;
    for (int i = 0; i < TABLE_ENTRIES; ) {
      long entry = memory.load(entryAt(table, i));
      int slots = 1;
      if (format.isLeaf(entry, level)) {
        slots = 1 << slotsLog2(format.leafSizeLog2(entry, level));
        contiguousPaddr = format.leafPaddr(entry, level);
        contiguousAttributes = format.attributesOf(entry);
      } else if (!isContiguous(format.tablePaddr(entry), level - 1)) {
        return false;
      }
      if (i == 0) {
        paddr = contiguousPaddr;
        attributes = contiguousAttributes;
      } else if (contiguousPaddr != paddr + ((long) i << entryLog2(level))
          || contiguousAttributes != attributes) {
        return false;
      }
      i += slots;
    }
    contiguousPaddr = paddr;
    contiguousAttributes = attributes;
    return true;
  }
}
