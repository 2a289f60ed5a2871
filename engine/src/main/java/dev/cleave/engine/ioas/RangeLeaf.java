package dev.cleave.engine.ioas;

import static dev.cleave.engine.ioas.RangeNodes.GAP_BOUND;
import static dev.cleave.engine.ioas.RangeNodes.HEADER_WORDS;

/**
 * The words of a leaf of a {@link RangeTree}. Of two kinds: {@link RangeSlots} has ranges of any
 * kind, {@link PageSlots} single pages close to each other.
 *
 * <pre>
 *   0   header           {@link RangeNodes}
 *   3   window           where the pages begin that it has room for, 1 for ranges of any kind
 *   4   order            which slots hold ranges
 *   5   low              first address at which a range that belongs here can begin
 *   6   top              the last one
 *   7   next             number of the leaf behind
 *   8   previous         number of the leaf before
 *   9   content          {@link RangeSlots} or {@link PageSlots}
 * </pre>
 *
 * <p>A leaf that is empty is one of ranges. Functions of their arguments.
 */
final class RangeLeaf {
  static final int WINDOW = HEADER_WORDS;
  static final int ORDER = WINDOW + 1;
  private static final int LOW = ORDER + 1;
  private static final int TOP = LOW + 1;
  private static final int NEXT = TOP + 1;
  private static final int PREVIOUS = NEXT + 1;
  static final int CONTENT = PREVIOUS + 1;
  static final int WORDS = CONTENT + Math.max(RangeSlots.WORDS, PageSlots.WORDS);

  /** No window: none begins at an odd address. */
  private static final long NO_WINDOW = 1;

  /** A leaf with fewer ranges is joined with a neighbour. */
  static final int FEWEST = RangeSlots.CAPACITY / 4;

  /** Two that have no more than these are joined: what has more pages stays one of pages. */
  static final int FEW = RangeSlots.CAPACITY * 3 / 4;

  private RangeLeaf() {}

  /** Makes an empty leaf to which no address belongs. */
  static void clear(long[] leaf) {
    RangeNodes.setParent(leaf, RangeNodes.NONE);
    leaf[GAP_BOUND] = 0;
    setBounds(leaf, -1L, 0);
    setNext(leaf, RangeNodes.NONE);
    setPrevious(leaf, RangeNodes.NONE);
    begin(leaf, NO_WINDOW);
  }

  /** Makes it empty, and one of pages or of ranges. */
  private static void begin(long[] leaf, long window) {
    RangeNodes.setCount(leaf, 0);
    leaf[WINDOW] = window;
    if (window == NO_WINDOW) {
      RangeSlots.clear(leaf);
    } else {
      PageSlots.clear(leaf);
    }
  }

  // ---- the leaf ------------------------------------------------------------------------------

  static boolean isOfPages(long[] leaf) {
    return leaf[WINDOW] != NO_WINDOW;
  }

  /** Whether there is room for a range that belongs here. */
  static boolean takes(long[] leaf, long first, long last, long offset, long info) {
    return isOfPages(leaf)
        ? PageSlots.takes(leaf, first, last, offset, info)
        : RangeNodes.count(leaf) < RangeSlots.CAPACITY;
  }

  /** Whether it would be full with one more. */
  static boolean isAlmostFull(long[] leaf) {
    return !isOfPages(leaf) && RangeNodes.count(leaf) == RangeSlots.CAPACITY - 1;
  }

  /** Whether all ranges have room in one that is of ranges. */
  static boolean canBeOfRanges(long[] leaf) {
    return RangeNodes.count(leaf) <= RangeSlots.CAPACITY;
  }

  /** Whether a range that begins at an address would belong here. */
  static boolean has(long[] leaf, long address) {
    return Long.compareUnsigned(leaf[LOW], address) <= 0
        && Long.compareUnsigned(address, leaf[TOP]) <= 0;
  }

  static long low(long[] leaf) {
    return leaf[LOW];
  }

  static long top(long[] leaf) {
    return leaf[TOP];
  }

  static void setBounds(long[] leaf, long low, long top) {
    leaf[LOW] = low;
    leaf[TOP] = top;
  }

  static int next(long[] leaf) {
    return (int) leaf[NEXT];
  }

  static void setNext(long[] leaf, int next) {
    leaf[NEXT] = next;
  }

  static int previous(long[] leaf) {
    return (int) leaf[PREVIOUS];
  }

  static void setPrevious(long[] leaf, int previous) {
    leaf[PREVIOUS] = previous;
  }

  // ---- its ranges ----------------------------------------------------------------------------

