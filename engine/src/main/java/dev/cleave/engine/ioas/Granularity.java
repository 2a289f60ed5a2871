package dev.cleave.engine.ioas;

import dev.cleave.engine.SizeRule;
import java.util.Arrays;

/**
 * How large leaves may be, range by range; where nothing was said, as large as they will.
 *
 * <p>Thread-safe: tables ask while other ranges are changed. Its lock is held for moments only, and
 * nothing else is waited for under it.
 */
final class Granularity implements SizeRule {
  /** The logarithm that stands for no limit. */
  static final int UNLIMITED = Long.SIZE - 1;

  private final SpaceLock lock = new SpaceLock();
  private final RangeTree tree = new RangeTree();
  private final RangeTree.Position position = new RangeTree.Position();

  /** No limit was ever smaller. */
  private volatile int smallest = UNLIMITED;

  private volatile boolean isEmpty = true;

  /** What {@link #set} replaced last, to be put back by {@link #restore}. */
  static final class Saved {
    private static final int FEW = 16;
    private long[] first = new long[FEW];
    private long[] last = new long[FEW];
    private int[] log2 = new int[FEW];
    private int count;

    private void add(long from, long to, int limit) {
      if (count == first.length) {
        first = Arrays.copyOf(first, 2 * count);
        last = Arrays.copyOf(last, 2 * count);
        log2 = Arrays.copyOf(log2, 2 * count);
      }
      first[count] = from;
      last[count] = to;
      log2[count] = limit;
      count++;
    }

    /** Whether a limit is nowhere higher than what it replaced. */
    boolean isLoweredTo(int limit) {
      for (int i = 0; i < count; i++) {
        if (log2[i] < limit) {
          return false;
        }
      }
      return true;
    }

    /** Whether a limit is nowhere lower than what it replaced. */
    boolean isRaisedTo(int limit, long from, long to) {
      long covered = 0;
      for (int i = 0; i < count; i++) {
        if (log2[i] > limit) {
          return false;
        }
        covered += last[i] - first[i] + 1;
      }
      return limit == UNLIMITED || covered == to - from + 1;
    }
  }

  boolean isEmpty() {
    return isEmpty;
  }

  long ranges() {
    lock.lock();
    try {
      return tree.size();
    } finally {
      lock.unlock();
    }
  }

  /** The limit around an address. */
  int at(long iova) {
    lock.lock();
    try {
      return tree.seek(iova, position) && Long.compareUnsigned(position.first(), iova) <= 0
          ? (int) position.info()
          : UNLIMITED;
    } finally {
      lock.unlock();
    }
  }

  /** Whether every range begins and ends at a multiple of a page. */
  boolean isAligned(long pageMask) {
    lock.lock();
    try {
      for (tree.seek(0, position); position.isAtRange(); tree.next(position)) {
        if (((position.first() | (position.last() + 1)) & pageMask) != 0) {
          return false;
        }
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  void set(long first, long last, int log2, Saved saved) {
    lock.lock();
    try {
      saved.count = 0;
      if (!isEmpty) {
        cutEnds(first, last);
        for (boolean there = tree.seek(first, position);
            there && Long.compareUnsigned(position.last(), last) <= 0;
            there = tree.next(position)) {
          saved.add(position.first(), position.last(), (int) position.info());
        }
      }
      put(first, last, log2);
    } finally {
      lock.unlock();
    }
  }

  void restore(long first, long last, Saved saved) {
    lock.lock();
    try {
      put(first, last, UNLIMITED);
      for (int i = 0; i < saved.count; i++) {
        put(saved.first[i], saved.last[i], saved.log2[i]);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Replaces what lies in a range, and joins it with neighbours of the same limit. */
  private void put(long first, long last, int log2) {
    cutEnds(first, last);
    if (tree.seek(first, position)) {
      tree.removeThrough(position, last);
    }
    if (log2 != UNLIMITED) {
      long from = first;
      long to = last;
      if (first != 0
          && tree.seekBack(first - 1, position)
          && position.last() == first - 1
          && position.info() == log2) {
        from = position.first();
        tree.remove(position);
      }
      if (last != -1
          && tree.seek(last + 1, position)
          && position.first() == last + 1
          && position.info() == log2) {
        to = position.last();
        tree.remove(position);
      }
      tree.insert(from, to, 0, log2);
      smallest = Math.min(smallest, log2);
    }
    isEmpty = tree.size() == 0;
  }

  private void cutEnds(long first, long last) {
    cut(first);
    if (last != -1) {
      cut(last + 1);
    }
  }

  private void cut(long iova) {
    if (tree.seek(iova, position) && Long.compareUnsigned(position.first(), iova) < 0) {
      long last = position.last();
      long log2 = position.info();
      tree.setLast(position, iova - 1);
      tree.insert(iova, last, 0, log2);
    }
  }

  @Override
  public long segmentLast(long iova, long last) {
    lock.lock();
    try {
      if (!tree.seek(iova, position)) {
        return last;
      }
      long first = position.first();
      return Unsigned.min(
          last, Long.compareUnsigned(first, iova) <= 0 ? position.last() : first - 1);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public long sizes(long iova) {
    return -1L >>> (UNLIMITED - at(iova));
  }

  @Override
  public int alwaysAllowedLog2() {
    return smallest;
  }
}
