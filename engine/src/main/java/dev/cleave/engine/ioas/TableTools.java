package dev.cleave.engine.ioas;

import static dev.cleave.engine.format.Geometry.offsetMask;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;

/** What an operation needs for one table. Each table keeps those that nobody has. */
final class TableTools {
  private final HardwarePageTable owner;
  private final IotlbGather gather;
  private final LeafCursor cursor;
  private long first;
  private long last;

  TableTools(HardwarePageTable owner) {
    this.owner = owner;
    gather = owner.table().newGather();
    cursor = owner.table().leaves();
  }

  /** Gives them to their table, for whoever needs them next. */
  void giveBack() {
    owner.giveTools(this);
  }

  /** Takes what is owed to the table. */
  IotlbGather gather() {
    return gather;
  }

  /** Looks at its leaves. */
  LeafCursor cursor() {
    return cursor;
  }

  /**
   * Widens a range to the leaves that reach over its ends, which are to be split as a whole: what a
   * split has inside its range it keeps apart from what is outside.
   */
  void lookAround(PageTable table, long from, long to) {
    first = table.leafAt(from, cursor) ? cursor.iova() : from;
    last = table.leafAt(to, cursor) ? cursor.iova() | offsetMask(cursor.sizeLog2()) : to;
  }

  /** Where the widened range begins. */
  long first() {
    return first;
  }

  /** Where it ends. */
  long last() {
    return last;
  }
}
