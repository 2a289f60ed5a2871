package dev.cleave.engine.rmp;

import dev.cleave.engine.IotlbFlush;
import java.util.List;

/**
 * All the tables of an {@link RmpFollower}, in order. What goes through them one by one remembers
 * how far it came: if one throws, the next call goes on with that one.
 */
final class FollowedTables {
  private final TableFollower[] tables;

  /** How many tables the merge, or the change, under way has been through. */
  private int merged;

  private int changed;

  FollowedTables(List<FollowedTable> followed, RmpBitmap bitmap, IotlbFlush flush) {
    this.tables =
        followed.stream()
            .map(table -> new TableFollower(table, bitmap, flush))
            .toArray(TableFollower[]::new);
  }

  /** Whether there is but one, which then refuses before it changes anything. */
  boolean isOne() {
    return tables.length == 1;
  }

  /** Whether leaves that are legal under a 2 MiB entry stand, or can be made, in all tables. */
  boolean canHaveLargeLeaf(long region, boolean asItStands) {
    for (TableFollower table : tables) {
      if (!table.canHaveLargeLeaf(region, asItStands)) {
        return false;
      }
    }
    return true;
  }

  /** Reserves in each what splitting takes; what was reserved when one refuses stays so. */
  void reserve(long firstRegion, long regionBytes) {
    for (TableFollower table : tables) {
      table.reserve(firstRegion, regionBytes);
    }
  }

  void unreserve() {
    for (TableFollower table : tables) {
      table.unreserve();
    }
  }

  /** Splits, flushes and moves what a change asks for. */
  void change(long firstRegion, long regionBytes, long gpa, long bytes, boolean areShared) {
    while (changed < tables.length) {
      tables[changed].change(firstRegion, regionBytes, gpa, bytes, areShared);
      changed++;
    }
  }

  /** Whether {@link #change} has left a trace in any table, or may have. */
  boolean hasBegunChange() {
    for (TableFollower table : tables) {
      if (table.hasBegunChange()) {
        return true;
      }
    }
    return false;
  }

  /** Makes ready for another {@link #change}. */
  void endChange() {
    changed = 0;
    for (TableFollower table : tables) {
      table.endChange();
    }
  }

  void mergeAround(long gpa, long bytes) {
    while (merged < tables.length) {
      tables[merged].mergeAround(gpa, bytes);
      merged++;
    }
    merged = 0;
  }

  /**
   * Flushes whatever any of them owes.
   *
   * @throws RuntimeException what a flush threw, the first if several did; the others were flushed
   */
  void settle() {
    RuntimeException first = null;
    for (TableFollower table : tables) {
      try {
        table.settle();
      } catch (RuntimeException e) {
        if (first == null) {
          first = e;
        } else {
          first.addSuppressed(e);
        }
      }
    }
    if (first != null) {
      throw first;
    }
  }
}
