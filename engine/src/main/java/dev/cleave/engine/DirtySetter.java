package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TablePages;

/** Makes leaves dirty, as if a device had written to them. Thread-safe. */
final class DirtySetter {
  private final TableTree tree;
  private final TablePages pages;
  private final EntryFormat format;

  DirtySetter(TableTree tree) {
    this.tree = tree;
    this.pages = tree.pages;
    this.format = tree.format;
  }

  /**
   * Makes every leaf that a range of a locked table reaches into accessed and dirty, in all its
   * replicas.
   *
   * @return bytes of the range that are mapped
   */
  long set(long table, int level, long first, long last) {
    long mask = offsetMask(entryLog2(level));
    long bytes = 0;
    long at = first;
    while (true) {
      long end = Unsigned.min(at | mask, last);
      long entry = pages.loadAcquire(slotAt(table, index(at, level)));
      if (format.isPresent(entry)) {
        if (format.isLeaf(entry, level)) {
          end = Unsigned.min(at | offsetMask(format.leafSizeLog2(entry, level)), last);
          setLeaf(table, level, entry, at);
          bytes += end - at + 1;
        } else {
          bytes += setBelow(table, level, entry, at, end);
        }
      }
      if (end == last) {
        return bytes;
      }
      at = end + 1;
    }
  }

  private long setBelow(long table, int level, long entry, long first, long last) {
    long child = tree.lockChild(table, level, first, entry);
    if (child == TableTree.NONE) {
      return 0;
    }
    long bytes = set(child, level - 1, first, last);
    tree.unlock(child);
    return bytes;
  }

  private void setLeaf(long table, int level, long entry, long at) {
    int sizeLog2 = format.leafSizeLog2(entry, level);
    long slot = slotAt(table, index(at & -(1L << sizeLog2), level));
    long status = format.statusMask();
    int stores = 0;
    for (int i = 0; i < 1 << slotsLog2(sizeLog2); i++) {
      if ((pages.loadAcquire(slotAt(slot, i)) & status) != status) {
        pages.or(slotAt(slot, i), status);
        stores++;
      }
    }
    pages.count(table, 0, stores);
  }
}
