package dev.cleave.engine.ioas;

import static dev.cleave.engine.ioas.RangeNodes.GAP_BOUND;
import static dev.cleave.engine.ioas.RangeNodes.HEADER_WORDS;

/**
 * The words of a leaf of a {@link RangeTree}: up to 8 ranges, each in a slot that it keeps.
 *
 * <pre>
 *   0   header           {@link RangeNodes}
 *   3   order            the slot of each range, four bits each, ascending; then the free slots
 *   4   low              first address at which a range that belongs here can begin
 *   5   top              the last one
 *   6   next             number of the leaf behind
 *   7   previous         number of the leaf before
 *   8   firsts           first address of the range in each slot, all ones in a free one
 *  16   last             of the range in slot 0, its last address
 *  17   offset           first word of its owner's
 *  18   info             second word
 *  19   ...              the same for slots 1 to 7
 * </pre>
 *
 * <p>A range that comes or goes moves no other, and the search compares all slots without a branch
 * that could be guessed wrong. Functions of their arguments.
 */
final class RangeLeaf {
  static final int CAPACITY = 8;

  private static final int ORDER = HEADER_WORDS;
  private static final int LOW = ORDER + 1;
  private static final int TOP = LOW + 1;
  private static final int NEXT = TOP + 1;
  private static final int PREVIOUS = NEXT + 1;
  private static final int FIRSTS = PREVIOUS + 1;
  private static final int RANGES = FIRSTS + CAPACITY;
  private static final int RANGE_WORDS = 3;
  static final int WORDS = RANGES + RANGE_WORDS * CAPACITY;

  private static final int LAST = 0;
  private static final int OFFSET = 1;
  private static final int INFO = 2;

  private static final long ASCENDING = 0x7654_3210L;
  private static final int SLOT_BITS = 4;
  private static final long SLOT_MASK = CAPACITY - 1;
  private static final long FREE = -1L;

  private RangeLeaf() {}

  /** Makes an empty leaf to which no address belongs. */
  static void clear(long[] leaf) {
    RangeNodes.setCount(leaf, 0);
    RangeNodes.setParent(leaf, RangeNodes.NONE);
    leaf[GAP_BOUND] = 0;
    leaf[ORDER] = ASCENDING;
    setBounds(leaf, -1L, 0);
    setNext(leaf, RangeNodes.NONE);
    setPrevious(leaf, RangeNodes.NONE);
    for (int slot = 0; slot < CAPACITY; slot++) {
      leaf[FIRSTS + slot] = FREE;
    }
  }

  // ---- the leaf ------------------------------------------------------------------------------

  static boolean isFull(long[] leaf) {
    return RangeNodes.count(leaf) == CAPACITY;
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

  private static int slot(long[] leaf, int index) {
    return (int) ((leaf[ORDER] >>> (SLOT_BITS * index)) & SLOT_MASK);
  }

  private static int range(long[] leaf, int index) {
    return RANGES + RANGE_WORDS * slot(leaf, index);
  }

  static long first(long[] leaf, int index) {
    return leaf[FIRSTS + slot(leaf, index)];
  }

  static long last(long[] leaf, int index) {
    return leaf[range(leaf, index) + LAST];
  }

  static long offset(long[] leaf, int index) {
    return leaf[range(leaf, index) + OFFSET];
  }

  static long info(long[] leaf, int index) {
    return leaf[range(leaf, index) + INFO];
  }

  static void setLast(long[] leaf, int index, long last) {
    leaf[range(leaf, index) + LAST] = last;
  }

  static void setInfo(long[] leaf, int index, long info) {
    leaf[range(leaf, index) + INFO] = info;
  }

  /**
   * The number of ranges that begin at or below an address. Halves are compared, whose difference
   * has a sign to be counted by, and then the one or two that have the same. (A loop over the slots
   * takes C2 twice as long: {@code AddressSpaces.page}.)
   */
  static int countUpTo(long[] leaf, long address) {
    long half = address >>> 1;
    long below =
        isBelow(leaf[FIRSTS], half)
            + isBelow(leaf[FIRSTS + 1], half)
            + isBelow(leaf[FIRSTS + 2], half)
            + isBelow(leaf[FIRSTS + 3], half)
            + isBelow(leaf[FIRSTS + 4], half)
            + isBelow(leaf[FIRSTS + 5], half)
            + isBelow(leaf[FIRSTS + 6], half)
            + isBelow(leaf[FIRSTS + 7], half);
    int index = (int) below;
    int count = RangeNodes.count(leaf);
    while (index < count && Long.compareUnsigned(first(leaf, index), address) <= 0) {
      index++;
    }
    return index;
  }

  /** 1 or 0. */
  private static long isBelow(long first, long half) {
    return ((first >>> 1) - half) >>> (Long.SIZE - 1);
  }

  /** Puts a range at an index, before the one that is there; the leaf is not full. */
  static void insert(long[] leaf, int index, long first, long last, long offset, long info) {
    int count = RangeNodes.count(leaf);
    long order = leaf[ORDER];
    int end = SLOT_BITS * count;
    long slot = (order >>> end) & SLOT_MASK;
    int at = SLOT_BITS * index;
    long moved = (-1L << at) & ~((-1L << end) << SLOT_BITS);
    long above = (order << SLOT_BITS) & moved & ~(SLOT_MASK << at);
    leaf[ORDER] = (order & ~moved) | above | (slot << at);
    leaf[FIRSTS + (int) slot] = first;
    int range = RANGES + RANGE_WORDS * (int) slot;
    leaf[range + LAST] = last;
    leaf[range + OFFSET] = offset;
    leaf[range + INFO] = info;
    RangeNodes.setCount(leaf, count + 1);
  }

  static void remove(long[] leaf, int index) {
    int left = RangeNodes.count(leaf) - 1;
    long order = leaf[ORDER];
    int at = SLOT_BITS * index;
    int end = SLOT_BITS * left;
    long slot = (order >>> at) & SLOT_MASK;
    long moved = (-1L << at) & ~((-1L << end) << SLOT_BITS);
    long below = (order >>> SLOT_BITS) & moved & ~(SLOT_MASK << end);
    leaf[ORDER] = (order & ~moved) | below | (slot << end);
    leaf[FIRSTS + (int) slot] = FREE;
    RangeNodes.setCount(leaf, left);
  }

  /** Moves all ranges from an index on behind those of another leaf. */
  static void moveTo(long[] leaf, int index, long[] target) {
    int count = RangeNodes.count(leaf);
    for (int i = index; i < count; i++) {
      int end = RangeNodes.count(target);
      insert(target, end, first(leaf, i), last(leaf, i), offset(leaf, i), info(leaf, i));
    }
    for (int i = count - 1; i >= index; i--) {
      remove(leaf, i);
    }
  }
}
