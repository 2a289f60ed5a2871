package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static dev.cleave.engine.memory.TableMemory.entryAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TableMemory;

/** Sets accessed and dirty bits in leaves that took the place of others. Thread-safe. */
final class StatusCarrier {
  private final TableTree tree;
  private final TableMemory memory;
  private final EntryFormat format;

  StatusCarrier(TableTree tree) {
    this.tree = tree;
    this.memory = tree.memory;
    this.format = tree.format;
  }

  /** Sets status bits, among others that do not count, in all leaves that a range reaches into. */
  void carry(long first, long last, long bits) {
    long status = bits & format.statusMask();
    if (status == 0) {
      return;
    }
    long at = first;
    while (true) {
      long end = carryAt(at, status);
      if (Long.compareUnsigned(end, last) >= 0) {
        return;
      }
      at = end + 1;
    }
  }

  /** Sets them in all slots of the leaf around an iova; returns where it, or a hole, ends. */
  private long carryAt(long iova, long status) {
    long page = iova & -(long) PAGE_BYTES;
    long home = tree.lockHome(page, page + PAGE_BYTES - 1);
    long table = TableTree.table(home);
    int level = TableTree.level(home);
    long end = iova | offsetMask(entryLog2(level));
    long entry = memory.load(entryAt(table, index(iova, level)));
    if (format.isPresent(entry) && format.isLeaf(entry, level) && !TableTree.isTooLow(home)) {
      int sizeLog2 = format.leafSizeLog2(entry, level);
      end = iova | offsetMask(sizeLog2);
      addTo(entryAt(table, index(iova & -(1L << sizeLog2), level)), sizeLog2, status);
    }
    tree.unlock(table);
    return end;
  }

  private void addTo(long slot, int sizeLog2, long status) {
    for (int i = 0; i < 1 << slotsLog2(sizeLog2); i++) {
      memory.or(entryAt(slot, i), status);
    }
  }
}
