package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.leafLevel;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static dev.cleave.engine.memory.TablePages.slotAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TablePages;

/**
 * Writes leaves into holes. New tables are filled before the directory that publishes them is
 * stored, and are zeroed first only when they will not be filled whole. Thread-safe.
 */
final class TableWriter {
  private final TableTree tree;
  private final TablePages pages;
  private final EntryFormat format;

  TableWriter(TableTree tree) {
    this.tree = tree;
    this.pages = tree.pages;
    this.format = tree.format;
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
        int slots = (int) ((end - at) >>> entryLog2(level)) + 1;
        long leaf = format.leaf(target, sizeLog2, attributes);
        if (!fresh) {
          tree.waiting.overlay(table, level, at, index(at, level), slots, leaf, sizeLog2);
        }
        writeRun(table, index(at, level), slots, leaf, sizeLog2);
      } else {
        long entryLast = at | offsetMask(entryLog2(level));
        end = Unsigned.min(entryLast, last);
        long slot = slotAt(table, index(at, level));
        long entry = fresh ? 0 : pages.loadAcquire(slot);
        boolean isPresent = format.isPresent(entry);
        boolean isWaiting = !isPresent && format.isRemnant(entry);
        boolean whole = end - at == offsetMask(entryLog2(level));
        boolean isBlank = whole && !isPresent && !(isWaiting && level > 2);
        long child =
            isPresent
                ? format.tablePaddr(entry)
                : isWaiting
                    ? tree.waiting.takeBack(entry, at, level - 1, whole)
                    : tree.take(at, level - 1, !whole);
        write(child, level - 1, at, end, rangeLast, target, attributes, sizes, isBlank);
        if (!isPresent) {
          tree.publish(table, slot, child, level - 1);
        }
        if (end == entryLast || end == rangeLast) {
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

  /** Writes a run of equal leaves, of which one is the first, into slots of a locked table. */
  void writeRun(long table, int from, int slots, long leaf, int sizeLog2) {
    if (slots == 1) {
      pages.storeRelease(slotAt(table, from), leaf);
    } else {
      pages.fill(table, from, slots, leaf, 1L << sizeLog2, slotsLog2(sizeLog2));
    }
    pages.count(table, slots, slots);
  }
}
