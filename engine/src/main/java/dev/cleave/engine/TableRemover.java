package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.leafLevel;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static dev.cleave.engine.kernel.TableKernels.NO_PROGRESSION;
import static dev.cleave.engine.memory.TableEntries.slotAt;
import static dev.cleave.engine.memory.TablePages.NONE;

import dev.cleave.engine.memory.TablePages;

/** Takes leaves out, and the tables that become empty with them. Thread-safe. */
final class TableRemover {
  private static final long NOT_THERE = -1;

  private final TableTree tree;
  private final TablePages pages;
  private final EntryMasks masks;
  private final WaitingTables waiting;
  private final long tableSizes;

  TableRemover(TableTree tree, long tableSizes) {
    this.tree = tree;
    this.pages = tree.pages;
    this.masks = tree.masks;
    this.waiting = tree.waiting;
    this.tableSizes = tableSizes;
  }

  /**
   * Makes a hole of one leaf whose table was found lately, unless somebody else has that. Pages and
   * larger leaves have a way each, as in {@link TableMapper#mapOne}.
   *
   * @return whether that is done; otherwise nothing has changed
   */
  boolean removeOne(long iova, long length, IotlbGather gather) {
    return length == PAGE_BYTES ? removeLeaf(iova, 1, gather) : removeLarger(iova, length, gather);
  }

  private boolean removeLarger(long iova, long length, IotlbGather gather) {
    if (!LeafSizes.isBlock(iova, length) || (tableSizes & length) == 0) {
      return false;
    }
    int sizeLog2 = Long.numberOfTrailingZeros(length);
    int level = leafLevel(sizeLog2);
    return sizeLog2 == entryLog2(level)
        ? removeLeaf(iova, level, gather)
        : removeReplicas(iova, level, sizeLog2, gather);
  }

  private boolean removeLeaf(long iova, int level, IotlbGather gather) {
    long table = tree.guess(iova, level);
    long state = tree.tryLock(table, iova, level);
    if (state < 0) {
      return false;
    }
    long slot = slotAt(table, index(iova, level));
    if (!masks.isSingle(pages.loadOpaque(slot), level)) {
      pages.unlock(table);
      return false;
    }
    pages.storeRelease(slot, 0);
    gather.add(iova, iova | offsetMask(entryLog2(level)));
    if (!pages.unlockIfLive(table, state, -1, 1)) {
      leave(table | level, iova, gather);
    }
    return true;
  }

  private boolean removeReplicas(long iova, int level, int sizeLog2, IotlbGather gather) {
    long table = tree.guess(iova, level);
    long state = tree.tryLock(table, iova, level);
    if (state < 0) {
      return false;
    }
    int from = index(iova, level);
    long entry = pages.loadOpaque(slotAt(table, from));
    if (!masks.isPresent(entry)
        || !masks.isLeaf(entry, level)
        || masks.leafSizeLog2(entry, level) != sizeLog2) {
      pages.unlock(table);
      return false;
    }
    int slots = 1 << slotsLog2(sizeLog2);
    pages.zero(table, from, slots);
    gather.add(iova, iova | offsetMask(sizeLog2));
    if (!pages.unlockIfLive(table, state, -slots, slots)) {
      leave(table | level, iova, gather);
    }
    return true;
  }

  /**
   * Makes holes of a range of a locked table. No leaf reaches over either end of it. The table
   * itself may be empty afterwards; what is below it and empty is taken out.
   *
   * @return bytes that were mapped
   */
  long remove(long table, int level, long first, long last, IotlbGather gather) {
    long bytes = removeIn(table, level, first, last, gather);
    gather.tables.publish();
    return bytes;
  }

  /** The same; {@link WaitingList#publish} is to follow before the table is unlocked. */
  private long removeIn(long table, int level, long first, long last, IotlbGather gather) {
    int from = index(first, level);
    int count = index(last, level) - from + 1;
    if (level == 1) {
      int live = pages.countAny(table, from, count, masks.presentMask);
      if (live != 0) {
        pages.zero(table, from, count);
        pages.count(table, -live, count);
        gather.add(first, last);
      }
      return (long) live << PAGE_LOG2;
    }
    long mask = offsetMask(entryLog2(level));
    long bytes = 0;
    int remnants = 0;
    long at = first;
    for (int i = 0; i < count; ) {
      long slot = slotAt(table, from + i);
      long entry = pages.loadAcquire(slot);
      int slots = 1;
      long end = i == count - 1 ? last : at | mask;
      if (!masks.isPresent(entry)) {
        // a hole
      } else if (masks.isLeaf(entry, level)) {
        slots = leafSlots(table, level, from + i, count - i, entry);
        end = at + ((long) slots << entryLog2(level)) - 1;
        clear(table, slot, slots);
        bytes += end - at + 1;
        gather.add(at, end);
      } else if (end - at == mask && !pages.isHeld(masks.tablePaddr(entry))) {
        long dropped = dropChild(table, level, slot, at, entry, gather);
        if (dropped != NOT_THERE) {
          pages.storeRelease(slot, masks.remnant(entry));
          remnants++;
          bytes += dropped;
        }
        gather.add(at, end);
      } else {
        bytes += removeBelow(table, level, entry, at, end, gather);
      }
      i += slots;
      at = end + 1;
    }
    pages.count(table, -remnants, remnants);
    return bytes;
  }

