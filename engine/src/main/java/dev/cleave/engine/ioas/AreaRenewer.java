package dev.cleave.engine.ioas;

import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableException;

/**
 * Takes what areas have in the tables out and maps it again, to where their backings say that it
 * lies by now. What throws has done what it has done, and may be called again.
 */
final class AreaRenewer {
  private final SpaceState state;

  AreaRenewer(SpaceState state) {
    this.state = state;
  }

  void renew(long iova, long length) {
    state.lock.lock();
    Operation operation = state.operations.take();
    try {
      long last = state.lastPage(iova, length);
      var _ = state.operations.enter(operation, iova, last);
      try {
        if (state.tables.count() > 0 && state.seekAreas(operation, iova, last)) {
          renew(operation);
        }
      } finally {
        state.operations.leaveRange(operation);
      }
    } finally {
      state.operations.discard(operation);
      state.lock.unlock();
    }
  }

  /** By who holds the lock, which is given up meanwhile. */
  private void renew(Operation operation) {
    long first = operation.from;
    long last = operation.to;
    state.lock.unlock();
    try {
      state.tables.cutEnds(operation, first, last);
      takeOut(operation, first, last);
      state.tables.settle(operation);
      mapAgain(operation, first, last);
    } catch (PageTableException e) {
      throw IoasException.of(e);
    } finally {
      state.lock.lock();
    }
  }

  /** Unmaps what the tables have of a range; the operation owes the flush. */
  void takeOut(Operation operation, long first, long last) {
    for (int i = 0; i < state.tables.count(); i++) {
      TableTools tools = operation.tools(i);
      PageTable table = state.tables.get(i).table();
      if (tools.cursor().over(first, last).advance()) {
        var _ = table.unmap(first, last - first + 1, tools.gather());
      }
    }
  }

  /** Maps what areas have in a range, where the tables have nothing; or nothing of it. */
  void mapAgain(Operation operation, long first, long last) {
    try {
      long from = first;
      while (collect(operation, from, last)) {
        state.tables.map(operation, state.ruleIfAny());
        long end = operation.mapFirst + operation.mapBytes - 1;
        if (end == last) {
          return;
        }
        from = end + 1;
      }
    } catch (RuntimeException e) {
      takeOut(operation, first, last);
      state.tables.settle(operation);
      throw e;
    }
  }

  /** Has an operation map the first area, or part of one, that lies in a range. */
  private boolean collect(Operation operation, long first, long last) {
    state.lock.lock();
    try {
      if (!state.seekArea(operation, first, last)) {
        return false;
      }
      RangeTree.Position at = operation.scratch;
      long from = Unsigned.max(operation.areaFirst, first);
      operation.mapFirst = from;
      operation.mapBytes = Unsigned.min(operation.areaLast, last) - from + 1;
      operation.access = Areas.access(at);
      operation.pieces.clear();
      operation.pieces.add(
          state.areas.backing(at),
          at.offset() + from - operation.areaFirst,
          operation.mapBytes,
          Areas.isWritten(at));
      return true;
    } finally {
      state.lock.unlock();
    }
  }
}
