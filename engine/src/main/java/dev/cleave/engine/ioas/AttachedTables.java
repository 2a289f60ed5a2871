package dev.cleave.engine.ioas;

import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.SizeRule;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The tables of a space, changed as if they were one: what is refused by one is done in none.
 *
 * <p>A map is undone where it was done already; what was mapped a moment before is unmapped leaf by
 * leaf, which takes no table memory. Everything else that takes table memory is reserved in all
 * tables before the first is changed.
 *
 * <p>The list itself changes only while one operation has the whole space.
 */
final class AttachedTables {
  private HardwarePageTable[] tables = {};
  private long version;
  private @Nullable HardwarePageTable only;

  int count() {
    return tables.length;
  }

  HardwarePageTable get(int index) {
    return tables[index];
  }

  /** The table, if there is just one. */
  @Nullable HardwarePageTable only() {
    return only;
  }

  /** All of them, in an array that is replaced, not changed. */
  HardwarePageTable[] array() {
    return tables;
  }

  /** A number that changes with the list. */
  long version() {
    return version;
  }

  void add(HardwarePageTable table) {
    HardwarePageTable[] more = Arrays.copyOf(tables, tables.length + 1);
    more[tables.length] = table;
    set(more);
  }

  void remove(HardwarePageTable table) {
    set(Arrays.stream(tables).filter(other -> other != table).toArray(HardwarePageTable[]::new));
  }

  private void set(HardwarePageTable[] now) {
    tables = now;
    only = now.length == 1 ? now[0] : null;
    version++;
  }

  int indexOf(HardwarePageTable table) {
    return Arrays.asList(tables).indexOf(table);
  }

  List<HardwarePageTable> all() {
    return List.of(tables);
  }

  /** Maps the pieces of an operation. */
  void map(Operation operation, @Nullable SizeRule rule) {
    for (int i = 0; i < tables.length; i++) {
      try {
        tables[i].map(operation, rule);
      } catch (RuntimeException e) {
        unmapDone(operation, i);
        throw e;
      }
    }
  }

  private void unmapDone(Operation operation, int failed) {
    if (operation.mappedBytes != 0) {
      var _ =
          tables[failed]
              .table()
              .unmap(operation.mapFirst, operation.mappedBytes, operation.gather(failed));
    }
    unmap(operation, operation.mapFirst, operation.mapFirst + operation.mapBytes - 1, failed);
  }

  /**
   * Unmaps a range in which something is mapped, and at whose ends no leaf is to be split but in a
   * table that is alone; what lazy owners flush goes into their queues.
   *
   * @return what a lazy owner's flush threw that had to make room, the last of several
   */
  @Nullable RuntimeException unmap(Operation operation, long first, long last) {
    @Nullable RuntimeException failure = null;
    for (int i = 0; i < tables.length; i++) {
      RuntimeException thrown = tables[i].unmap(first, last - first + 1, operation.gather(i));
      failure = thrown == null ? failure : thrown;
    }
    return failure;
  }

  /** Unmaps it in the first of the tables, to be flushed at once. */
  void unmap(Operation operation, long first, long last, int count) {
    for (int i = 0; i < count; i++) {
      var _ = tables[i].table().unmap(first, last - first + 1, operation.gather(i));
    }
  }

  /**
   * Unmaps a range whose ends have been cut, in all tables, and puts its flushes off.
   *
   * @return what a flush that had to make room threw, the last of several
   */
  @Nullable RuntimeException unmapLater(long first, long last) {
    @Nullable RuntimeException failure = null;
    for (HardwarePageTable table : tables) {
      try {
        table.unmapLater(first, last - first + 1);
      } catch (RuntimeException e) {
        failure = e; // the unmap itself is done: all its leaves are whole
      }
    }
    return failure;
  }

  /**
   * Splits the leaves that reach over an end of a range, if it ends inside an area. One table alone
   * refuses an operation before it changes anything; of several all are cut, or none, before the
   * first is changed.
   */
  void cutEnds(Operation operation, long first, long last) {
    if (tables.length > 1 && (operation.cutsFirst || operation.cutsLast)) {
      cut(operation, operation.cut.around(first, last), first, last);
    }
  }

