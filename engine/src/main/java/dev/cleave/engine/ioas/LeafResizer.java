package dev.cleave.engine.ioas;

import dev.cleave.engine.PageTableException;
import dev.cleave.engine.SizeRule;

/** Splits and merges leaves once, whatever they become later. */
final class LeafResizer {
  private final SpaceState state;
  private final LeafFitter fitter;

  LeafResizer(SpaceState state, LeafFitter fitter) {
    this.state = state;
    this.fitter = fitter;
  }

  /** Splits what is larger than a size; returns how many bytes are there. */
  long split(long iova, long length, int log2) {
    return resize(iova, length, log2, false);
  }

  /** Merges up to a size; returns how many bytes are there. */
  long merge(long iova, long length, int log2) {
    return resize(iova, length, log2, true);
  }

  private long resize(long iova, long length, int log2, boolean isMerge) {
    LeafFitter.checkSize(iova, log2);
    SizeRule upTo = SizeRule.atMost(log2);
    state.lock.lock();
    Operation operation = state.operations.take();
    try {
      long last = state.lastPage(iova, length);
      fitter.enterBlocks(operation, iova, last, Granularity.UNLIMITED);
      try {
        if (!state.seekAreas(operation, iova, last)) {
          throw new IoasException(
              Errno.ENOENT,
              iova,
              "a range must have an area, first=0x%x, last=0x%x".formatted(iova, last));
        }
        long bytes = state.areas.bytesIn(operation.from, operation.to, operation.position);
        if (state.tables.count() > 0) {
          resize(operation, isMerge ? new BothRules(state.rule, upTo) : upTo, isMerge);
        }
        return bytes;
      } finally {
        state.operations.leaveRange(operation);
      }
    } finally {
      state.operations.discard(operation);
      state.lock.unlock();
    }
  }

  /** By who holds the lock, which is given up meanwhile. */
  private void resize(Operation operation, SizeRule rule, boolean isMerge) {
    state.lock.unlock();
    try {
      if (isMerge) {
        mergeInside(operation, rule);
      } else {
        state.tables.split(operation, operation.from, operation.to, rule);
      }
      state.tables.settle(operation);
    } catch (PageTableException e) {
      throw IoasException.of(e);
    } finally {
      state.lock.lock();
    }
  }

  private void mergeInside(Operation operation, SizeRule rule) {
    long to = operation.to;
    long from = operation.from;
    while (fitter.findArea(operation, from, to)) {
      long areaLast = operation.areaLast;
      state.tables.mergeInside(
          operation, Unsigned.max(operation.areaFirst, from), Unsigned.min(areaLast, to), rule);
      if (!Unsigned.isBelow(areaLast, to)) {
        return;
      }
      from = areaLast + 1;
    }
  }

  /** What two rules both allow. */
  private record BothRules(SizeRule one, SizeRule other) implements SizeRule {
    @Override
    public long segmentLast(long iova, long last) {
      return other.segmentLast(iova, one.segmentLast(iova, last));
    }

    @Override
    public long sizes(long iova) {
      return one.sizes(iova) & other.sizes(iova);
    }

    @Override
    public int alwaysAllowedLog2() {
      return Math.min(one.alwaysAllowedLog2(), other.alwaysAllowedLog2());
    }
  }
}
