package dev.cleave.engine.ioas;

import static dev.cleave.engine.ioas.RangeNodes.GAP_BOUND;
import static dev.cleave.engine.ioas.RangeNodes.HEADER_WORDS;

/**
 * The words of an inner node of a {@link RangeTree}: up to 64 nodes below it.
 *
 * <pre>
 *   0   header           {@link RangeNodes}
 *   3   lows             first address that belongs below each child; of the first child, any
 *  67   children         their numbers
 * </pre>
 *
 * <p>Functions of their arguments.
 */
final class RangeInner {
  private static final int CAPACITY = 64;
  private static final int LOWS = HEADER_WORDS;
  private static final int CHILDREN = LOWS + CAPACITY;
  static final int WORDS = CHILDREN + CAPACITY;

  private RangeInner() {}

  /** Makes a node with nothing below it. */
  static void clear(long[] inner) {
    RangeNodes.setCount(inner, 0);
    RangeNodes.setParent(inner, RangeNodes.NONE);
    inner[GAP_BOUND] = 0;
  }

  static boolean isFull(long[] inner) {
    return RangeNodes.count(inner) == CAPACITY;
  }

  static boolean isAlmostEmpty(long[] inner) {
    return RangeNodes.count(inner) < CAPACITY / 4;
  }

  /** Whether one could take all that the other has, and have room for more. */
  static boolean fitInOne(long[] inner, long[] other) {
    return RangeNodes.count(inner) + RangeNodes.count(other) <= CAPACITY * 3 / 4;
  }

  static int child(long[] inner, int index) {
    return (int) inner[CHILDREN + index];
  }

  static long low(long[] inner, int index) {
    return inner[LOWS + index];
  }

  static void setLow(long[] inner, int index, long low) {
    inner[LOWS + index] = low;
  }

  /** The child that an address belongs below. */
  static int childFor(long[] inner, long address) {
    int low = 1;
    int high = RangeNodes.count(inner);
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (Long.compareUnsigned(inner[LOWS + middle], address) <= 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return child(inner, low - 1);
  }

  static int indexOf(long[] inner, int child) {
    int index = 0;
    while (inner[CHILDREN + index] != child) {
      index++;
    }
    return index;
  }

  static void insert(long[] inner, int index, long low, int child) {
    int count = RangeNodes.count(inner);
    copy(inner, index, inner, index + 1, count - index);
    inner[LOWS + index] = low;
    inner[CHILDREN + index] = child;
    RangeNodes.setCount(inner, count + 1);
  }

  static void remove(long[] inner, int index) {
    int left = RangeNodes.count(inner) - 1;
    copy(inner, index + 1, inner, index, left - index);
    RangeNodes.setCount(inner, left);
  }

  /** Moves all children from an index on behind those of another node. */
  static void moveTo(long[] inner, int index, long[] target) {
    int moved = RangeNodes.count(inner) - index;
    int end = RangeNodes.count(target);
    copy(inner, index, target, end, moved);
    RangeNodes.setCount(target, end + moved);
    RangeNodes.setCount(inner, index);
  }

  private static void copy(long[] from, int index, long[] to, int target, int length) {
    System.arraycopy(from, LOWS + index, to, LOWS + target, length);
    System.arraycopy(from, CHILDREN + index, to, CHILDREN + target, length);
  }
}
