package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.leafLevel;
import static dev.cleave.engine.format.Geometry.levelsFor;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.reaches;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static dev.cleave.engine.format.Geometry.tableLog2;
import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.memory.TablePages;

/**
 * Maps a range, or nothing.
 *
 * <ol>
 *   <li>The range's home is locked.
 *   <li>The range is claimed: it must be free, and the tables that have a part of it are locked,
 *       those that wait for a flush among them.
 *   <li>The table pages that it takes are counted, piece by piece, and reserved. What can be taken
 *       back needs none.
 *   <li>The top grows until it reaches the range.
 *   <li>The leaves are written. Nothing can fail any more.
 * </ol>
 *
 * <p>Where all leaves are alike and stand in one table that is there, only the first and the last
 * of these are needed, and one leaf in a table found lately is not even searched for. Thread-safe.
 */
final class TableMapper {
  private final TableTree tree;
  private final TablePages pages;
  private final EntryMasks masks;
  private final TableProbe probe;
  private final TableWriter writer;
  private final HeldTops heldTops;
  private final WaitingTables waiting;
  private final long tableSizes;

  TableMapper(
      TableTree tree, TableProbe probe, TableWriter writer, HeldTops heldTops, long tableSizes) {
    this.tree = tree;
    this.pages = tree.pages;
    this.masks = tree.masks;
    this.probe = probe;
    this.writer = writer;
    this.heldTops = heldTops;
    this.waiting = tree.waiting;
    this.tableSizes = tableSizes;
  }

  /** Maps contiguous memory with the largest leaves that fit. */
  void map(long first, long last, long paddr, long attributes) {
    int sizeLog2 = LeafSizes.largestAt(first, last, paddr, tableSizes);
    int level = leafLevel(sizeLog2);
    boolean isOneRun = LeafSizes.runLast(first, last, paddr, sizeLog2, tableSizes) == last;
    long home = tree.lockHome(first, last);
    long table = TableTree.table(home);
    int from = index(first, level);
    int slots = (int) ((last - first) >>> entryLog2(level)) + 1;
    boolean isInHome = isOneRun && TableTree.level(home) == level && !TableTree.isTooLow(home);
    long leaf = masks.leaf(paddr, sizeLog2, attributes);
    if (!isInHome || !writeBlank(table, from, slots, leaf, sizeLog2)) {
      mapBelow(home, first, last, paddr, attributes, SizeRule.atMost(Long.SIZE - 1));
    }
  }

  /**
   * Writes one leaf into its table, if that was found lately, nobody else has it, and there is
   * room.
   *
   * <p>A page has a way of its own. All larger leaves have one that begins with a single call: code
   * that C2 compiled before there were such leaves would have each of its steps as a call, and a
   * way for each size would be more than C2 takes in as a whole ({@code bench --stability}, a 1 GiB
   * leaf, worst against best JVM: 1.6 and 1.3).
   *
   * @return whether that is done; otherwise nothing has changed
   */
  boolean mapOne(long iova, long length, long paddr, long attributes) {
    return length == PAGE_BYTES
        ? mapLeaf(iova, 1, paddr, attributes)
        : mapLarger(iova, length, paddr, attributes);
  }

  private boolean mapLarger(long iova, long length, long paddr, long attributes) {
    if (!LeafSizes.isBlock(iova | paddr, length) || (tableSizes & length) == 0) {
      return false;
    }
    int sizeLog2 = Long.numberOfTrailingZeros(length);
    int level = leafLevel(sizeLog2);
    return sizeLog2 == entryLog2(level)
        ? mapLeaf(iova, level, paddr, attributes)
        : mapReplicas(iova, level, sizeLog2, paddr, attributes);
  }

  private boolean mapLeaf(long iova, int level, long paddr, long attributes) {
    long table = tree.guess(iova, level);
    long state = tree.tryLock(table, iova, level);
    if (state < 0) {
      return false;
    }
    long slot = slotAt(table, index(iova, level));
    if (pages.loadOpaque(slot) != 0) { // something is mapped, or a table waits
      pages.unlock(table);
      return false;
    }
    pages.storeRelease(slot, masks.single(paddr, level, attributes));
    pages.unlock(table, state, 1, 1);
    return true;
  }

  private boolean mapReplicas(long iova, int level, int sizeLog2, long paddr, long attributes) {
    long table = tree.guess(iova, level);
    long state = tree.tryLock(table, iova, level);
    if (state < 0) {
      return false;
    }
    int from = index(iova, level);
    int slots = 1 << slotsLog2(sizeLog2);
    if (pages.anyHas(table, from, slots, -1L)) {
      pages.unlock(table);
      return false;
    }
    writer.writeRun(table, from, slots, masks.leaf(paddr, sizeLog2, attributes), sizeLog2);
    pages.unlock(table, state, slots, slots);
    return true;
  }

