package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TablePages;

/**
 * Changes what leaves allow, slot by slot, and keeps everything else, status bits included.
 * Thread-safe.
 */
final class PermissionWriter {
  private final TableTree tree;
  private final TablePages pages;
  private final EntryFormat format;

  PermissionWriter(TableTree tree) {
    this.tree = tree;
    this.pages = tree.pages;
    this.format = tree.format;
  }

  /**
   * Gives all leaves of a range of a locked table the same permissions. No leaf reaches over either
   * end.
   *
   * @return bytes that are mapped
   */
  long change(long table, int level, long first, long last, int access, IotlbGather gather) {
    long mask = offsetMask(entryLog2(level));
    long bytes = 0;
    int stores = 0;
    long at = first;
    while (true) {
      long end = Unsigned.min(at | mask, last);
      long slot = slotAt(table, index(at, level));
      long entry = pages.loadAcquire(slot);
      if (format.isPresent(entry)) {
        if (format.isLeaf(entry, level)) {
          bytes += mask + 1;
          if (format.withPermissions(entry, access) != entry) {
            replace(slot, entry, access);
            stores++;
            gather.add(at, end);
          }
        } else {
          bytes += changeBelow(table, level, entry, at, end, access, gather);
        }
      }
      if (end == last) {
        pages.count(table, 0, stores);
        return bytes;
      }
      at = end + 1;
    }
  }

  private long changeBelow(
      long table, int level, long entry, long first, long last, int access, IotlbGather gather) {
    long child = tree.lockChild(table, level, first, entry);
    if (child == TableTree.NONE) {
      return 0;
    }
    long bytes = change(child, level - 1, first, last, access, gather);
    tree.unlock(child);
    return bytes;
  }

  private void replace(long slot, long seen, int access) {
    long entry = seen;
    while (!pages.compareAndSet(slot, entry, format.withPermissions(entry, access))) {
      entry = pages.loadAcquire(slot); // hardware set a status bit
    }
  }
}
