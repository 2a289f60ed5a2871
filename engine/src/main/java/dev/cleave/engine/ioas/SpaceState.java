package dev.cleave.engine.ioas;

import dev.cleave.engine.SizeRule;
import dev.cleave.engine.format.Geometry;
import org.jspecify.annotations.Nullable;

/**
 * All that a space knows.
 *
 * <p>Everything here is read and written under {@link #lock}, which is held for moments: tables are
 * changed without it, by an {@link Operation} that has the iovas for itself, but for small maps.
 * Flushes never run under it. Tables take no lock of the space's but {@link Granularity}'s, under
 * which nothing is waited for; so there is no circle.
 */
final class SpaceState {
  final SpaceLock lock = new SpaceLock();
  final UnmapRule unmapRule;
  final Areas areas = new Areas();
  final ReservedIovas reserved = new ReservedIovas();
  final IovaChooser chooser;
  final SpaceRule rule = new SpaceRule();
  final AttachedTables tables = new AttachedTables();
  final Operations operations = new Operations(lock, tables);

  /** What was unmapped and not all tables have flushed; the info counts those that have not. */
  final RangeTree retiring = new RangeTree();

  final RangeTree.Position retired = new RangeTree.Position();

  /** Puts off flushes, if there is one; changes while one operation has the space alone. */
  @Nullable SpaceFlushQueue flushQueue;

  final IovaLimits limits = new IovaLimits(this);
  boolean hugePages = true;
  private long alignment = 1;

  SpaceState(UnmapRule unmapRule, int largestAlignmentLog2) {
    this.unmapRule = unmapRule;
    this.chooser = new IovaChooser(areas.tree, reserved, retiring, largestAlignmentLog2);
  }

  /** Does something while nothing else is under way. */
  void alone(Runnable work) {
    lock.lock();
    Operation operation = operations.take();
    var _ = operations.enter(operation, 0, -1L);
    try {
      work.run();
    } finally {
      operations.leave(operation);
      lock.unlock();
    }
  }

  /** Something to begin an operation with, without the lock. */
  Operation takeOperation() {
    lock.lock();
    try {
      return operations.take();
    } finally {
      lock.unlock();
    }
  }

  /** Gives it back, likewise. */
  void discardOperation(Operation operation) {
    lock.lock();
    try {
      operations.discard(operation);
    } finally {
      lock.unlock();
    }
  }

  /** What every iova, length and place in a page is a multiple of: a power of two. */
  long alignment() {
    return alignment;
  }

  /** Finds it out again, after tables or huge pages have changed. */
  void align() {
    alignment = hugePages ? 1 : Geometry.PAGE_BYTES;
    for (int i = 0; i < tables.count(); i++) {
      alignment = Math.max(alignment, tables.get(i).granule());
    }
  }

  /** What leaves are allowed, null for all. */
  @Nullable SizeRule ruleIfAny() {
    return rule.isFree() ? null : rule;
  }

  /** Whether devices may still see what was unmapped from a range; by who holds the lock. */
  boolean isRetiring(long first, long last) {
    return retiring.size() > 0 && retiring.touches(first, last);
  }

  /** Looks at the first area that has an address of a range; by who holds the lock. */
  boolean seekArea(Operation operation, long first, long last) {
    RangeTree.Position at = operation.scratch;
    if (!areas.tree.seek(first, at) || Unsigned.isBelow(last, at.first())) {
      return false;
    }
    operation.areaFirst = at.first();
    operation.areaLast = at.last();
    return true;
  }

  /** Looks at the last area that has an address of a range, likewise. */
  boolean seekLastArea(Operation operation, long first, long last) {
    RangeTree.Position at = operation.scratch;
    if (!areas.tree.seekBack(last, at) || Unsigned.isBelow(at.last(), first)) {
      return false;
    }
    operation.areaFirst = at.first();
    operation.areaLast = at.last();
    return true;
  }

  /** Finds where areas begin and end in a range, likewise. */
  boolean seekAreas(Operation operation, long first, long last) {
    if (!seekArea(operation, first, last)) {
      return false;
    }
    operation.from = Unsigned.max(first, operation.areaFirst);
    operation.cutsFirst = operation.from != operation.areaFirst;
    var _ = seekLastArea(operation, first, last);
    operation.to = Unsigned.min(last, operation.areaLast);
    operation.cutsLast = operation.to != operation.areaLast;
    return true;
  }

  static long last(long iova, long length) {
    long last = iova + length - 1;
    if (length == 0) {
      throw new IoasException(
          Errno.EINVAL, iova, "length must not be 0, iova=0x%x".formatted(iova));
    }
    if (Unsigned.isBelow(last, iova)) {
      throw new IoasException(
          Errno.EOVERFLOW,
          iova,
          "a range must end at or below 2^64, iova=0x%x, length=0x%x".formatted(iova, length));
    }
    return last;
  }

  /** The same for a range of whole pages of all attached tables. */
  long lastPage(long iova, long length) {
    long last = last(iova, length);
    long mask = Math.max(alignment(), Geometry.PAGE_BYTES) - 1;
    if (((iova | length) & mask) != 0) {
      throw new IoasException(
          Errno.EINVAL,
          iova,
          "a range must be whole pages of 0x%x bytes, iova=0x%x, length=0x%x"
              .formatted(mask + 1, iova, length));
    }
    return last;
  }
}