  /**
   * Writes a run of leaves into slots of a locked table, and unlocks it, unless something is mapped
   * there, or a table waits.
   *
   * @return whether that is done; otherwise the table is locked still
   */
  private boolean writeBlank(long table, int from, int slots, long leaf, int sizeLog2) {
    if (!isBlank(table, from, slots)) {
      return false;
    }
    writer.writeRun(table, from, slots, leaf, sizeLog2);
    pages.unlock(table, slots, slots);
    return true;
  }

  private boolean isBlank(long table, int from, int slots) {
    return slots == 1
        ? pages.loadAcquire(slotAt(table, from)) == 0
        : !pages.anyHas(table, from, slots, -1L);
  }

  /** Maps contiguous memory, in pieces for each of which a rule allows other sizes. */
  void map(long first, long last, long paddr, long attributes, SizeRule rule) {
    mapBelow(tree.lockHome(first, last), first, last, paddr, attributes, rule);
  }

  private void mapBelow(
      long lockedHome, long first, long last, long paddr, long attributes, SizeRule rule) {
    int leafLevel = first == 0 ? firstLeafLevel(last, paddr, rule) : 1;
    long home = tree.freezeForLeaf(tree.freezeIfUnknown(lockedHome), leafLevel);
    int levels = Math.max(claim(home, first, last), TableTree.isFrozen(home) ? leafLevel : 1);
    int bound = first == 0 ? heldTops.boundOfFirstLeafLog2(home, levels) : Long.SIZE;
    long delta = paddr - first;
    try {
      long tables = newTables(home, levels, first, last);
      for (long at = first, end; ; at = end + 1) {
        end = segmentLast(rule, at, last, bound);
        long sizes = LeafSplitter.sizes(rule, at, sizesAt(at, bound));
        tables += newTables(home, levels, first, at, end, at + delta, sizes);
        if (end == last) {
          break;
        }
      }
      reserve(tables, first);
    } catch (RuntimeException e) {
      giveUp(home, first, last);
      throw e;
    }
    if (!TableTree.isTooLow(home)
        && TableTree.level(home) >= TableWriter.LEAST_SHARED_LEVEL
        && segmentLast(rule, first, last, bound) == last) {
      long sizes = LeafSplitter.sizes(rule, first, sizesAt(first, bound));
      long table = TableTree.table(home);
      writer.writeBelow(table, levels, first, last, paddr, attributes, sizes);
      return;
    }
    long grown = grow(home, levels);
    for (long at = first, end; ; at = end + 1) {
      end = segmentLast(rule, at, last, bound);
      long sizes = LeafSplitter.sizes(rule, at, sizesAt(at, bound));
      long root = TableTree.table(grown);
      writer.write(root, levels, at, end, last, at + delta, attributes, sizes, false);
      if (end == last) {
        break;
      }
    }
    finish(home, grown, first);
  }

  /** Where a piece ends that begins at an address: where its sizes end, too. */
  private static long segmentLast(SizeRule rule, long at, long last, int boundLog2) {
    long end = rule.segmentLast(at, last);
    return at == 0 && boundLog2 < Long.SIZE && Long.compareUnsigned(end, 1L << boundLog2) >= 0
        ? (1L << boundLog2) - 1
        : end;
  }

  /** Leaf sizes of a piece that begins at an address. */
  private long sizesAt(long at, int boundLog2) {
    return at == 0 ? LeafSizes.upTo(boundLog2 - 1, tableSizes) : tableSizes;
  }

  /** Where the leaf at address 0 is going to stand. */
  private int firstLeafLevel(long last, long paddr, SizeRule rule) {
    long sizes = LeafSplitter.sizes(rule, 0, tableSizes);
    return leafLevel(LeafSizes.largestAt(0, rule.segmentLast(0, last), paddr, sizes));
  }

