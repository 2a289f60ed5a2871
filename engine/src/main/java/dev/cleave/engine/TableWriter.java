package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.leafLevel;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.memory.TablePages;

/**
 * Writes leaves into holes. New tables are filled before the directory that publishes them is
 * stored, and are zeroed first only when they will not be filled whole. Thread-safe.
 */
final class TableWriter {
  /**
   * Homes from this level up are given to others before all is written. Below a lower one stand
   * leaf tables, which are filled before anybody can see them.
   */
  static final int LEAST_SHARED_LEVEL = 3;

  /** Leaf tables that are taken together: they are locked, and not filled, for so long. */
  private static final int MOST_AT_ONCE = 32;

  private final TableTree tree;
  private final TablePages pages;
  private final EntryMasks masks;

  TableWriter(TableTree tree) {
    this.tree = tree;
    this.pages = tree.pages;
    this.masks = tree.masks;
  }

  /**
   * Lays out a piece of a range in a table; the table pages it needs have been reserved. The table
   * is locked, and so are the tables below it that have a part of the range. Those below are
   * unlocked when the range's last piece in them has been written.
   *
   * @param fresh whether nothing has been written to the table: it may hold anything, and all of it
   *     lies in the piece
   */
  void write(
      long table,
      int level,
      long first,
      long last,
      long rangeLast,
      long paddr,
      long attributes,
      long sizes,
      boolean fresh) {
    long at = first;
    long target = paddr;
    while (true) {
      int sizeLog2 = LeafSizes.largestAt(at, last, target, sizes);
      long end;
      if (leafLevel(sizeLog2) == level) {
        end = LeafSizes.runLast(at, last, target, sizeLog2, sizes);
        long leaf = masks.leaf(target, sizeLog2, attributes);
        writeLeaves(table, level, at, end, leaf, sizeLog2, fresh);
      } else {
        end =
            level == 2
                ? writeTables(table, at, last, target, attributes, sizeLog2, sizes, fresh)
                : at - 1;
        if (end == at - 1) {
          end = Unsigned.min(at | offsetMask(entryLog2(level)), last);
          writeTable(table, level, at, end, rangeLast, target, attributes, sizes, fresh);
        }
      }
      if (end == last) {
        return;
      }
      target += end + 1 - at;
      at = end + 1;
    }
  }

  /** Lays out what lies below one entry. */
  private void writeTable(
      long table,
      int level,
      long first,
      long last,
      long rangeLast,
      long paddr,
      long attributes,
      long sizes,
      boolean fresh) {
    long slot = slotAt(table, index(first, level));
    long entry = fresh ? 0 : pages.loadAcquire(slot);
    boolean isPresent = masks.isPresent(entry);
    boolean isWaiting = !isPresent && masks.isRemnant(entry);
    boolean whole = last - first == offsetMask(entryLog2(level));
    boolean isBlank = whole && !isPresent && !(isWaiting && level > 2);
    long child =
        isPresent
            ? masks.tablePaddr(entry)
            : isWaiting
                ? tree.waiting.takeBack(entry, first, level - 1, whole)
                : tree.take(first, level - 1, !whole);
    write(child, level - 1, first, last, rangeLast, paddr, attributes, sizes, isBlank);
    if (!isPresent) {
      tree.publish(table, slot, child, level - 1);
    }
    if (last == (first | offsetMask(entryLog2(level))) || last == rangeLast) {
      tree.unlock(child);
    }
  }

  /**
   * Writes the leaf tables of a piece as far as they are whole and filled by one run of leaves, and
   * where nothing stands: most of a large map. They need not be looked at one by one.
   *
   * @param sizeLog2 of the leaf that begins the piece
   * @return the last address of the last of them; {@code first - 1} if there is none
   */
  private long writeTables(
      long table,
      long first,
      long last,
      long paddr,
      long attributes,
      int sizeLog2,
      long sizes,
      boolean fresh) {
    long runLast = LeafSizes.runLast(first, last, paddr, sizeLog2, sizes);
    long tables = (runLast - first + 1) >>> REGION_LOG2;
    int from = index(first, 2);
    if ((first & offsetMask(REGION_LOG2)) != 0
        || tables == 0
        || (!fresh && pages.anyHas(table, from, (int) tables, -1L))) {
      return first - 1;
    }
    long leaf = masks.leaf(paddr, sizeLog2, attributes);
    int replicasLog2 = slotsLog2(sizeLog2);
    long at = first;
    long child = TableTree.NONE;
    for (int i = 0; i < tables; i++) {
      if (child == TableTree.NONE) {
        child = pages.takeAll(1, (int) Math.min(tables - i, MOST_AT_ONCE), tree.place(at, 1));
      }
      long next = pages.next(child);
      pages.fill(child, 0, TABLE_ENTRIES, leaf, 1L << sizeLog2, replicasLog2);
      pages.storeRelease(slotAt(table, from + i), masks.directory(child, 1));
      pages.unlock(child, TABLE_ENTRIES, TABLE_ENTRIES);
      leaf += REGION_BYTES;
      at += REGION_BYTES;
      child = next;
    }
    pages.count(table, (int) tables, (int) tables);
    return at - 1;
  }

