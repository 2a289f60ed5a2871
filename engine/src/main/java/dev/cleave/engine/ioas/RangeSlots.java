package dev.cleave.engine.ioas;

import static dev.cleave.engine.ioas.RangeLeaf.CONTENT;
import static dev.cleave.engine.ioas.RangeLeaf.ORDER;

/**
 * What a {@link RangeLeaf} of ranges of any kind holds: up to 8, each in a slot that it keeps.
 *
 * <pre>
 *   0   firsts           first address of the range in each slot, all ones in a free one
 *   8   last             of the range in slot 0, its last address
 *   9   offset           first word of its owner's
 *  10   info             second word
 *  11   ...              the same for slots 1 to 7
 * </pre>
 *
 * <p>The leaf's order has the slot of each range, four bits each, ascending; then the free slots. A
 * range that comes or goes moves no other, and the search compares all slots without a branch that
 * could be guessed wrong. Functions of their arguments.
 */
final class RangeSlots {
  static final int CAPACITY = 8;

  private static final int FIRSTS = CONTENT;
  private static final int RANGES = FIRSTS + CAPACITY;
  private static final int RANGE_WORDS = 3;
  static final int WORDS = CAPACITY + RANGE_WORDS * CAPACITY;

  private static final int LAST = 0;
  private static final int OFFSET = 1;
  private static final int INFO = 2;

  private static final long ASCENDING = 0x7654_3210L;
  private static final int SLOT_BITS = 4;
  private static final long SLOT_MASK = CAPACITY - 1;
  private static final long FREE = -1L;

  private RangeSlots() {}

  static void clear(long[] leaf) {
    leaf[ORDER] = ASCENDING;
    for (int slot = 0; slot < CAPACITY; slot++) {
      leaf[FIRSTS + slot] = FREE;
    }
  }

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

  /** Whether the range at an index is just these addresses. */
  static boolean isRange(long[] leaf, int index, long first, long last) {
    return first(leaf, index) == first && last(leaf, index) == last;
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

  /** Puts a range at an index, before the one that is there; the leaf has a slot left. */
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
  }
}
