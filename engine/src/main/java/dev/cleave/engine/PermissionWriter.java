package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.memory.TableMemory.entryAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TableMemory;

/** Changes what leaves allow, slot by slot, and keeps everything else, status bits included. */
final class PermissionWriter {
  private final TableMemory memory;
  private final EntryFormat format;

  /** Entries written, for {@link TableStatistics}. */
  long entryStores;

  PermissionWriter(TableMemory memory, EntryFormat format) {
    this.memory = memory;
    this.format = format;
  }

  /**
   * Gives all leaves of a range of a table the same permissions. No leaf reaches over either end.
   *
   * @return bytes that are mapped
   */
  long change(long table, int level, long first, long last, int access, IotlbGather gather) {
    long mask = offsetMask(entryLog2(level));
    long bytes = 0;
    long at = first;
    while (true) {
      long end = Unsigned.min(at | mask, last);
      long slot = entryAt(table, index(at, level));
      long entry = memory.load(slot);
      if (format.isPresent(entry)) {
        if (format.isLeaf(entry, level)) {
          bytes += mask + 1;
          if (format.withPermissions(entry, access) != entry) {
            replace(slot, entry, access);
            gather.add(at, end);
          }
        } else {
          bytes += change(format.tablePaddr(entry), level - 1, at, end, access, gather);
        }
      }
      if (end == last) {
        return bytes;
      }
      at = end + 1;
    }
  }

  private void replace(long slot, long seen, int access) {
    long entry = seen;
    while (!memory.compareAndSet(slot, entry, format.withPermissions(entry, access))) {
      entry = memory.load(slot); // hardware set a status bit
    }
    entryStores++;
  }
}