  /**
   * Lays out a whole range in its home, as {@link #write} does, and gives the home to others as
   * early as it can: as soon as the tables below it that the range reaches into are there, empty
   * and locked; and so on below. So two writers fill large pieces below one home side by side, and
   * an address is mapped when its leaf is, not before and not all of them at once.
   *
   * @param home locked; its level is at least {@value #LEAST_SHARED_LEVEL}
   */
  void writeBelow(
      long home, int level, long first, long last, long paddr, long attributes, long sizes) {
    install(home, level, first, last, paddr, attributes, sizes);
    tree.unlock(home);
    long mask = offsetMask(entryLog2(level));
    long at = first;
    long target = paddr;
    while (true) {
      int sizeLog2 = LeafSizes.largestAt(at, last, target, sizes);
      long end;
      if (leafLevel(sizeLog2) == level) {
        end = LeafSizes.runLast(at, last, target, sizeLog2, sizes);
      } else {
        end = Unsigned.min(at | mask, last);
        // nobody else can unlink a table that is locked
        long child = masks.tablePaddr(pages.loadAcquire(slotAt(home, index(at, level))));
        if (level > LEAST_SHARED_LEVEL) {
          writeBelow(child, level - 1, at, end, target, attributes, sizes);
        } else {
          write(child, level - 1, at, end, last, target, attributes, sizes, false);
          tree.unlock(child);
        }
      }
      if (end == last) {
        return;
      }
      target += end + 1 - at;
      at = end + 1;
    }
  }

  /** Writes the leaves of a range that stand in its home, and has a table where others go. */
  private void install(
      long home, int level, long first, long last, long paddr, long attributes, long sizes) {
    long mask = offsetMask(entryLog2(level));
    long at = first;
    long target = paddr;
    while (true) {
      int sizeLog2 = LeafSizes.largestAt(at, last, target, sizes);
      long end;
      if (leafLevel(sizeLog2) == level) {
        end = LeafSizes.runLast(at, last, target, sizeLog2, sizes);
        long leaf = masks.leaf(target, sizeLog2, attributes);
        writeLeaves(home, level, at, end, leaf, sizeLog2, false);
      } else {
        end = Unsigned.min(at | mask, last);
        long slot = slotAt(home, index(at, level));
        long entry = pages.loadAcquire(slot);
        if (!masks.isPresent(entry)) {
          long child =
              masks.isRemnant(entry)
                  ? tree.waiting.takeBack(entry, at, level - 1, false)
                  : tree.take(at, level - 1, true);
          tree.publish(home, slot, child, level - 1);
        }
      }
      if (end == last) {
        return;
      }
      target += end + 1 - at;
      at = end + 1;
    }
  }

  /** Writes a run of leaves that stand in a table. */
  private void writeLeaves(
      long table, int level, long first, long last, long leaf, int sizeLog2, boolean fresh) {
    int from = index(first, level);
    int slots = (int) ((last - first) >>> entryLog2(level)) + 1;
    if (!fresh) {
      tree.waiting.overlay(table, level, first, from, slots, leaf, sizeLog2);
    }
    writeRun(table, from, slots, leaf, sizeLog2);
    pages.count(table, slots, slots);
  }

  /**
   * Writes a run of equal leaves, of which one is the first, into slots of a locked table; they are
   * still to be counted.
   */
  void writeRun(long table, int from, int slots, long leaf, int sizeLog2) {
    if (slots == 1) {
      pages.storeRelease(slotAt(table, from), leaf);
    } else {
      pages.fill(table, from, slots, leaf, 1L << sizeLog2, slotsLog2(sizeLog2));
    }
  }
}
