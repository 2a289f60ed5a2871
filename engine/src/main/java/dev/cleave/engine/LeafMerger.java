package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.leafLevel;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static dev.cleave.engine.kernel.TableKernels.NO_PROGRESSION;
import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.memory.TablePages;

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
 * <p>A leaf or table that reaches over an end of the range is left alone. Belongs to one writer.
 */
final class LeafMerger {
  private final TableTree tree;
  private final TablePages pages;
  private final EntryMasks masks;
  private final long tableSizes;

  /** The smallest of them, which nothing can grow to. */
  private final long smallest;

  /** Leaves made of smaller ones, for {@link TableStatistics}. */
  long merges;

  /** The operation: what is allowed where, and who takes what is owed. */
  private SizeRule rule = SizeRule.atMost(0);

  private final IotlbGather gather;

  /** What {@link #lockIfContiguous} or {@link #leafJoins} found. */
  private long contiguousPaddr;

  private long contiguousAttributes;
  private long contiguousStatus;

  /**
   * The leaf table that {@link #isMergeable} found that of, so that a merge that follows need not
   * look again: as long as nobody has written to it, and nothing else has been looked at.
   */
  private long knownTable = TableTree.NONE;

  private long knownWrites;
  private long knownReclaims;

  LeafMerger(TableTree tree, IotlbGather gather, long tableSizes) {
    this.tree = tree;
    this.pages = tree.pages;
    this.masks = tree.masks;
    this.gather = gather;
    this.tableSizes = tableSizes;
    this.smallest = Long.lowestOneBit(tableSizes);
  }

  /** Merges what a rule allows in a range of a locked table. */
  void merge(long table, int level, long first, long last, SizeRule wanted) {
    rule = wanted;
    merge(table, level, first, last);
  }

  /**
   * Makes one leaf of a block if all that stands there can become one.
   *
   * @param home the block's, locked
   * @return whether there is such a leaf now, or a larger one
   */
  boolean mergeBlock(long home, long first, int sizeLog2) {
    long table = TableTree.table(home);
    int level = TableTree.level(home);
    int slot = index(first, level);
    long entry = pages.loadAcquire(slotAt(table, slot));
    if (!masks.isPresent(entry)) {
      return false;
    }
    if (masks.isLeaf(entry, level) && masks.leafSizeLog2(entry, level) >= sizeLog2) {
      return true;
    }
    if (level != leafLevel(sizeLog2)) {
      return false; // the top is too low for such a leaf
    }
    int slots = 1 << slotsLog2(sizeLog2);
    if (!lockIfPartsAre(table, level, first, slot, slots)) {
      return false;
    }
    if ((contiguousPaddr & offsetMask(sizeLog2)) != 0) {
      unlockBelow(table, level, slot, slots);
      return false;
    }
    replace(table, level, first, sizeLog2, contiguousPaddr, contiguousAttributes, contiguousStatus);
    return true;
  }

  /** Goes through the slots: those that lie whole in one segment together, others one by one. */
  private void merge(long table, int level, long first, long last) {
    long mask = offsetMask(entryLog2(level));
    long sizesHere = LeafSizes.inTable(level, tableSizes);
    if (sizesHere == smallest) {
      return; // nothing can grow here
    }
    long at = first;
    while (true) {
      long segmentLast = rule.segmentLast(at, last);
      long end = ((segmentLast + 1) & ~mask) - 1; // of the last slot that the segment has whole
      if ((at & mask) != 0 || Long.compareUnsigned(segmentLast - at, mask) < 0) {
        end = Unsigned.min(at | mask, last);
        long entry = pages.loadAcquire(slotAt(table, index(at, level)));
        if (masks.isDirectory(entry, level)) {
          mergeBelow(table, level, entry, at, end);
        }
      } else {
        long sizes = LeafSplitter.sizes(rule, at, sizesHere);
        if (sizes != smallest) {
          mergeSlots(table, level, at, end, sizes);
        }
      }
      if (Long.compareUnsigned(end, last) >= 0) {
        return;
      }
      at = end + 1;
    }
  }

  private void mergeBelow(long table, int level, long entry, long first, long last) {
    if (LeafSizes.inTable(level - 1, tableSizes) == smallest) {
      return; // not worth the lock
    }
    long child = tree.lockChild(table, level, first, entry);
    if (child != TableTree.NONE) {
      mergeLocked(child, level - 1, first, last);
    }
  }

