package dev.cleave.engine.ioas;

import dev.cleave.engine.PageTableException;
import dev.cleave.engine.format.Geometry;

/**
 * Keeps the leaves of all tables as large as the space's rules allow: splits what they forbid,
 * merges what they allow again, area by area. No leaf reaches over the end of an area.
 */
final class LeafFitter {
  private final SpaceState state;

  LeafFitter(SpaceState state) {
    this.state = state;
  }

  // ---- granularity ---------------------------------------------------------------------------

  void setGranularity(long iova, long length, int log2) {
    checkSize(iova, log2);
    change(state.rule.granularity, iova, length, log2);
  }

  static void checkSize(long iova, int log2) {
    if (log2 < Geometry.PAGE_LOG2 || log2 > Granularity.UNLIMITED) {
      throw new IoasException(
          Errno.EINVAL,
          iova,
          "a page granularity must be 2^12 to 2^63 bytes, log2=%d".formatted(log2));
    }
  }

  /** Sets a limit in a range and brings the leaves to it. */
  private void change(Granularity limits, long iova, long length, int log2) {
    state.lock.lock();
    Operation operation = state.operations.take();
    try {
      long last = state.lastPage(iova, length);
      enterBlocks(operation, iova, last, log2);
      try {
        limits.set(iova, last, log2, operation.saved);
        boolean isRaised = operation.saved.isRaisedTo(log2, iova, last);
        boolean isLowered = operation.saved.isLoweredTo(log2);
        try {
          fit(operation, iova, last, !isRaised, !isLowered);
        } catch (IoasException e) {
          limits.restore(iova, last, operation.saved);
          throw e;
        }
      } finally {
        state.operations.leaveRange(operation);
      }
    } finally {
      state.operations.discard(operation);
      state.lock.unlock();
    }
  }

  void adjust(long iova, long length) {
    state.lock.lock();
    Operation operation = state.operations.take();
    try {
      long last = state.lastPage(iova, length);
      enterBlocks(operation, iova, last, Granularity.UNLIMITED);
      try {
        fit(operation, iova, last, true, true);
      } finally {
        state.operations.leaveRange(operation);
      }
    } finally {
      state.operations.discard(operation);
      state.lock.unlock();
    }
  }

  /** Refuses what {@link #adjust} would refuse now, and changes nothing. */
  void checkAdjust(long iova, long length) {
    state.lock.lock();
    Operation operation = state.operations.take();
    try {
      long last = state.lastPage(iova, length);
      var _ = state.operations.enter(operation, iova, last);
      try {
        checkSplit(operation, iova, last);
      } finally {
        state.operations.leaveRange(operation);
      }
    } finally {
      state.operations.discard(operation);
      state.lock.unlock();
    }
  }

  private void checkSplit(Operation operation, long first, long last) {
    if (state.tables.count() == 0 || !state.seekAreas(operation, first, last)) {
      return;
    }
    operation.rule.of(state.rule);
    state.lock.unlock();
    try {
      state.tables.reserve(operation, operation.from, operation.to, operation.rule);
      state.tables.unreserve(operation);
    } catch (PageTableException e) {
      throw IoasException.of(e);
    } finally {
      state.lock.lock();
    }
  }

  /**
   * Takes a range, and of the areas at its ends as much around it as may become one leaf with it.
   * Areas and tables may change while it waits, and with them what is around.
   */
  void enterBlocks(Operation operation, long first, long last, int log2) {
    while (true) {
      long from = blockFirst(operation, first, log2);
      long to = blockLast(operation, last, log2);
      boolean waited = state.operations.enter(operation, from, to);
      boolean isStillAll =
          !waited
              || (!Unsigned.isBelow(blockFirst(operation, first, log2), from)
                  && !Unsigned.isBelow(to, blockLast(operation, last, log2)));
      if (isStillAll) {
        return;
      }
      state.operations.leaveRange(operation);
    }
  }

  private long blockFirst(Operation operation, long first, int log2) {
    return state.seekArea(operation, first, first)
        ? Unsigned.max(first & -largestLeaf(log2), operation.areaFirst)
        : first;
  }

  private long blockLast(Operation operation, long last, int log2) {
    return state.seekArea(operation, last, last)
        ? Unsigned.min(last | (largestLeaf(log2) - 1), operation.areaLast)
        : last;
  }

  /** Bytes of the largest leaf that a table may have under a limit. */
  private long largestLeaf(int log2) {
    long largest = 1;
    for (int i = 0; i < state.tables.count(); i++) {
      long sizes =
          state.tables.get(i).table().config().pageSizes() & -1L >>> (Granularity.UNLIMITED - log2);
      largest = Unsigned.max(largest, Long.highestOneBit(sizes));
    }
    return largest;
  }

  /**
   * Brings the leaves in a range to what the rules say; by who holds the lock, which is given up
   * meanwhile.
   */
  void fit(Operation operation, long first, long last, boolean splits, boolean merges) {
    if (state.tables.count() == 0 || !state.seekAreas(operation, first, last)) {
      return;
    }
    operation.rule.of(state.rule);
    state.lock.unlock();
    try {
      if (splits) {
        state.tables.split(operation, operation.from, operation.to, operation.rule);
      }
      if (merges) {
        merge(operation, operation.from, operation.to);
      }
      state.tables.settle(operation);
    } catch (PageTableException e) {
      throw IoasException.of(e);
    } finally {
      state.lock.lock();
    }
  }

  /**
   * Merges the part of every area that lies in a range, and what is around it as far as the
   * operation has it; without the lock.
   */
  private void merge(Operation operation, long first, long last) {
    long from = first;
    while (findArea(operation, from, last)) {
      long areaFirst = operation.areaFirst;
      long areaLast = operation.areaLast;
      state.tables.mergeAround(
          operation,
          Unsigned.max(areaFirst, from),
          Unsigned.min(areaLast, last),
          Unsigned.max(areaFirst, operation.first),
          Unsigned.min(areaLast, operation.last),
          operation.rule);
      if (!Unsigned.isBelow(areaLast, last)) {
        return;
      }
      from = areaLast + 1;
    }
  }

  /** Looks for the next area that is more than one page, without the lock. */
  boolean findArea(Operation operation, long first, long last) {
    state.lock.lock();
    try {
      long from = first;
      while (state.seekArea(operation, from, last)) {
        if (operation.areaLast - operation.areaFirst >= Geometry.PAGE_BYTES) {
          return true;
        }
        if (!Unsigned.isBelow(operation.areaLast, last)) {
          return false;
        }
        from = operation.areaLast + 1;
      }
      return false;
    } finally {
      state.lock.unlock();
    }
  }
}
