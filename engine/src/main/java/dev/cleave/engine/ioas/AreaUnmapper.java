package dev.cleave.engine.ioas;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTableException;
import org.jspecify.annotations.Nullable;

/** Takes areas out. */
final class AreaUnmapper {
  private final SpaceState state;
  private final SpaceLock lock;
  private final Operations operations;
  private final Areas areas;

  AreaUnmapper(SpaceState state) {
    this.state = state;
    lock = state.lock;
    operations = state.operations;
    areas = state.areas;
  }

  long unmap(long iova, long length) {
    long last = iova + length - 1;
    HardwarePageTable table;
    IotlbGather gather;
    Operation operation;
    lock.lock();
    try {
      table = state.tables.only();
      if (table == null || !takeAtOnce(table, iova, last)) {
        return unmapInTurn(iova, SpaceState.last(iova, length));
      }
      operation = operations.enterAlone(iova, last); // nothing is free before the flush
      gather = operation.gather(0);
      unmapTaken(table, operation, gather);
    } finally {
      lock.unlock();
    }
    try {
      table.settle(gather);
    } finally {
      operations.end(operation);
    }
    return length;
  }

  /**
   * Takes a range out that is just one small area, as most are, if there is just one table and
   * nothing else is under way.
   *
   * @return false if there is any reason not to
   */
  private boolean takeAtOnce(HardwarePageTable table, long first, long last) {
    return !table.isLazy() // who may have to flush to make room
        && Unsigned.isBelow(last - first, AreaMapper.SHORT_BYTES)
        && state.flushQueue == null
        && operations.areNone()
        && areas.take(first, last);
  }

  private void unmapTaken(HardwarePageTable table, Operation operation, IotlbGather gather) {
    long length = operation.last - operation.first + 1;
    boolean isUnmapped = false;
    try {
      var _ = table.table().unmap(operation.first, length, gather);
      isUnmapped = true;
    } catch (PageTableException e) {
      throw IoasException.of(e);
    } finally {
      if (isUnmapped) {
        areas.dropTaken();
      } else {
        areas.putBack();
        operations.leave(operation);
      }
    }
  }

  private long unmapInTurn(long first, long last) {
    Operation operation = operations.take();
    var _ = operations.enter(operation, first, last);
    try {
      return state.unmapRule == UnmapRule.EXACT
          ? unmapExact(operation, first, last)
          : unmapWhole(operation, first, last);
    } finally {
      operations.leave(operation);
    }
  }

  long unmapAll() {
    lock.lock();
    Operation operation = operations.take();
    var _ = operations.enter(operation, 0, -1L);
    try {
      long bytes = areas.bytes();
      if (state.seekAreas(operation, 0, -1L)) {
        remove(operation, operation.from, operation.to, bytes);
      }
      return bytes;
    } finally {
      operations.leave(operation);
      lock.unlock();
    }
  }

  private long unmapWhole(Operation operation, long first, long last) {
    RangeTree.Position at = operation.position;
    boolean isThere = areas.tree.seek(first, at) && !Unsigned.isBelow(last, at.first());
    if (!isThere || Unsigned.isBelow(at.first(), first)) {
      throw notWhole(first, last, 0);
    }
    long from = at.first();
    long to = 0;
    long bytes = 0;
    boolean isWhole = true;
    for (; isThere; isThere = areas.tree.next(at) && !Unsigned.isBelow(last, at.first())) {
      isWhole = !Unsigned.isBelow(last, at.last());
      if (!isWhole) {
        break;
      }
      to = at.last();
      bytes += Areas.length(at);
    }
    if (bytes != 0) {
      operation.cutsFirst = false;
      operation.cutsLast = false;
      remove(operation, from, to, bytes);
    }
    if (!isWhole) {
      throw notWhole(first, last, bytes);
    }
    return bytes;
  }

  private static IoasException notWhole(long first, long last, long bytes) {
    return new IoasException(
        Errno.ENOENT,
        first,
        "a range to unmap must have areas, and all of each,"
            .concat(" first=0x%x, last=0x%x, unmapped before the failure: 0x%x bytes")
            .formatted(first, last, bytes));
  }

  private long unmapExact(Operation operation, long first, long last) {
    if (!state.seekAreas(operation, first, last)) {
      throw new IoasException(
          Errno.ENOENT,
          first,
          "a range to unmap must have an area, first=0x%x, last=0x%x".formatted(first, last));
    }
    long from = operation.from;
    long to = operation.to;
    long mask = state.alignment() - 1;
    boolean isMisaligned =
        (operation.cutsFirst && (from & mask) != 0) || (operation.cutsLast && (to + 1 & mask) != 0);
    if (isMisaligned) {
      throw new IoasException(
          Errno.EINVAL,
          first,
          "an area must be cut at a multiple of 0x%x, first=0x%x, last=0x%x"
              .formatted(mask + 1, first, last));
    }
    long bytes = areas.bytesIn(from, to, operation.position);
    remove(operation, from, to, bytes);
    return bytes;
  }

  /** Takes out what lies between two addresses that have areas. */
  private void remove(Operation operation, long first, long last, long bytes) {
    SpaceFlushQueue queue = state.flushQueue;
    @Nullable RuntimeException failure =
        queue == null
            ? removeAtOnce(operation, first, last)
            : removeLater(operation, first, last, queue);
    removeAreas(operation, first, last, bytes);
    if (failure != null) {
      throw failure;
    }
  }

  /** Takes it out of all tables, and puts the flushes off. */
  private @Nullable RuntimeException removeLater(
      Operation operation, long first, long last, SpaceFlushQueue queue) {
    boolean isSeen = state.tables.count() > 0;
    if (isSeen) {
      queue.retire(first, last);
    }
    lock.unlock();
    try {
      if (!isSeen) {
        queue.freeAtOnce(first, last);
        return null;
      }
      if (operation.cutsFirst || operation.cutsLast) {
        cutAtOnce(operation, first, last, queue);
      }
      return state.tables.unmapLater(first, last);
    } finally {
      lock.lock();
    }
  }

  private void cutAtOnce(Operation operation, long first, long last, SpaceFlushQueue queue) {
    boolean isCut = false;
    try {
      state.tables.cut(operation, operation.cut.around(first, last), first, last);
      state.tables.settle(operation);
      isCut = true;
    } catch (PageTableException e) {
      throw IoasException.of(e);
    } finally {
      if (!isCut) {
        queue.unretire(first);
      }
    }
  }

  private @Nullable RuntimeException removeAtOnce(Operation operation, long first, long last) {
    @Nullable RuntimeException failure = null;
    if (state.tables.count() > 0) {
      lock.unlock();
      try {
        state.tables.cutEnds(operation, first, last);
        failure = state.tables.unmap(operation, first, last);
        state.tables.settle(operation);
      } catch (PageTableException e) {
        throw IoasException.of(e);
      } finally {
        lock.lock();
      }
    }
    return failure;
  }

  private void removeAreas(Operation operation, long first, long last, long bytes) {
    if (operation.cutsFirst) {
      areas.cut(first, operation.scratch);
    }
    if (operation.cutsLast) {
      areas.cut(last + 1, operation.scratch);
    }
    var _ = areas.tree.seek(first, operation.position);
    areas.removeThrough(operation.position, last, bytes, operation.scratch);
  }
}
