package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static dev.cleave.engine.kernel.TableKernels.NO_PROGRESSION;
import static dev.cleave.engine.memory.TablePages.slotAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TablePages;

/** Takes leaves out, and the tables that become empty with them. Thread-safe. */
final class TableRemover {
  private final TableTree tree;
  private final TablePages pages;
  private final EntryFormat format;

  TableRemover(TableTree tree) {
    this.tree = tree;
    this.pages = tree.pages;
    this.format = tree.format;
  }

  /**
   * Makes a hole of a 4 KiB leaf whose table was found lately.
   *
   * @return whether that is done; otherwise nothing has changed
   */
  boolean removePage(long iova, IotlbGather gather) {
    long table = tree.lockRecent(iova);
    if (table == TableTree.NONE) {
      return false;
    }
    long slot = slotAt(table, index(iova, 1));
    long entry = pages.loadAcquire(slot);
    if (!format.isPresent(entry) || format.leafSizeLog2(entry, 1) != PAGE_LOG2) {
      pages.unlock(table);
      return false;
    }
    pages.storeRelease(slot, 0);
    gather.add(iova, iova | offsetMask(PAGE_LOG2));
    if (!pages.unlockIfLive(table, -1, 1)) {
      tree.leave(table | 1, iova, gather);
    }
    return true;
  }

  /**
   * Makes holes of a range of a locked table. No leaf reaches over either end of it. The table
   * itself may be empty afterwards; what is below it and empty is unlinked.
   *
   * @return bytes that were mapped
   */
  long remove(long table, int level, long first, long last, IotlbGather gather) {
    int from = index(first, level);
    int count = index(last, level) - from + 1;
    if (level == 1) {
      int live = pages.countAny(table, from, count, format.presentMask());
      if (live != 0) {
        pages.zero(table, from, count);
        pages.count(table, -live, count);
        gather.add(first, last);
      }
      return (long) live << PAGE_LOG2;
    }
    long mask = offsetMask(entryLog2(level));
    long bytes = 0;
    long at = first;
    for (int i = 0; i < count; ) {
      long slot = slotAt(table, from + i);
      long entry = pages.loadAcquire(slot);
      int slots = 1;
      long end = i == count - 1 ? last : at | mask;
      if (!format.isPresent(entry)) {
        // a hole
      } else if (format.isLeaf(entry, level)) {
        slots = leafSlots(table, level, from + i, count - i, entry);
        end = at + ((long) slots << entryLog2(level)) - 1;
        clear(table, slot, slots);
        bytes += end - at + 1;
        gather.add(at, end);
      } else if (end - at == mask) {
        clear(table, slot, 1);
        bytes += drop(format.tablePaddr(entry), level - 1, at, gather);
        gather.add(at, end);
      } else {
        bytes += removeBelow(table, level, entry, at, end, gather);
      }
      i += slots;
      at = end + 1;
    }
    return bytes;
  }

  /** Number of slots of leaves, which one leaf begins. */
  private int leafSlots(long table, int level, int from, int most, long leaf) {
    int sizeLog2 = format.leafSizeLog2(leaf, level);
    long step = 1L << sizeLog2;
    long mask = format.statusMask();
    if (most > 1
        && pages.progressionBits(table, from, most, leaf, step, slotsLog2(sizeLog2), mask)
            != NO_PROGRESSION) {
      return most;
    }
    int slots = 1;
    while (slots < most) {
      long entry = pages.loadAcquire(slotAt(table, from + slots));
      if (!format.isPresent(entry) || !format.isLeaf(entry, level)) {
        break;
      }
      slots++;
    }
    return slots;
  }

  private void clear(long table, long slot, int slots) {
    if (slots == 1) {
      pages.storeRelease(slot, 0);
    } else {
      pages.zero(table, (int) (slot - table) / Long.BYTES, slots);
    }
    pages.count(table, -slots, slots);
  }

  /** Makes holes of a part of what is below a directory. */
  private long removeBelow(
      long table, int level, long entry, long first, long last, IotlbGather gather) {
    long child = tree.lockChild(table, level, first, entry);
    if (child == TableTree.NONE) {
      return 0;
    }
    long bytes = remove(child, level - 1, first, last, gather);
    if (pages.live(child) == 0) {
      clear(table, slotAt(table, index(first, level)), 1);
      pages.abandon(child);
      gather.detach(child);
      // A cached directory may survive a flush that is smaller than what it covers.
      long mask = offsetMask(entryLog2(level));
      gather.add(first & ~mask, first | mask);
    } else {
      tree.unlock(child);
    }
    return bytes;
  }

  /**
   * Detaches a table that is no longer reachable, and all below it, as they are: a walker inside
   * goes on seeing what was there.
   *
   * @return bytes that were mapped
   */
  long drop(long table, int level, long first, IotlbGather gather) {
    if (!pages.lock(table, tree.place(first, level))) {
      return 0; // somebody else has abandoned it, and will detach it
    }
    int live = pages.live(table);
    long bytes = 0;
    if (level == 1) {
      bytes = (long) live << PAGE_LOG2;
    } else {
      for (int i = 0; i < TABLE_ENTRIES && live > 0; i++) {
        long entry = pages.loadAcquire(slotAt(table, i));
        if (format.isPresent(entry)) {
          live--;
          long at = first + ((long) i << entryLog2(level));
          bytes +=
              format.isLeaf(entry, level)
                  ? 1L << entryLog2(level)
                  : drop(format.tablePaddr(entry), level - 1, at, gather);
        }
      }
    }
    pages.abandon(table);
    gather.detach(table);
    return bytes;
  }
}