  /** Maps page frames, in runs of consecutive ones. */
  void mapScattered(long first, long last, long[] frames, int from, int count, long attributes) {
    long home = tree.freezeIfUnknown(tree.lockHome(first, last));
    int levels = claim(home, first, last);
    int bound = first == 0 ? heldTops.boundOfFirstLeafLog2(home, levels) : Long.SIZE;
    int end = from + count;
    try {
      long tables = newTables(home, levels, first, last);
      for (int i = from, next; i < end; i = next) {
        next = runEnd(frames, i, end);
        long at = first + pages(i - from);
        long runLast = first + pages(next - from) - 1;
        long paddr = frames[i] << PAGE_LOG2;
        tables += newTables(home, levels, first, at, runLast, paddr, sizesAt(at, bound));
      }
      reserve(tables, first);
    } catch (RuntimeException e) {
      giveUp(home, first, last);
      throw e;
    }
    long grown = grow(home, levels);
    for (int i = from, next; i < end; i = next) {
      next = runEnd(frames, i, end);
      long at = first + pages(i - from);
      long runLast = first + pages(next - from) - 1;
      long paddr = frames[i] << PAGE_LOG2;
      long root = TableTree.table(grown);
      long sizes = sizesAt(at, bound);
      writer.write(root, levels, at, runLast, last, paddr, attributes, sizes, false);
    }
    finish(home, grown, first);
  }

  private static long pages(int count) {
    return (long) count << PAGE_LOG2;
  }

  /** Index behind the run of consecutive frames that begins at an index. */
  static int runEnd(long[] frames, int from, int end) {
    int next = from + 1;
    while (next < end && frames[next] == frames[next - 1] + 1) {
      next++;
    }
    return next;
  }

  // ---- claim ---------------------------------------------------------------------------------

  /**
   * Locks the tables below the home that have a part of a range. The range must be free; the home
   * is unlocked if it is not.
   *
   * @return levels that the home has to have: more than it has only if it is too low
   */
  private int claim(long home, long first, long last) {
    long table = TableTree.table(home);
    int level = TableTree.level(home);
    if (!TableTree.reaches(home, first) || TableTree.isFrozen(home)) {
      return levelsFor(last);
    }
    long here = TableTree.clip(home, last);
    if (!claim(table, level, first, here)) {
      long mapped = probe.firstMapped(table, level, first, here);
      tree.unlock(table);
      throw Refusals.alreadyMapped(mapped);
    }
    return TableTree.isTooLow(home) ? levelsFor(last) : level;
  }

  /**
   * Leans on a promise of the tree: a table below the top holds something, unless it is held
   * itself.
   */
  private boolean claim(long table, int level, long first, long last) {
    int from = index(first, level);
    int to = index(last, level);
    if (level == 1) {
      return !pages.anyHas(table, from, to - from + 1, masks.presentMask);
    }
    long mask = offsetMask(entryLog2(level));
    long firstEnd = from == to ? last : first | mask;
    if (!claimEntry(table, level, first, firstEnd)) {
      return false;
    }
    if (from == to
        || (!pages.anyHas(table, from + 1, to - from - 1, masks.presentMask)
            && claimEntry(table, level, last & ~mask, last))) {
      waiting.lockBelow(table, level, first, last, false);
      return true;
    }
    unclaimEntry(table, level, first, firstEnd);
    return false;
  }

  private boolean claimEntry(long table, int level, long first, long last) {
    long entry = pages.loadAcquire(slotAt(table, index(first, level)));
    if (!masks.isPresent(entry)) {
      return true;
    }
    if (masks.isLeaf(entry, level)) {
      return false;
    }
    long child = tree.lockChild(table, level, first, entry);
    if (child == TableTree.NONE) {
      return true;
    }
    boolean isWhole = last - first == offsetMask(entryLog2(level));
    if ((isWhole && !pages.isHeld(child)) || !claim(child, level - 1, first, last)) {
      tree.unlock(child);
      return false;
    }
    return true;
  }

  private void unclaim(long table, int level, long first, long last) {
    if (level > 1) {
      waiting.unlockBelow(table, level, first, last, false);
      long mask = offsetMask(entryLog2(level));
      boolean isOne = index(first, level) == index(last, level);
      unclaimEntry(table, level, first, isOne ? last : first | mask);
      if (!isOne) {
        unclaimEntry(table, level, last & ~mask, last);
      }
    }
  }

  private void unclaimEntry(long table, int level, long first, long last) {
    long entry = pages.loadAcquire(slotAt(table, index(first, level)));
    if (masks.isPresent(entry)) {
      long child = masks.tablePaddr(entry);
      unclaim(child, level - 1, first, last);
      tree.unlock(child);
    }
  }

  /** Unlocks what was claimed; nothing has been written. */
  private void giveUp(long home, long first, long last) {
    long table = TableTree.table(home);
    int level = TableTree.level(home);
    if (TableTree.isFrozen(home)) {
      tree.thawTop();
    } else if (TableTree.reaches(home, first)) {
      unclaim(table, level, first, TableTree.clip(home, last));
    }
    tree.unlock(table);
  }

  // ---- table pages ---------------------------------------------------------------------------