  private void mergeLocked(long table, int level, long first, long last) {
    try {
      merge(table, level, first, last);
    } finally {
      tree.unlock(table);
    }
  }

  /** Merges in slots that lie whole in a segment where some sizes are allowed. */
  private void mergeSlots(long table, int level, long first, long last, long sizes) {
    int slotLog2 = entryLog2(level);
    long larger = sizes & -2L << slotLog2;
    boolean leavesCanGrow = larger != 0 && fits(Long.numberOfTrailingZeros(larger), first, last);
    boolean slotsCanHold = leavesCanGrow || (sizes & 1L << slotLog2) != 0;
    boolean inRun = false;
    long runFirst = 0;
    long runDelta = 0;
    long runAttributes = 0;
    long runStatus = 0;
    boolean mayBeRun = !leavesCanGrow;
    long at = first;
    while (true) {
      long end = at | offsetMask(slotLog2);
      long entry = pages.loadAcquire(slotAt(table, index(at, level)));
      boolean joins = false;
      if (!masks.isPresent(entry)) {
        // a hole
      } else if (masks.isLeaf(entry, level)) {
        if (leavesCanGrow) {
          end = Unsigned.min(at | offsetMask(masks.leafSizeLog2(entry, level)), last);
          joins = leafJoins(level, entry, at, last);
        } else if (mayBeRun) {
          mayBeRun = isRun(table, level, at, last, entry);
          end = mayBeRun ? last : end;
        }
      } else if (slotsCanHold) {
        joins = tableJoins(table, level, entry, at, end);
      } else {
        mergeBelow(table, level, entry, at, end);
      }
      // To merge the run before looks at tables too: what was found here would be lost.
      long delta = contiguousPaddr - at;
      long attributes = contiguousAttributes;
      long status = contiguousStatus;
      boolean continues = joins && inRun && delta == runDelta && attributes == runAttributes;
      if (inRun && !continues) {
        mergeRun(table, level, runFirst, at - 1, runDelta, runAttributes, runStatus, sizes);
      }
      if (joins && !continues) {
        runFirst = at;
        runDelta = delta;
        runAttributes = attributes;
        runStatus = status;
      }
      inRun = joins;
      if (end == last) {
        break;
      }
      at = end + 1;
    }
    if (inRun) {
      mergeRun(table, level, runFirst, last, runDelta, runAttributes, runStatus, sizes);
    }
  }

  /** Whether a leaf lies whole in a range from the address where it was met. */
  private boolean leafJoins(int level, long entry, long at, long last) {
    knownTable = TableTree.NONE;
    contiguousPaddr = masks.leafPaddr(entry, level);
    contiguousAttributes = masks.attributesOf(entry);
    contiguousStatus = entry & masks.statusMask;
    long mask = offsetMask(masks.leafSizeLog2(entry, level));
    return (at & mask) == 0 && Long.compareUnsigned(at | mask, last) <= 0;
  }

  /** Whether a table below is contiguous and stays locked; if not it is merged by itself. */
  private boolean tableJoins(long table, int level, long entry, long at, long end) {
    if (masks.tablePaddr(entry) == knownTable && lockIfStillKnown()) {
      return true;
    }
    long child = tree.lockChild(table, level, at, entry);
    if (child == TableTree.NONE) {
      return false;
    }
    boolean isContiguous = lockIfContiguous(child, level - 1, at);
    if (!isContiguous) {
      mergeLocked(child, level - 1, at, end);
    }
    return isContiguous;
  }

  /** Whether slots up to the last hold nothing but leaves that continue one of them. */
  private boolean isRun(long table, int level, long at, long last, long leaf) {
    int from = index(at, level);
    int slots = index(last, level) - from + 1;
    int sizeLog2 = masks.leafSizeLog2(leaf, level);
    return pages.progressionBits(
            table, from, slots, leaf, 1L << sizeLog2, slotsLog2(sizeLog2), masks.statusMask)
        != NO_PROGRESSION;
  }

  /** Whether an aligned block of a size lies in a range. */
  private static boolean fits(int sizeLog2, long first, long last) {
    long start = (first + offsetMask(sizeLog2)) & -(1L << sizeLog2);
    return Long.compareUnsigned(start, first) >= 0
        && Long.compareUnsigned(start, last) <= 0
        && Long.compareUnsigned(last - start, offsetMask(sizeLog2)) >= 0;
  }