  /** Number of slots of leaves, which one leaf begins. */
  private int leafSlots(long table, int level, int from, int most, long leaf) {
    int sizeLog2 = masks.leafSizeLog2(leaf, level);
    long step = 1L << sizeLog2;
    long mask = masks.statusMask;
    if (most > 1
        && pages.progressionBits(table, from, most, leaf, step, slotsLog2(sizeLog2), mask)
            != NO_PROGRESSION) {
      return most;
    }
    int slots = 1;
    while (slots < most) {
      long entry = pages.loadAcquire(slotAt(table, from + slots));
      if (!masks.isPresent(entry) || !masks.isLeaf(entry, level)) {
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
    if (pages.isVacant(child)) {
      waiting.takeOut(child, level - 1, first, table, gather);
      waiting.unlink(table, slotAt(table, index(first, level)), entry);
      addSpan(first, level, gather);
    } else {
      tree.unlock(child);
    }
    return bytes;
  }

  /** A cached directory may survive a flush that is smaller than what it covers. */
  private static void addSpan(long iova, int level, IotlbGather gather) {
    long mask = offsetMask(entryLog2(level));
    gather.add(iova & ~mask, iova | mask);
  }

  /**
   * Takes out all that is below a directory, of which a remnant is still to be made.
   *
   * @return bytes that were mapped, or NOT_THERE: then there is a remnant already
   */
  private long dropChild(
      long table, int level, long slot, long first, long entry, IotlbGather gather) {
    long child = masks.tablePaddr(entry);
    if (!pages.lock(child, tree.place(first, level - 1))) {
      waiting.unlink(table, slot, entry); // somebody else has taken it out
      return NOT_THERE;
    }
    return drop(child, level - 1, first, table, gather);
  }

  /**
   * Takes a locked table out, and all below it, as they are: a walker inside goes on seeing what
   * was there. {@link WaitingList#publish} is to follow.
   *
   * @param parent the table that it stands in, or {@link TablePages#NONE}
   * @return bytes that were mapped
   */
  long drop(long table, int level, long first, long parent, IotlbGather gather) {
    long before = gather.tables.strungPages();
    long bytes = bytesBelow(table, level, first, gather);
    waiting.takeOutWhole(table, level, first, parent, gather.tables.strungPages() - before, gather);
    return bytes;
  }

  /** Takes out what is below a locked table that is taken out itself; returns what was mapped. */
  private long bytesBelow(long table, int level, long first, IotlbGather gather) {
    int live = pages.live(table);
    if (level == 1) {
      return (long) live << PAGE_LOG2;
    }
    long bytes = 0;
    for (int i = 0; i < TABLE_ENTRIES && live > 0; i++) {
      long slot = slotAt(table, i);
      long entry = pages.loadAcquire(slot);
      if (masks.isPresent(entry)) {
        live--;
        bytes +=
            masks.isLeaf(entry, level)
                ? 1L << entryLog2(level)
                : dropAlong(
                    table, level, slot, first + ((long) i << entryLog2(level)), entry, gather);
      }
    }
    return bytes;
  }

  private long dropAlong(
      long table, int level, long slot, long first, long entry, IotlbGather gather) {
    long child = masks.tablePaddr(entry);
    if (!pages.lock(child, tree.place(first, level - 1))) {
      waiting.unlink(table, slot, entry); // somebody else has taken it out: it waits for itself
      return 0;
    }
    long before = gather.tables.strungPages();
    long bytes = bytesBelow(child, level - 1, first, gather);
    waiting.takeAlong(child, level - 1, first, gather.tables.strungPages() - before, gather);
    return bytes;
  }

  /**
   * Ends an operation that has taken entries out of its home. If the home is empty now, and need
   * not stay, it is taken out, and so are the tables above that become empty with it.
   */
  void leave(long home, long iova, IotlbGather gather) {
    long table = TableTree.table(home);
    int level = TableTree.level(home);
    while (pages.isVacant(table) && !tree.isTop(table)) {
      waiting.takeOut(table, level, iova, NONE, gather);
      addSpan(iova, level + 1, gather);
      long above = tree.lockAbove(iova, level);
      if (above == NONE) {
        return;
      }
      long slot = slotAt(above, index(iova, level + 1));
      long entry = pages.loadAcquire(slot);
      if (masks.isDirectory(entry, level + 1)
          && masks.tablePaddr(entry) == table
          && waiting.isWaiting(table, iova, level)) {
        waiting.unlink(above, slot, entry);
      }
      table = above;
      level++;
    }
    pages.unlock(table);
  }
}