  /**
   * Splits leaves where a rule forbids them, in a range and all of the leaves that reach over its
   * ends; in all tables or in none.
   */
  void cut(Operation operation, SizeRule rule, long first, long last) {
    for (int i = 0; i < tables.length; i++) {
      TableTools tools = operation.tools(i);
      PageTable table = tables[i].table();
      tools.lookAround(table, first, last);
      try {
        table.reserveToFit(tools.first(), tools.last() - tools.first() + 1, rule, tools.gather());
      } catch (PageTableException e) {
        unreserve(operation, i);
        throw e;
      }
    }
    for (int i = 0; i < tables.length; i++) {
      TableTools tools = operation.tools(i);
      tables[i]
          .table()
          .splitToFit(tools.first(), tools.last() - tools.first() + 1, rule, tools.gather());
    }
  }

  /**
   * Splits leaves in a range where a rule forbids them. The last table goes first, which refuses by
   * itself before anything is changed.
   */
  void split(Operation operation, long first, long last, SizeRule rule) {
    int others = tables.length - 1;
    reserve(operation, first, last, rule, others);
    try {
      tables[others].table().splitToFit(first, last - first + 1, rule, operation.gather(others));
    } catch (PageTableException e) {
      unreserve(operation, others);
      throw e;
    }
    splitReserved(operation, first, last, rule, others);
  }

  /** Makes sure that {@link #splitReserved} will have the table memory it takes. */
  void reserve(Operation operation, long first, long last, SizeRule rule) {
    reserve(operation, first, last, rule, tables.length);
  }

  private void reserve(Operation operation, long first, long last, SizeRule rule, int count) {
    for (int i = 0; i < count; i++) {
      try {
        tables[i].table().reserveToFit(first, last - first + 1, rule, operation.gather(i));
      } catch (PageTableException e) {
        unreserve(operation, i);
        throw e;
      }
    }
  }

  void unreserve(Operation operation) {
    unreserve(operation, tables.length);
  }

  private void unreserve(Operation operation, int end) {
    for (int i = 0; i < end; i++) {
      tables[i].table().unreserve(operation.gather(i));
    }
  }

  void splitReserved(Operation operation, long first, long last, SizeRule rule) {
    splitReserved(operation, first, last, rule, tables.length);
  }

  private void splitReserved(Operation operation, long first, long last, SizeRule rule, int count) {
    for (int i = 0; i < count; i++) {
      tables[i].table().splitToFit(first, last - first + 1, rule, operation.gather(i));
    }
  }

  /** Merges a part of an area, and what lies around it in the area. */
  void mergeAround(
      Operation operation, long first, long last, long areaFirst, long areaLast, SizeRule rule) {
    for (int i = 0; i < tables.length; i++) {
      tables[i]
          .table()
          .mergeAround(first, last - first + 1, areaFirst, areaLast, rule, operation.gather(i));
    }
  }

  /** Merges what lies in a part of an area, and nothing around it. */
  void mergeInside(Operation operation, long first, long last, SizeRule rule) {
    for (int i = 0; i < tables.length; i++) {
      tables[i].mergeInside(first, last - first + 1, rule, operation.gather(i));
    }
  }

  void startDirtyTracking(Operation operation, long first, long last, int pageLog2) {
    for (int i = 0; i < tables.length; i++) {
      var _ =
          tables[i]
              .table()
              .startDirtyTracking(first, last - first + 1, pageLog2, operation.gather(i));
    }
  }

  void readAndClearDirty(Operation operation, long first, long last, DirtyBitmap bitmap) {
    for (int i = 0; i < tables.length; i++) {
      var _ =
          tables[i].table().readAndClearDirty(first, last - first + 1, bitmap, operation.gather(i));
    }
  }

  void readDirty(long first, long last, DirtyBitmap bitmap) {
    for (int i = 0; i < tables.length; i++) {
      var _ = tables[i].table().readDirty(first, last - first + 1, bitmap);
    }
  }

  /** Whether an operation owes a flush in any table. */
  boolean isOwing(Operation operation) {
    for (int i = 0; i < tables.length; i++) {
      if (!operation.gather(i).isEmpty()) {
        return true;
      }
    }
    return false;
  }

  /** Flushes what an operation owes, table by table. */
  void settle(Operation operation) {
    for (int i = 0; i < tables.length; i++) {
      tables[i].settle(operation.gather(i));
    }
  }
}