  /**
   * Table pages that growing takes, less those that are there already for the range: on the way to
   * its two ends.
   */
  private long newTables(long home, int levels, long first, long last) {
    long root = TableTree.table(home);
    int present = TableTree.level(home);
    if (TableTree.isFrozen(home)) {
      return 0; // it becomes the top of any level
    }
    long tables = (long) levels - present;
    for (int level = present; level < levels; level++) {
      tables -= reaches(level, first) ? 1 : 0;
    }
    if (!TableTree.reaches(home, first)) {
      return tables;
    }
    for (int level = probe.lowestTable(root, present, first); level < present; level++) {
      tables--;
    }
    long here = TableTree.clip(home, last);
    for (int level = probe.lowestTable(root, present, here); level < present; level++) {
      int log2 = tableLog2(level);
      tables -= first >>> log2 == here >>> log2 ? 0 : 1;
    }
    return tables;
  }

  /**
   * Tables for a piece of the range, less those that wait for a flush there and are taken back.
   * What is there already at the two ends of the range is counted too.
   */
  private long newTables(
      long home, int levels, long first, long at, long end, long paddr, long sizes) {
    long tables = LeafSizes.tables(at, end, paddr, sizes, levels, at != first);
    int level = TableTree.level(home);
    if (!TableTree.isFrozen(home) && TableTree.reaches(home, at)) {
      long here = TableTree.clip(home, end);
      tables -= takenBack(TableTree.table(home), level, first, at, here, paddr, sizes, false);
    }
    return tables;
  }

  /** Tables that wait below a table and are taken back when a piece of the range is laid out. */
  private long takenBack(
      long table,
      int level,
      long rangeFirst,
      long first,
      long last,
      long paddr,
      long sizes,
      boolean isWaiting) {
    long tables = 0;
    long at = first;
    long target = paddr;
    while (level > 1) {
      int sizeLog2 = LeafSizes.largestAt(at, last, target, sizes);
      long end;
      if (leafLevel(sizeLog2) >= level) {
        end = Unsigned.min(LeafSizes.runLast(at, last, target, sizeLog2, sizes), last);
      } else {
        long mask = offsetMask(entryLog2(level));
        end = Unsigned.min(at | mask, last);
        long entry = pages.loadAcquire(slotAt(table, index(at, level)));
        boolean waits = waiting.leadsToWaiting(entry, level, isWaiting);
        if (waits || masks.isDirectory(entry, level)) {
          // A slot that the piece before reaches into has been counted with that.
          tables += waits && ((at & mask) == 0 || at == rangeFirst) ? 1 : 0;
          long below = masks.tablePaddr(entry);
          tables += takenBack(below, level - 1, rangeFirst, at, end, target, sizes, waits);
        }
      }
      if (end == last) {
        break;
      }
      target += end + 1 - at;
      at = end + 1;
    }
    return tables;
  }

  private void reserve(long tables, long iova) {
    if (tables > 0 && !pages.tryReserve(tables)) {
      throw Refusals.outOfMemory(tables, iova, waiting.pages());
    }
  }

  /**
   * Puts tops above the top until there are so many levels, and makes the last one known. Their
   * pages have been reserved.
   */
  private long grow(long home, int levels) {
    if (!TableTree.isTooLow(home)) {
      return home;
    }
    long root = TableTree.table(home);
    int rootLevel = TableTree.level(home);
    if (TableTree.isFrozen(home)) {
      if (pages.anyHas(root, 0, TABLE_ENTRIES, -1L)) {
        pages.zero(root, 0, TABLE_ENTRIES); // remnants of another level
      }
      pages.relevel(root, levels, tree.place(0, levels));
      var _ = tree.setTop(root | levels);
      pages.reclaim(); // a reader that is in it decodes entries to come at the old level
      return root | levels;
    }
    long table = root;
    for (int level = rootLevel; level < levels; level++) {
      long above = tree.take(0, level + 1, true);
      tree.publish(above, slotAt(above, 0), table, level);
      table = above;
    }
    boolean wasKnown = tree.setTop(table | levels);
    heldTops.hold(table, levels, root, rootLevel, wasKnown);
    return table | levels;
  }

  /** Unlocks the tops, but for those that the writer came through. */
  private void finish(long home, long grown, long first) {
    long table = TableTree.table(grown);
    for (int level = TableTree.level(grown); table != TableTree.table(home); ) {
      long below = masks.tablePaddr(pages.loadAcquire(slotAt(table, 0)));
      level--;
      if (!reaches(level, first)) {
        tree.unlock(below);
      }
      table = below;
    }
    tree.unlock(TableTree.table(grown));
  }
}
