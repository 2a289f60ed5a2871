package dev.cleave.engine.ioas;

import dev.cleave.engine.PageTableException;
import org.jspecify.annotations.Nullable;

/** Takes areas out. */
final class AreaUnmapper {
  private final SpaceState state;

  AreaUnmapper(SpaceState state) {
    this.state = state;
  }

  long unmap(long iova, long length) {
    long last = SpaceState.last(iova, length);
    Operation atOnce = unmapAtOnce(iova, last);
    if (atOnce != null) {
      try {
        state.tables.get(0).settle(atOnce.gather(0));
      } finally {
        state.operations.end(atOnce);
      }
      return length;
    }
    state.lock.lock();
    Operation operation = state.operations.take();
    var _ = state.operations.enter(operation, iova, last);
    try {
      return state.unmapRule == UnmapRule.EXACT
          ? unmapExact(operation, iova, last)
          : unmapWhole(operation, iova, last);
    } finally {
      state.operations.leave(operation);
      state.lock.unlock();
    }
  }

  /**
   * Takes out a range that is just one small area, as most are, if there is just one table and
   * nothing else is under way. What it took is not free before the flush.
   *
   * @return who owes the flush; null if there is any reason not to
   */
  private @Nullable Operation unmapAtOnce(long first, long last) {
    state.lock.lock();
    try {
      HardwarePageTable table = state.tables.only();
      if (table == null || table.isLazy()) { // who may have to flush to make room
        return null;
      }
      boolean isPlain =
          Unsigned.isBelow(last - first, AreaMapper.SHORT_BYTES)
              && state.flushQueue == null
              && state.operations.areNone()
              && state.areas.tree.isRange(first, last);
      if (!isPlain) {
        return null;
      }
      Operation operation = state.operations.enterAlone(first, last);
      try {
        var _ = table.table().unmap(first, last - first + 1, operation.gather(0));
      } catch (PageTableException e) {
        state.operations.leave(operation);
        throw IoasException.of(e);
      }
      state.areas.removeFound(last - first + 1);
      return operation;
    } finally {
      state.lock.unlock();
    }
  }

  long unmapAll() {
    state.lock.lock();
    Operation operation = state.operations.take();
    var _ = state.operations.enter(operation, 0, -1L);
    try {
      long bytes = state.areas.bytes();
      if (state.seekAreas(operation, 0, -1L)) {
        remove(operation, operation.from, operation.to, bytes);
      }
      return bytes;
    } finally {
      state.operations.leave(operation);
      state.lock.unlock();
    }
  }

  private long unmapWhole(Operation operation, long first, long last) {
    RangeTree.Position at = operation.position;
    boolean isThere = state.areas.tree.seek(first, at) && !Unsigned.isBelow(last, at.first());
    if (!isThere || Unsigned.isBelow(at.first(), first)) {
      throw notWhole(first, last, 0);
    }
    long from = at.first();
    long to = 0;
    long bytes = 0;
    boolean isWhole = true;
    for (; isThere; isThere = state.areas.tree.next(at) && !Unsigned.isBelow(last, at.first())) {
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
    long bytes = state.areas.bytesIn(from, to, operation.position);
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
    state.lock.unlock();
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
      state.lock.lock();
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
      state.lock.unlock();
      try {
        state.tables.cutEnds(operation, first, last);
        failure = state.tables.unmap(operation, first, last);
        state.tables.settle(operation);
      } catch (PageTableException e) {
        throw IoasException.of(e);
      } finally {
        state.lock.lock();
      }
    }
    return failure;
  }

  private void removeAreas(Operation operation, long first, long last, long bytes) {
    if (operation.cutsFirst) {
      state.areas.cut(first, operation.scratch);
    }
    if (operation.cutsLast) {
      state.areas.cut(last + 1, operation.scratch);
    }
    var _ = state.areas.tree.seek(first, operation.position);
    state.areas.removeThrough(operation.position, last, bytes, operation.scratch);
  }
}
