package dev.cleave.engine.ioas;

import dev.cleave.engine.PageTableException;
import dev.cleave.engine.format.Geometry;

/** Makes two areas of one, and one of two. */
final class AreaSeams {
  private final SpaceState state;

  AreaSeams(SpaceState state) {
    this.state = state;
  }

  void cut(long iova) {
    state.lock.lock();
    Operation operation = state.operations.take();
    long alignment = state.alignment();
    try {
      while (iova != 0 && state.seekArea(operation, iova - 1, iova - 1)) {
        var _ = state.operations.enter(operation, operation.areaFirst, operation.areaLast);
        try {
          if (cut(operation, iova, alignment)) {
            return;
          }
        } finally {
          state.operations.leaveRange(operation);
        }
      }
    } finally {
      state.operations.discard(operation);
      state.lock.unlock();
    }
  }

  /**
   * Cuts the area before an address if that reaches over it.
   *
   * @return false if the area has grown out of the operation's range while that waited
   */
  private boolean cut(Operation operation, long iova, long alignment) {
    if (!state.seekArea(operation, iova - 1, iova - 1) || operation.areaLast == iova - 1) {
      return true;
    }
    if (!isAreaInRange(operation)) {
      return false;
    }
    long offset = operation.scratch.offset() + iova - operation.areaFirst;
    long placeMask = Math.min(alignment, Geometry.PAGE_BYTES) - 1;
    if ((iova & (alignment - 1)) != 0 || (offset & placeMask) != 0) {
      throw new IoasException(
          Errno.EINVAL,
          iova,
          "an area must be cut at a multiple of 0x%x, iova=0x%x, offset=0x%x"
              .formatted(alignment, iova, offset));
    }
    if (state.tables.count() > 0) {
      state.lock.unlock();
      try {
        state.tables.cut(
            operation, operation.cut.around(operation.areaFirst, iova - 1), iova - 1, iova);
        state.tables.settle(operation);
      } catch (PageTableException e) {
        throw IoasException.of(e);
      } finally {
        state.lock.lock();
      }
    }
    state.areas.cut(iova, operation.scratch);
    return true;
  }

  void join(long iova) {
    state.lock.lock();
    Operation operation = state.operations.take();
    try {
      while (state.areas.findContinued(iova, operation)) {
        var _ = state.operations.enter(operation, operation.areaFirst, operation.areaLast);
        try {
          if (state.areas.findContinued(iova, operation) && isAreaInRange(operation)) {
            state.areas.join(iova, operation.scratch);
            return;
          }
        } finally {
          state.operations.leaveRange(operation);
        }
      }
    } finally {
      state.operations.discard(operation);
      state.lock.unlock();
    }
  }

  private static boolean isAreaInRange(Operation operation) {
    return !Unsigned.isBelow(operation.areaFirst, operation.first)
        && !Unsigned.isBelow(operation.last, operation.areaLast);
  }
}