  /**
   * Lays out slots that translate as one; the tables below them are locked.
   *
   * @param firstStatus status bits below the first slot
   */
  private void mergeRun(
      long table,
      int level,
      long first,
      long last,
      long delta,
      long bits,
      long firstStatus,
      long sizes) {
    int slotLog2 = entryLog2(level);
    boolean isOneSlot = last - first == offsetMask(slotLog2);
    long at = first;
    while (true) {
      long end = at | offsetMask(slotLog2);
      long entry = pages.loadAcquire(slotAt(table, index(at, level)));
      boolean isLeaf = masks.isLeaf(entry, level);
      int presentLog2 = isLeaf ? masks.leafSizeLog2(entry, level) : 0;
      int wantedLog2 = LeafSizes.covering(at, first, last, delta, sizes);
      if (wantedLog2 >= slotLog2 && wantedLog2 > presentLog2) {
        end = at | offsetMask(wantedLog2);
        long status = isOneSlot ? firstStatus : statusOf(table, level, at, wantedLog2);
        replace(table, level, at, wantedLog2, at + delta, bits, status);
      } else if (isLeaf) {
        end = Unsigned.min(at | offsetMask(presentLog2), last);
      } else {
        long child = masks.tablePaddr(entry);
        unlockBelow(child, level - 1);
        mergeLocked(child, level - 1, at, end);
      }
      if (end == last) {
        return;
      }
      at = end + 1;
    }
  }

  private long statusOf(long table, int level, long leafFirst, int sizeLog2) {
    long status = 0;
    for (int i = 0; i < 1 << slotsLog2(sizeLog2); i++) {
      long entry = pages.loadAcquire(slotAt(table, index(leafFirst, level) + i));
      status |= entry & masks.statusMask;
      if (!masks.isLeaf(entry, level)) {
        status |= statusBelow(masks.tablePaddr(entry), level - 1);
      }
    }
    return status;
  }

  private long statusBelow(long table, int level) {
    long status = pages.orAll(table) & masks.statusMask;
    for (int i = 0; level > 1 && i < TABLE_ENTRIES; i++) {
      long entry = pages.loadAcquire(slotAt(table, i));
      if (!masks.isLeaf(entry, level)) {
        status |= statusBelow(masks.tablePaddr(entry), level - 1);
      }
    }
    return status;
  }

  /** Makes one leaf of what stands in its slots. */
  private void replace(
      long table, int level, long leafFirst, int sizeLog2, long paddr, long bits, long status) {
    int slots = 1 << slotsLog2(sizeLog2);
    long slot = slotAt(table, index(leafFirst, level));
    long leaf = masks.leaf(paddr, sizeLog2, bits | status);
    long late = 0;
    for (int i = 0; i < slots; i++) {
      long old = pages.exchange(slotAt(slot, i), leaf);
      late |= old & masks.statusMask & ~status;
      if (!masks.isLeaf(old, level)) {
        long slotFirst = leafFirst + ((long) i << entryLog2(level));
        detach(masks.tablePaddr(old), level - 1, slotFirst);
        gather.add(slotFirst, slotFirst | offsetMask(entryLog2(level)));
      }
    }
    if (late != 0) {
      for (int i = 0; i < slots; i++) {
        pages.or(slotAt(slot, i), late);
      }
    }
    pages.count(table, 0, slots);
    merges++;
  }

  private void detach(long table, int level, long first) {
    for (int i = 0; level > 1 && i < TABLE_ENTRIES; i++) {
      long entry = pages.loadAcquire(slotAt(table, i));
      if (!masks.isLeaf(entry, level)) {
        detach(masks.tablePaddr(entry), level - 1, first + ((long) i << entryLog2(level)));
      }
    }
    pages.abandon(table, WaitingTables.tag(first, level));
    gather.detachMerged(table);
  }

  // ---- contiguity ----------------------------------------------------------------------------

  /** Whether what stands below the entry for an address could become a leaf of the entry's size. */
  boolean isMergeable(long home, long iova, int level) {
    long table = TableTree.table(home);
    long entry = pages.loadAcquire(slotAt(table, index(iova, level)));
    if (TableTree.level(home) != level
        || (tableSizes & 1L << entryLog2(level)) == 0
        || !masks.isDirectory(entry, level)) {
      return false;
    }
    long child = tree.lockChild(table, level, iova, entry);
    if (child == TableTree.NONE) {
      return false;
    }
    boolean isContiguous = lockIfContiguous(child, level - 1, iova);
    if (isContiguous && level == 2) {
      knownTable = child;
      knownReclaims = pages.reclaims();
      knownWrites = pages.unlockSeen(child);
    } else {
      if (isContiguous) {
        unlockBelow(child, level - 1);
      }
      tree.unlock(child);
    }
    return isContiguous && (contiguousPaddr & offsetMask(entryLog2(level))) == 0;
  }

