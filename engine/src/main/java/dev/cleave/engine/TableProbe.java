package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.memory.TableMemory.entryAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TableMemory;

/**
 * Answers about a range that a writer needs before it writes. It leans on a promise of the tree: a
 * table below the top is never empty, so what lies wholly inside a range need not be entered.
 */
final class TableProbe {
  private final TableMemory memory;
  private final EntryFormat format;
  private final IovaSpace space;

  TableProbe(TableMemory memory, EntryFormat format, IovaSpace space) {
    this.memory = memory;
    this.format = format;
    this.space = space;
  }

  /** Whether anything in a range of a table is mapped. */
  boolean anyMapped(long table, int level, long first, long last) {
    int from = index(first, level);
    int to = index(last, level);
    long mask = offsetMask(entryLog2(level));
    long firstEnd = from == to ? last : first | mask;
    if (isMapped(table, from, level, first, firstEnd)) {
      return true;
    }
    return from != to
        && (memory.countAny(table, from + 1, to - from - 1, format.presentMask()) != 0
            || isMapped(table, to, level, last & ~mask, last));
  }

  private boolean isMapped(long table, int index, int level, long first, long last) {
    long entry = memory.load(entryAt(table, index));
    if (!format.isPresent(entry)) {
      return false;
    }
    return format.isLeaf(entry, level)
        || last - first == offsetMask(entryLog2(level))
        || anyMapped(format.tablePaddr(entry), level - 1, first, last);
  }

  /** The first address of a range that is mapped; there is one. */
  long firstMapped(long table, int level, long first, long last) {
    long in = table;
    int at = level;
    long position = first;
    while (true) {
      long entry = memory.load(entryAt(in, index(position, at)));
      long end = position | offsetMask(entryLog2(at));
      if (format.isPresent(entry)) {
        if (format.isLeaf(entry, at)) {
          return position;
        }
        long child = format.tablePaddr(entry);
        if (anyMapped(child, at - 1, position, Unsigned.min(end, last))) {
          in = child;
          at--;
          continue;
        }
      }
      position = end + 1;
    }
  }

  /** Bytes that are mapped in a range of a table. */
  long mappedBytes(long table, int level, long first, long last) {
    if (level == 1) {
      int from = index(first, 1);
      int count = index(last, 1) - from + 1;
      int live =
          count == TABLE_ENTRIES
              ? memory.live(table)
              : memory.countAny(table, from, count, format.presentMask());
      return (long) live << PAGE_LOG2;
    }
    long bytes = 0;
    long at = first;
    while (true) {
      long end = Unsigned.min(at | offsetMask(entryLog2(level)), last);
      long entry = memory.load(entryAt(table, index(at, level)));
      if (format.isPresent(entry)) {
        bytes +=
            format.isLeaf(entry, level)
                ? end - at + 1
                : mappedBytes(format.tablePaddr(entry), level - 1, at, end);
      }
      if (end == last) {
        return bytes;
      }
      at = end + 1;
    }
  }

  /**
   * The lowest level that has a table for an address, once the top has grown enough to reach it.
   */
  int lowestTable(long root, int levels, long address) {
    if (!space.reaches(levels, address)) {
      return space.levelsFor(address);
    }
    long table = root;
    int level = levels;
    while (level > 1) {
      long entry = memory.load(entryAt(table, index(address, level)));
      if (!format.isPresent(entry) || format.isLeaf(entry, level)) {
        break;
      }
      table = format.tablePaddr(entry);
      level--;
    }
    return level;
  }
}
