package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static dev.cleave.engine.format.Geometry.tableLog2;
import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.memory.TablePages;

/**
 * Carries accessed and dirty bits from a table that a merge replaced to what stands there now.
 *
 * <p>A bit says that memory was touched through an iova. It is carried to the leaf around that
 * iova, whatever its size is by now, if that leaf leads to the same memory; what was unmapped, or
 * mapped to other memory since, was not touched and gets nothing. Every bit of the old table is
 * carried, not only those that came late: one that has been read and cleared since the merge is
 * reported once more, and none is lost.
 *
 * <p>Thread-safe.
 */
final class StatusCarrier {
  private final TableTree tree;
  private final TablePages pages;
  private final EntryMasks masks;

  StatusCarrier(TableTree tree) {
    this.tree = tree;
    this.pages = tree.pages;
    this.masks = tree.masks;
  }

  /**
   * Carries over what stands in a replaced table, which is full and translates contiguously.
   *
   * @param tag what the table was found by
   */
  void carry(long old, long tag) {
    int level = WaitingTables.tagLevel(tag);
    long first = WaitingTables.tagFirst(tag);
    if (tree.top() == 0) {
      return;
    }
    long all = pages.orAll(old) & masks.statusMask;
    if (all == 0) {
      return;
    }
    long delta = paddr(old, level) - first;
    long last = first + offsetMask(tableLog2(level));
    long at = first;
    while (true) {
      long end = Unsigned.min(carryAt(old, level, all, at, last, delta), last);
      if (end == last) {
        return;
      }
      at = end + 1;
    }
  }

  /** Where the first address of a replaced table led to. */
  private long paddr(long old, int level) {
    long entry = pages.loadAcquire(old);
    return masks.isLeaf(entry, level)
        ? masks.leafPaddr(entry, level)
        : paddr(masks.tablePaddr(entry), level - 1);
  }

  /** Carries to the leaf around an iova; returns where it, or a hole, ends. */
  private long carryAt(long old, int oldLevel, long all, long iova, long last, long delta) {
    long home = lockAround(iova, last);
    long table = TableTree.table(home);
    int level = TableTree.level(home);
    long end = iova | offsetMask(entryLog2(level));
    long entry = pages.loadAcquire(slotAt(table, index(iova, level)));
    if (masks.isPresent(entry) && masks.isLeaf(entry, level) && TableTree.reaches(home, iova)) {
      int sizeLog2 = masks.leafSizeLog2(entry, level);
      long leafFirst = iova & -(1L << sizeLog2);
      end = iova | offsetMask(sizeLog2);
      if (masks.leafPaddr(entry, level) - leafFirst == delta) {
        long status = statusIn(old, oldLevel, all, iova, Unsigned.min(end, last));
        addTo(slotAt(table, index(leafFirst, level)), sizeLog2, status);
      }
    }
    tree.unlock(table);
    return end;
  }

  /**
   * Locks the table that has no directory around an iova. As a rule that is the one in which the
   * merged leaf stands: it is looked up by all that the leaf has.
   */
  private long lockAround(long iova, long last) {
    long page = iova & -(long) PAGE_BYTES;
    long home = tree.lockHome(page, last);
    int level = TableTree.level(home);
    long entry = pages.loadAcquire(slotAt(TableTree.table(home), index(iova, level)));
    if (!masks.isDirectory(entry, level)) {
      return home;
    }
    tree.unlock(TableTree.table(home));
    return tree.lockHome(page, page + PAGE_BYTES - 1);
  }

  /**
   * The status bits of all leaves of a table that a range of it reaches into.
   *
   * @param all those of the whole table
   */
  private long statusIn(long table, int level, long all, long first, long last) {
    if (level == 1 && last - first == offsetMask(tableLog2(1))) {
      return all;
    }
    long status = 0;
    int end = index(last, level);
    for (int i = index(first, level); i <= end; ) {
      long entry = pages.loadAcquire(slotAt(table, i));
      int slots = 1;
      if (masks.isLeaf(entry, level)) { // what is below a directory is carried for itself
        slots = 1 << slotsLog2(masks.leafSizeLog2(entry, level));
        i &= -slots;
        for (int slot = i; slot < i + slots; slot++) {
          status |= pages.loadAcquire(slotAt(table, slot)) & masks.statusMask;
        }
      }
      i += slots;
    }
    return status;
  }

  private void addTo(long slot, int sizeLog2, long status) {
    for (int i = 0; i < 1 << slotsLog2(sizeLog2); i++) {
      if ((status & ~pages.loadAcquire(slotAt(slot, i))) != 0) {
        pages.or(slotAt(slot, i), status);
      }
    }
  }
}