  static long first(long[] leaf, int index) {
    return isOfPages(leaf) ? PageSlots.first(leaf, index) : RangeSlots.first(leaf, index);
  }

  static long last(long[] leaf, int index) {
    return isOfPages(leaf) ? PageSlots.last(leaf, index) : RangeSlots.last(leaf, index);
  }

  static long offset(long[] leaf, int index) {
    return isOfPages(leaf) ? PageSlots.offset(leaf, index) : RangeSlots.offset(leaf, index);
  }

  static long info(long[] leaf, int index) {
    return isOfPages(leaf) ? PageSlots.info(leaf, index) : RangeSlots.info(leaf, index);
  }

  /** Moves the end of a range in a leaf of ranges. */
  static void setLast(long[] leaf, int index, long last) {
    assert !isOfPages(leaf);
    RangeSlots.setLast(leaf, index, last);
  }

  /** Replaces the info of a range, in a leaf of pages by one that has room there. */
  static void setInfo(long[] leaf, int index, long info) {
    if (isOfPages(leaf)) {
      PageSlots.setInfo(leaf, index, info);
    } else {
      RangeSlots.setInfo(leaf, index, info);
    }
  }

  /** The number of ranges that begin at or below an address. */
  static int countUpTo(long[] leaf, long address) {
    return isOfPages(leaf)
        ? PageSlots.countUpTo(leaf, address)
        : RangeSlots.countUpTo(leaf, address);
  }

  /** Puts a range that it takes at an index, before the one that is there. */
  static void insert(long[] leaf, int index, long first, long last, long offset, long info) {
    if (isOfPages(leaf)) {
      PageSlots.insert(leaf, first, offset, info);
    } else {
      RangeSlots.insert(leaf, index, first, last, offset, info);
      RangeNodes.setCount(leaf, RangeNodes.count(leaf) + 1);
    }
  }

  static void remove(long[] leaf, int index) {
    int left = RangeNodes.count(leaf) - 1;
    if (left == 0) {
      begin(leaf, NO_WINDOW);
      return;
    }
    if (isOfPages(leaf)) {
      PageSlots.remove(leaf, index);
    } else {
      RangeSlots.remove(leaf, index);
    }
    RangeNodes.setCount(leaf, left);
  }

  // ---- all of its ranges ---------------------------------------------------------------------

  /** Moves all ranges from an index on behind those of another leaf, which has room for them. */
  static void moveTo(long[] leaf, int index, long[] target) {
    int count = RangeNodes.count(leaf);
    if (isOfPages(leaf) && count - index > FEW) {
      begin(target, leaf[WINDOW]);
    }
    for (int i = index; i < count; i++) {
      append(leaf, i, target);
    }
    for (int i = count - 1; i >= index; i--) {
      remove(leaf, i);
    }
  }

  private static void append(long[] leaf, int index, long[] target) {
    insert(
        target,
        RangeNodes.count(target),
        first(leaf, index),
        last(leaf, index),
        offset(leaf, index),
        info(leaf, index));
  }

  /**
   * Makes a leaf of ranges one of pages, if all that it has and one more are pages close enough.
   *
   * @param image takes what the leaf was
   * @return whether it is one now
   */
  static boolean becomePages(
      long[] leaf, long first, long last, long offset, long info, long[] image) {
    if (isOfPages(leaf) || !PageSlots.isPage(first, last, offset, info)) {
      return false;
    }
    int count = RangeNodes.count(leaf);
    boolean isDescending = Unsigned.isBelow(first, first(leaf, 0));
    long lowest = isDescending ? first : first(leaf, 0);
    long highest = Unsigned.max(first, first(leaf, count - 1));
    if (!PageSlots.fit(lowest, highest)) {
      return false;
    }
    for (int i = 0; i < count; i++) {
      if (!PageSlots.isPage(first(leaf, i), last(leaf, i), offset(leaf, i), info(leaf, i))) {
        return false;
      }
    }
    become(leaf, isDescending ? PageSlots.windowUpTo(highest) : lowest, image);
    return true;
  }

  /** Makes a leaf of pages one of ranges, which has room for them. */
  static void becomeRanges(long[] leaf, long[] image) {
    if (isOfPages(leaf)) {
      become(leaf, NO_WINDOW, image);
    }
  }

  private static void become(long[] leaf, long window, long[] image) {
    System.arraycopy(leaf, 0, image, 0, WORDS);
    begin(leaf, window);
    int count = RangeNodes.count(image);
    for (int i = 0; i < count; i++) {
      append(image, i, leaf);
    }
  }
}
