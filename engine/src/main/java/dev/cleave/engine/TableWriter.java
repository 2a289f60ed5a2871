package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.leafLevel;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static dev.cleave.engine.memory.TableMemory.entryAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TableMemory;

/**
 * Writes leaves into holes. New tables are filled before the directory that publishes them is
 * stored, and are zeroed first only when they will not be filled whole.
 */
final class TableWriter {
  private final TableMemory memory;
  private final EntryFormat format;

  /** Entries written, for {@link TableStatistics}. */
  long entryStores;

  TableWriter(TableMemory memory, EntryFormat format) {
    this.memory = memory;
    this.format = format;
  }

  /**
   * Lays out a range in a table; the table pages it needs have been reserved.
   *
   * @param fresh whether nothing has been written to the table: it may hold anything, and all of it
   *     lies in the range
   */
  void write(
      long table,
      int level,
      long first,
      long last,
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
        writeLeaves(table, level, at, end, target, sizeLog2, attributes);
      } else {
        end = Unsigned.min(at | offsetMask(entryLog2(level)), last);
        long slot = entryAt(table, index(at, level));
        long entry = fresh ? 0 : memory.load(slot);
        if (format.isPresent(entry)) {
          write(format.tablePaddr(entry), level - 1, at, end, target, attributes, sizes, false);
        } else {
          boolean whole = end - at == offsetMask(entryLog2(level));
          long child = memory.take(level - 1, !whole);
          write(child, level - 1, at, end, target, attributes, sizes, whole);
          publish(table, slot, child, level - 1);
        }
      }
      if (end == last) {
        return;
      }
      target += end + 1 - at;
      at = end + 1;
    }
  }

  private void writeLeaves(
      long table, int level, long first, long last, long paddr, int sizeLog2, long attributes) {
    int slots = (int) ((last - first) >>> entryLog2(level)) + 1;
    memory.fill(
        table,
        index(first, level),
        slots,
        format.leaf(paddr, sizeLog2, attributes),
        1L << sizeLog2,
        slotsLog2(sizeLog2));
    memory.addLive(table, slots);
    entryStores += slots;
  }

  /** Stores the directory that makes a filled table reachable. */
  void publish(long table, long slot, long child, int childLevel) {
    memory.store(slot, format.directory(child, childLevel));
    memory.addLive(table, 1);
    entryStores++;
  }
}