  /** Locks the known table. One that was used again meanwhile may have as many writes. */
  private boolean lockIfStillKnown() {
    if (!pages.tryLockUnwritten(knownTable, knownWrites)) {
      return false;
    }
    boolean isStill = pages.isStill(knownReclaims);
    if (!isStill) {
      tree.unlock(knownTable);
    }
    return isStill;
  }

  /**
   * Whether a locked table translates all its addresses to one contiguous piece with equal
   * attributes. If it does, all tables below it are locked.
   */
  private boolean lockIfContiguous(long table, int level, long first) {
    knownTable = TableTree.NONE;
    if (pages.live(table) != TABLE_ENTRIES || pages.isHeld(table)) {
      return false;
    }
    long entry = pages.loadAcquire(table);
    if (masks.isLeaf(entry, level)) {
      int sizeLog2 = masks.leafSizeLog2(entry, level);
      contiguousPaddr = masks.leafPaddr(entry, level);
      contiguousAttributes = masks.attributesOf(entry);
      int replicasLog2 = slotsLog2(sizeLog2);
      contiguousStatus =
          pages.progressionBits(
              table, 0, TABLE_ENTRIES, entry, 1L << sizeLog2, replicasLog2, masks.statusMask);
      if (contiguousStatus != NO_PROGRESSION) {
        return true;
      }
    }
    return lockIfPartsAre(table, level, first, 0, TABLE_ENTRIES);
  }

  /** The same for what stands in some slots of a table; the leaves there lie whole in them. */
  private boolean lockIfPartsAre(long table, int level, long first, int from, int count) {
    long paddr = 0;
    long bits = 0;
    long status = 0;
    for (int i = 0; i < count; ) {
      long slot = slotAt(table, from + i);
      long entry = pages.loadAcquire(slot);
      int slots = 1;
      if (!masks.isPresent(entry)) {
        unlockBelow(table, level, from, i);
        return false;
      }
      if (masks.isLeaf(entry, level)) {
        slots = 1 << slotsLog2(masks.leafSizeLog2(entry, level));
        contiguousPaddr = masks.leafPaddr(entry, level);
        contiguousAttributes = masks.attributesOf(entry);
        contiguousStatus = 0;
        for (int replica = 0; replica < slots; replica++) {
          contiguousStatus |= pages.loadAcquire(slotAt(slot, replica)) & masks.statusMask;
        }
      } else if (!lockBelowIfContiguous(
          table, level, entry, first + ((long) i << entryLog2(level)))) {
        unlockBelow(table, level, from, i);
        return false;
      }
      if (i == 0) {
        paddr = contiguousPaddr;
        bits = contiguousAttributes;
      } else if (contiguousPaddr != paddr + ((long) i << entryLog2(level))
          || contiguousAttributes != bits) {
        unlockBelow(table, level, from, i + slots);
        return false;
      }
      status |= contiguousStatus;
      i += slots;
    }
    contiguousPaddr = paddr;
    contiguousAttributes = bits;
    contiguousStatus = status;
    return true;
  }

  private boolean lockBelowIfContiguous(long table, int level, long entry, long at) {
    long child = tree.lockChild(table, level, at, entry);
    if (child == TableTree.NONE) {
      return false;
    }
    boolean isContiguous = lockIfContiguous(child, level - 1, at);
    if (!isContiguous) {
      tree.unlock(child);
    }
    return isContiguous;
  }

  private void unlockBelow(long table, int level) {
    unlockBelow(table, level, 0, TABLE_ENTRIES);
  }

  /** Unlocks all tables below some slots of a table. */
  private void unlockBelow(long table, int level, int from, int slots) {
    for (int i = 0; level > 1 && i < slots; i++) {
      long entry = pages.loadAcquire(slotAt(table, from + i));
      if (!masks.isLeaf(entry, level)) {
        unlockBelow(masks.tablePaddr(entry), level - 1);
        tree.unlock(masks.tablePaddr(entry));
      }
    }
  }
}
