package dev.cleave.engine.ioas;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A node of a {@link RangeTree}.
 *
 * <pre>
 *   inner   lows      the lowest address that may lie below each child; of the first, any
 *           children
 *   leaf    words     the first addresses of its ranges, then last, offset and info of each
 *           next, previous
 *   both    gapBound  no hole before a range below is longer
 * </pre>
 *
 * <p>A low stays when the first range behind it goes, so it may lie below that of every range
 * there. {@code gapBound} is an upper bound as well: it grows at once when a hole does, and falls
 * when somebody has looked.
 */
abstract sealed class RangeNode {
  int count;
  @Nullable Inner parent;
  long gapBound;

  /** How many it can have. */
  abstract int capacity();

  boolean isFull() {
    return count == capacity();
  }

  boolean isAlmostEmpty() {
    return count < capacity() / 4;
  }

  /** Whether it could take all that a sibling has, and have room for more. */
  boolean hasRoomFor(RangeNode sibling) {
    return count + sibling.count <= capacity() * 3 / 4;
  }

  static <T> T known(@Nullable T value) {
    return Objects.requireNonNull(value);
  }

  /** Ranges. Few, since those behind one that comes or goes are moved. */
  static final class Leaf extends RangeNode {
    private static final int CAPACITY = 16;
    private static final int RANGE_WORDS = 3;
    private static final int LAST = 0;
    private static final int OFFSET = 1;
    private static final int INFO = 2;

    private final long[] words = new long[CAPACITY * (1 + RANGE_WORDS)];
    @Nullable Leaf previous;
    @Nullable Leaf next;

    @Override
    int capacity() {
      return CAPACITY;
    }

    private static int at(int index, int word) {
      return CAPACITY + RANGE_WORDS * index + word;
    }

    long first(int index) {
      return words[index];
    }

    long last(int index) {
      return words[at(index, LAST)];
    }

    long offset(int index) {
      return words[at(index, OFFSET)];
    }

    long info(int index) {
      return words[at(index, INFO)];
    }

    void setLast(int index, long last) {
      words[at(index, LAST)] = last;
    }

    void set(int index, long first, long last, long offset, long info) {
      words[index] = first;
      words[at(index, LAST)] = last;
      words[at(index, OFFSET)] = offset;
      words[at(index, INFO)] = info;
    }

    /** The number of ranges that begin at or below an address. */
    int countUpTo(long address) {
      int low = 0;
      int high = count;
      while (low < high) {
        int middle = (low + high) >>> 1;
        if (Long.compareUnsigned(words[middle], address) <= 0) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      return low;
    }

    /** Whether the range that begins at or below an address in this leaf, if any, is here. */
    boolean has(long address) {
      return count > 0
          && Long.compareUnsigned(words[0], address) <= 0
          && (next == null || Long.compareUnsigned(address, words[count - 1]) <= 0);
    }

    void move(int from, Leaf target, int to, int length) {
      System.arraycopy(words, from, target.words, to, length);
      System.arraycopy(words, at(from, LAST), target.words, at(to, LAST), RANGE_WORDS * length);
    }
  }

  /** Other nodes. */
  static final class Inner extends RangeNode {
    private static final int CAPACITY = 64;

    private final long[] lows = new long[CAPACITY];
    private final @Nullable RangeNode[] children = new RangeNode[CAPACITY];

    @Override
    int capacity() {
      return CAPACITY;
    }

    RangeNode child(int index) {
      return known(children[index]);
    }

    long low(int index) {
      return lows[index];
    }

    void setLow(int index, long low) {
      lows[index] = low;
    }

    void set(int index, long low, RangeNode child) {
      lows[index] = low;
      children[index] = child;
      child.parent = this;
    }

    RangeNode childFor(long address) {
      int low = 1;
      int high = count;
      while (low < high) {
        int middle = (low + high) >>> 1;
        if (Long.compareUnsigned(lows[middle], address) <= 0) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      return child(low - 1);
    }

    int indexOf(RangeNode node) {
      int index = 0;
      while (children[index] != node) {
        index++;
      }
      return index;
    }

    void move(int from, Inner target, int to, int length) {
      System.arraycopy(lows, from, target.lows, to, length);
      System.arraycopy(children, from, target.children, to, length);
    }

    /** Forgets children from an index on. */
    void truncate(int length) {
      Arrays.fill(children, length, CAPACITY, null);
      count = length;
    }
  }
}
