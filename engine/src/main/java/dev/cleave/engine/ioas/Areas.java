package dev.cleave.engine.ioas;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The areas of a space, in ascending order of iova.
 *
 * <pre>
 *   offset   of the area's first byte in its backing
 *   info     63..32 number of the backing, 0 for physical memory   8 may be written   7..0 access
 * </pre>
 *
 * <p>Each area has a number of its own for its backing, so that one that goes leaves nothing to
 * count. Nothing is allocated as long as there are not more areas than ever before. Belongs to who
 * holds the space's lock.
 */
final class Areas {
  private static final int WRITTEN = 1 << 8;
  private static final int ACCESS_MASK = WRITTEN - 1;
  private static final int BACKING_SHIFT = 32;
  private static final int FEW = 16;

  final RangeTree tree = new RangeTree();
  private long bytes;

  /** What {@link #take} has taken. */
  private final RangeTree.Position taken = new RangeTree.Position();

  private @Nullable Backing[] backings = new Backing[FEW];
  private int[] free = new int[FEW];
  private int freeCount;
  private int highest;

  Areas() {
    backings[0] = Backing.physical();
  }

  /** Bytes of all areas; 2^64 looks like 0. */
  long bytes() {
    return bytes;
  }

  void add(long first, long last, Backing backing, long offset, int access, boolean isWritten) {
    int number = backing == PhysicalBacking.INSTANCE ? 0 : number(backing);
    tree.insert(
        first, last, offset, (long) number << BACKING_SHIFT | (isWritten ? WRITTEN : 0) | access);
    bytes += last - first + 1;
  }

  /**
   * Adds an area of physical memory if there is room.
   *
   * @return whether it is there now
   */
  boolean addIfFree(long first, long last, long paddr, int access, boolean isWritten) {
    boolean isAdded = tree.insertIfFree(first, last, paddr, (isWritten ? WRITTEN : 0) | access);
    bytes += isAdded ? last - first + 1 : 0;
    return isAdded;
  }

  private int number(Backing backing) {
    int number;
    if (freeCount > 0) {
      number = free[--freeCount];
    } else {
      number = ++highest;
      if (number == backings.length) {
        backings = Arrays.copyOf(backings, 2 * number);
        free = Arrays.copyOf(free, 2 * number);
      }
    }
    backings[number] = backing;
    return number;
  }

  private void forget(long info) {
    int number = (int) (info >>> BACKING_SHIFT);
    if (number != 0) {
      backings[number] = null;
      free[freeCount++] = number;
    }
  }

  Backing backing(RangeTree.Position at) {
    Backing backing = backings[(int) (at.info() >>> BACKING_SHIFT)];
    assert backing != null;
    return backing;
  }

  static int access(RangeTree.Position at) {
    return (int) at.info() & ACCESS_MASK;
  }

  static boolean isWritten(RangeTree.Position at) {
    return (at.info() & WRITTEN) != 0;
  }

  static long length(RangeTree.Position at) {
    return at.last() - at.first() + 1;
  }

  /**
   * Takes out all areas that end at or below an address, from a position on.
   *
   * @param bytesGone what they sum up to
   */
  void removeThrough(RangeTree.Position at, long last, long bytesGone, RangeTree.Position scratch) {
    if (highest > freeCount) {
      tree.seek(at.first(), scratch);
      while (scratch.isAtRange() && Long.compareUnsigned(scratch.last(), last) <= 0) {
        forget(scratch.info());
        tree.next(scratch);
      }
    }
    tree.removeThrough(at, last);
    bytes -= bytesGone;
  }

  /**
   * Takes a range out if it is just one area, which can be {@linkplain #putBack put back} until it
   * is {@linkplain #dropTaken dropped}.
   *
   * @return whether it was one
   */
  boolean take(long first, long last) {
    boolean isTaken = tree.removeIfRange(first, last, taken);
    bytes -= isTaken ? last - first + 1 : 0;
    return isTaken;
  }

  void putBack() {
    tree.insert(taken.first(), taken.last(), taken.offset(), taken.info());
    bytes += length(taken);
  }

  void dropTaken() {
    forget(taken.info());
  }

  /** Makes two areas of the one that has both an address and the one before it, if one does. */
  void cut(long iova, RangeTree.Position scratch) {
    if (!tree.seek(iova, scratch) || Long.compareUnsigned(scratch.first(), iova) >= 0) {
      return;
    }
    long last = scratch.last();
    long offset = scratch.offset() + iova - scratch.first();
    Backing backing = backing(scratch);
    int access = access(scratch);
    boolean isWritten = isWritten(scratch);
    tree.setLast(scratch, iova - 1);
    bytes -= last - iova + 1;
    add(iova, last, backing, offset, access, isWritten);
  }

  /**
   * Finds the two areas that touch at an address, if the second goes on in memory, and in what
   * devices may do, where the first ends; the operation's area is then both together.
   */
  boolean findContinued(long iova, Operation operation) {
    RangeTree.Position at = operation.scratch;
    if (iova == 0 || !tree.seekBack(iova - 1, at) || at.last() != iova - 1) {
      return false;
    }
    operation.areaFirst = at.first();
    long offset = at.offset() + iova - at.first();
    long info = at.info();
    Backing backing = backing(at);
    boolean isContinued =
        tree.next(at)
            && at.first() == iova
            && at.offset() == offset
            && (int) at.info() == (int) info
            && backing(at).equals(backing);
    operation.areaLast = at.last();
    return isContinued;
  }

  /** Makes one area of the two that {@link #findContinued} has found. */
  void join(long iova, RangeTree.Position scratch) {
    var _ = tree.seek(iova, scratch);
    long last = scratch.last();
    forget(scratch.info());
    tree.remove(scratch);
    var _ = tree.seekBack(iova - 1, scratch);
    tree.setLast(scratch, last);
  }

  /** Bytes of all areas, or parts of them, that lie in a range. */
  long bytesIn(long first, long last, RangeTree.Position at) {
    long sum = 0;
    for (boolean isThere = tree.seek(first, at);
        isThere && !Unsigned.isBelow(last, at.first());
        isThere = tree.next(at)) {
      sum += Unsigned.min(at.last(), last) - Unsigned.max(at.first(), first) + 1;
    }
    return sum;
  }
}
