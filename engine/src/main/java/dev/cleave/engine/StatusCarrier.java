package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static dev.cleave.engine.memory.TableMemory.entryAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TableMemory;

/** Sets accessed and dirty bits in leaves that took the place of others. */
final class StatusCarrier {
  private final TableMemory memory;
  private final EntryFormat format;

  StatusCarrier(TableMemory memory, EntryFormat format) {
    this.memory = memory;
    this.format = format;
  }

  /** Sets status bits, among others that do not count, in all leaves that a range reaches into. */
  void carry(long root, int levels, long first, long last, long bits) {
    long status = bits & format.statusMask();
    if (status == 0) {
      return;
    }
    long at = first;
    while (true) {
      long end = carryAt(root, levels, at, status);
      if (Long.compareUnsigned(end, last) >= 0) {
        return;
      }
      at = end + 1;
    }
  }

  /** Sets them in all slots of the leaf around an iova; returns where it, or a hole, ends. */
  private long carryAt(long root, int levels, long iova, long status) {
    long table = root;
    int level = levels;
    long entry = memory.load(entryAt(table, index(iova, level)));
    while (format.isPresent(entry) && !format.isLeaf(entry, level)) {
      table = format.tablePaddr(entry);
      level--;
      entry = memory.load(entryAt(table, index(iova, level)));
    }
    if (!format.isPresent(entry)) {
      return iova | offsetMask(entryLog2(level));
    }
    int sizeLog2 = format.leafSizeLog2(entry, level);
    long slot = entryAt(table, index(iova & -(1L << sizeLog2), level));
    for (int i = 0; i < 1 << slotsLog2(sizeLog2); i++) {
      memory.or(entryAt(slot, i), status);
    }
    return iova | offsetMask(sizeLog2);
  }
}
