package dev.cleave.engine.rmp;

import dev.cleave.engine.IotlbFlush;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * All the tables of an {@link RmpFollower}, in order. What goes through them one by one remembers
 * how far it came: if one throws, the next call goes on with that one.
 */
final class FollowedTables {
  private final FollowedMemory[] tables;

  /** How many tables the merge, or the change, under way has been through. */
  private int merged;

  private int changed;

  /** Whether the next of them has been split, and whether any has changed. */
  private boolean isSplit;

  private boolean hasChanged;

  private FollowedTables(FollowedMemory[] tables) {
    this.tables = tables;
  }

  /** Tables that the follower changes itself. */
  static FollowedTables of(List<FollowedTable> tables, RmpBitmap bitmap, IotlbFlush flush) {
    Objects.requireNonNull(bitmap, "bitmap must not be null");
    Objects.requireNonNull(flush, "flush must not be null");
    if (tables.isEmpty()) {
      throw new IllegalArgumentException("a follower needs at least one table");
    }
    return new FollowedTables(
        tables.stream()
            .map(table -> new TableFollower(table, bitmap, flush))
            .toArray(FollowedMemory[]::new));
  }

  /** Memory that changes its tables. */
  static FollowedTables of(List<FollowedMemory> memories) {
    if (memories.isEmpty()) {
      throw new IllegalArgumentException("a follower needs memory to follow");
    }
    return new FollowedTables(memories.toArray(FollowedMemory[]::new));
  }

  /** Whether there is but one, which then refuses before it changes anything. */
  boolean isOne() {
    return tables.length == 1;
  }

  /** Whether leaves that are legal under a 2 MiB entry stand, or can be made, in all tables. */
  boolean canHaveLargeLeaf(long region, boolean asItStands) {
    for (FollowedMemory table : tables) {
      if (!table.canHaveLargeLeaf(region, asItStands)) {
        return false;
      }
    }
    return true;
  }

  /** Reserves in each what splitting takes; what was reserved when one refuses stays so. */
  void reserve(long firstRegion, long regionBytes) {
    for (FollowedMemory table : tables) {
      table.reserve(firstRegion, regionBytes);
    }
  }

  void unreserve() {
    for (FollowedMemory table : tables) {
      table.unreserve();
    }
  }

  /** Has a region's leaf in the only table, and its RMP entry, replaced in one step. */
  boolean exchange(long region, RmpPort port) {
    return tables[0].exchange(region, port);
  }

  /** Splits, flushes and moves what a change asks for. */
  void change(long firstRegion, long regionBytes, long gpa, long bytes, boolean areShared) {
    while (changed < tables.length) {
      FollowedMemory table = tables[changed];
      if (!isSplit) {
        table.split(firstRegion, regionBytes);
        isSplit = true;
        hasChanged |= table.isChanging();
      }
      table.moved(gpa, bytes, areShared);
      isSplit = false;
      changed++;
    }
  }

  /** Whether {@link #change} has left a trace in any table, or may have. */
  boolean hasBegunChange() {
    return hasChanged || (changed < tables.length && tables[changed].isChanging());
  }

  /** Makes ready for another {@link #change}. */
  void endChange() {
    changed = 0;
    isSplit = false;
    hasChanged = false;
  }

  void mergeAround(long gpa, long bytes) {
    while (merged < tables.length) {
      tables[merged].mergeAround(gpa, bytes);
      merged++;
    }
    merged = 0;
  }

  /**
   * Ends the following of each, which flushes what it owes. First of all none has a range for
   * itself any longer, since ending one may wait for all others.
   *
   * @throws RuntimeException what a flush threw, the first if several did; the others were flushed
   */
  void close() {
    RuntimeException first = forEach(FollowedMemory::unreserve, null);
    first = forEach(FollowedMemory::close, first);
    if (first != null) {
      throw first;
    }
  }

  /** Does something with each, and returns what was thrown first. */
  private @Nullable RuntimeException forEach(
      Consumer<FollowedMemory> ending, @Nullable RuntimeException thrown) {
    RuntimeException first = thrown;
    for (FollowedMemory table : tables) {
      try {
        ending.accept(table);
      } catch (RuntimeException e) {
        if (first == null) {
          first = e;
        } else if (!first.equals(e)) {
          first.addSuppressed(e);
        }
      }
    }
    return first;
  }
}
