package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.memory.TableMemory.entryAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TableMemory;

/** Takes leaves out, and the tables that become empty with them. */
final class TableRemover {
  private final TableMemory memory;
  private final EntryFormat format;

  /** Entries written, for {@link TableStatistics}. */
  long entryStores;

  TableRemover(TableMemory memory, EntryFormat format) {
    this.memory = memory;
    this.format = format;
  }

  /**
   * Makes holes of a range of a table. No leaf reaches over either end of it. The table itself may
   * be empty afterwards; what is below it and empty is unlinked.
   *
   * @return bytes that were mapped
   */
  long remove(long table, int level, long first, long last, IotlbGather gather) {
    int from = index(first, level);
    int count = index(last, level) - from + 1;
    if (level == 1) {
      int live = memory.countAny(table, from, count, format.presentMask());
      if (live != 0) {
        memory.zero(table, from, count);
        memory.addLive(table, -live);
        entryStores += count;
        gather.add(first, last);
      }
      return (long) live << PAGE_LOG2;
    }
    long mask = offsetMask(entryLog2(level));
    long bytes = 0;
    long at = first;
    for (int i = 0; i < count; i++) {
      long end = i == count - 1 ? last : at | mask;
      long slot = entryAt(table, from + i);
      long entry = memory.load(slot);
      if (format.isPresent(entry)) {
        boolean whole = end - at == mask;
        if (format.isLeaf(entry, level)) {
          bytes += mask + 1;
          clear(table, slot);
          gather.add(at, end);
        } else if (whole) {
          clear(table, slot);
          bytes += drop(format.tablePaddr(entry), level - 1, gather);
          gather.add(at, end);
        } else {
          long child = format.tablePaddr(entry);
          bytes += remove(child, level - 1, at, end, gather);
          if (memory.live(child) == 0) {
            clear(table, slot);
            gather.detach(child);
            // A cached directory may survive a flush that is smaller than what it covers.
            gather.add(at & ~mask, at | mask);
          }
        }
      }
      at = end + 1;
    }
    return bytes;
  }

  private void clear(long table, long slot) {
    memory.store(slot, 0);
    memory.addLive(table, -1);
    entryStores++;
  }

  /**
   * Detaches a table that is no longer reachable, and all below it, as they are: a walker inside
   * goes on seeing what was there.
   *
   * @return bytes that were mapped
   */
  long drop(long table, int level, IotlbGather gather) {
    long bytes = 0;
    if (level == 1) {
      bytes = (long) memory.live(table) << PAGE_LOG2;
    } else {
      int live = memory.live(table);
      for (int i = 0; i < TABLE_ENTRIES && live > 0; i++) {
        long entry = memory.load(entryAt(table, i));
        if (format.isPresent(entry)) {
          live--;
          bytes +=
              format.isLeaf(entry, level)
                  ? 1L << entryLog2(level)
                  : drop(format.tablePaddr(entry), level - 1, gather);
        }
      }
    }
    gather.detach(table);
    return bytes;
  }
}
