package dev.cleave.engine.ioas;

import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.format.Geometry;

/** Reads the dirty bits of all tables into one bitmap. */
final class DirtyTracker {
  private final SpaceState state;
  private final LeafFitter fitter;

  DirtyTracker(SpaceState state, LeafFitter fitter) {
    this.state = state;
    this.fitter = fitter;
  }

  void start(long iova, long length, int pageLog2) {
    state.lock.lock();
    Operation operation = state.operations.take();
    try {
      long last = state.lastPage(iova, length);
      var _ = state.operations.enter(operation, iova, last);
      try {
        boolean areThere = state.seekAreas(operation, iova, last);
        checkTrackedPage(operation, pageLog2, areThere);
        state.rule.tracked.set(iova, last, pageLog2, operation.saved);
        if (areThere && state.tables.count() > 0) {
          start(operation, pageLog2);
        }
      } catch (PageTableException e) {
        state.rule.tracked.restore(iova, last, operation.saved);
        throw IoasException.of(e);
      } finally {
        state.operations.leaveRange(operation);
      }
    } finally {
      state.operations.discard(operation);
      state.lock.unlock();
    }
  }

  private void start(Operation operation, int pageLog2) {
    state.lock.unlock();
    try {
      state.tables.split(operation, operation.from, operation.to, state.rule);
      state.tables.startDirtyTracking(operation, operation.from, operation.to, pageLog2);
      state.tables.settle(operation);
    } finally {
      state.lock.lock();
    }
  }

  private void checkTrackedPage(Operation operation, int pageLog2, boolean areThere) {
    boolean isPage = pageLog2 >= Geometry.PAGE_LOG2 && pageLog2 < Long.SIZE;
    for (int i = 0; isPage && i < state.tables.count(); i++) {
      HardwarePageTable table = state.tables.get(i);
      isPage =
          (table.table().format().leafSizes() >>> pageLog2 & 1) != 0
              && 1L << pageLog2 >= table.granule();
    }
    if (!isPage) {
      throw new IoasException(
          Errno.EINVAL,
          operation.first,
          "a tracked page must be a leaf size of every table, pageLog2=%d".formatted(pageLog2));
    }
    if (areThere && ((operation.from | (operation.to + 1)) & Geometry.offsetMask(pageLog2)) != 0) {
      throw new IoasException(
          Errno.EINVAL,
          operation.from,
          "what is tracked must begin and end at multiples of 2^%d, first=0x%x, last=0x%x"
              .formatted(pageLog2, operation.from, operation.to));
    }
  }

  void readAndClear(long iova, long length, DirtyBitmap bitmap) {
    read(iova, length, bitmap, true);
  }

  void read(long iova, long length, DirtyBitmap bitmap) {
    read(iova, length, bitmap, false);
  }

  private void read(long iova, long length, DirtyBitmap bitmap, boolean clears) {
    state.lock.lock();
    Operation operation = state.operations.take();
    try {
      long last = state.lastPage(iova, length);
      checkCovered(iova, last, bitmap);
      var _ = state.operations.enter(operation, iova, last);
      try {
        if (state.tables.count() > 0 && state.seekAreas(operation, iova, last)) {
          readTables(operation, bitmap, clears);
        }
      } catch (PageTableException e) {
        throw IoasException.of(e);
      } finally {
        state.operations.leaveRange(operation);
      }
    } finally {
      state.operations.discard(operation);
      state.lock.unlock();
    }
  }

  private static void checkCovered(long first, long last, DirtyBitmap bitmap) {
    if (Unsigned.isBelow(first, bitmap.firstIova()) || Unsigned.isBelow(bitmap.lastIova(), last)) {
      throw new IoasException(
          Errno.EINVAL,
          first,
          "a bitmap must have all of a range, first=0x%x, last=0x%x".formatted(first, last));
    }
  }

  private void readTables(Operation operation, DirtyBitmap bitmap, boolean clears) {
    long from = operation.from;
    long to = operation.to;
    state.lock.unlock();
    try {
      if (clears) {
        state.tables.cutEnds(operation, from, to);
        state.tables.readAndClearDirty(operation, from, to, bitmap);
        state.tables.settle(operation);
      } else {
        state.tables.readDirty(from, to, bitmap);
      }
    } finally {
      state.lock.lock();
    }
  }

  void stop(long iova, long length) {
    state.lock.lock();
    Operation operation = state.operations.take();
    try {
      long last = state.lastPage(iova, length);
      fitter.enterBlocks(operation, iova, last, Granularity.UNLIMITED);
      try {
        state.rule.tracked.set(iova, last, Granularity.UNLIMITED, operation.saved);
        fitter.fit(operation, iova, last, false, true);
      } finally {
        state.operations.leaveRange(operation);
      }
    } finally {
      state.operations.discard(operation);
      state.lock.unlock();
    }
  }
}
