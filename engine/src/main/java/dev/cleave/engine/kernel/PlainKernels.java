package dev.cleave.engine.kernel;

import static dev.cleave.engine.kernel.LongRuns.BLOCK;
import static dev.cleave.engine.kernel.LongRuns.LEAST;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The kernels as loops, which run everywhere and never make an object.
 *
 * <p>Short runs are dealt with here, word by word. Long ones are {@link LongRuns}, loops that C2
 * makes vectors of; the two have no loop in common, because how a loop is compiled depends on how
 * long it was when it was profiled.
 *
 * <p>The ways to the loops are long methods on purpose: C2 inlines none of over 325 bytes, so that
 * each is compiled as a unit of its own. Inlined into what calls it, a loop may lie so deep that C2
 * leaves the JDK's check of each word's alignment as a call, and makes no vectors of it: one JVM of
 * a hundred was four times as slow (benchmark {@code ShareUnshare}: 2 098 and 509 ns).
 *
 * <p>Stateless and thread-safe.
 */
final class PlainKernels implements TableKernels {
  /**
   * Offsets are aligned all the same, so that every access is one of eight bytes. A layout that
   * says so would have each access check it.
   */
  static final ValueLayout.OfLong WORD =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** As many replicas as make all words of a block one value. */
  private static final int ALL_REPLICAS_LOG2 = Long.SIZE - 1;

  /** What {@link #look} looks for. */
  private static final int ALL = 0;

  private static final int ANY = 1;
  private static final int COUNT = 2;

  static boolean isAligned(long offset) {
    return offset % Long.BYTES == 0;
  }

  static long word(MemorySegment segment, long offset, int index) {
    return segment.get(WORD, behind(offset, index));
  }

  static void setWord(MemorySegment segment, long offset, int index, long value) {
    segment.set(WORD, behind(offset, index), value);
  }

  static long behind(long offset, int index) {
    return offset + (long) index * Long.BYTES;
  }

  /** Whether a step is one that {@link LongRuns} know: every size of a leaf is, and 0. */
  private static boolean isShift(long step) {
    return (step & (step - 1)) == 0;
  }

  /** What {@link LongRuns} shift an index right by, so that a step of 0 is one. */
  private static int replicasLog2(long step, int replicasLog2) {
    return step == 0 ? ALL_REPLICAS_LOG2 : replicasLog2;
  }

  private static long value(long first, long step, int index, int replicasLog2) {
    return first + (index >> replicasLog2) * step;
  }

  @Override
  public void fill(
      MemorySegment segment, long offset, int count, long first, long step, int replicasLog2) {
    assert isAligned(offset);
    if (step == 0 || count <= 1 << replicasLog2) {
      if (count >= LEAST) {
        LongRuns.replicate(segment, offset, count, first);
        return;
      }
      int i = 0;
      for (; i + 8 <= count; i += 8) { // the replicas of a sized leaf are 16, 32 and so on
        setWord(segment, offset, i, first);
        setWord(segment, offset, i + 1, first);
        setWord(segment, offset, i + 2, first);
        setWord(segment, offset, i + 3, first);
        setWord(segment, offset, i + 4, first);
        setWord(segment, offset, i + 5, first);
        setWord(segment, offset, i + 6, first);
        setWord(segment, offset, i + 7, first);
      }
      for (; i < count; i++) {
        setWord(segment, offset, i, first);
      }
    } else if (count < LEAST || !isShift(step)) {
      if (replicasLog2 == 0) {
        long value = first;
        for (int i = 0; i < count; i++) {
          setWord(segment, offset, i, value);
          value += step;
        }
      } else {
        for (int i = 0; i < count; i++) {
          setWord(segment, offset, i, value(first, step, i, replicasLog2));
        }
      }
    } else {
      int stepLog2 = Long.numberOfTrailingZeros(step);
      for (int i = 0; i < count; i += BLOCK) {
        int words = Math.min(BLOCK, count - i);
        long at = behind(offset, i);
        long value = value(first, step, i, replicasLog2);
        if (words == BLOCK) {
          LongRuns.fillBlock(segment, at, value, stepLog2, replicasLog2);
        } else {
          LongRuns.fill(segment, at, words, value, stepLog2, replicasLog2);
        }
      }
    }
  }

  @Override
  public void replicate(MemorySegment segment, long offset, int count, long value) {
    fill(segment, offset, count, value, 0, 0);
  }

  @Override
  public void zero(MemorySegment segment, long offset, int count) {
    fill(segment, offset, count, 0, 0, 0);
  }

  @Override
  public boolean anyHas(MemorySegment segment, long offset, int count, long mask) {
    return look(segment, offset, count, mask, ANY) != 0;
  }

  @Override
  public int countAny(MemorySegment segment, long offset, int count, long mask) {
    return (int) look(segment, offset, count, mask, COUNT);
  }

  @Override
  public long or(MemorySegment segment, long offset, int count) {
    return look(segment, offset, count, -1, ALL);
  }

  /**
   * Looks at the bits of a mask.
   *
   * @param what {@link #ALL} of them that any word has, or of those {@link #ANY} at all, or how
   *     many words to {@link #COUNT}
   */
  private static long look(MemorySegment segment, long offset, int count, long mask, int what) {
    assert isAligned(offset);
    if (what == COUNT) {
      if (count >= LEAST) {
        return Long.bitCount(mask) == 1
            ? LongRuns.countBit(segment, offset, count, Long.numberOfTrailingZeros(mask))
            : LongRuns.countAny(segment, offset, count, mask);
      }
      int found = 0;
      for (int i = 0; i < count; i++) {
        found += (word(segment, offset, i) & mask) != 0 ? 1 : 0;
      }
      return found;
    }
    if (count >= LEAST) {
      if (what == ANY) { // a table in use has some at one end most of the time
        long ends = word(segment, offset, 0) | word(segment, offset, count - 1);
        if ((ends & mask) != 0) {
          return ends & mask;
        }
      }
      return LongRuns.or(segment, offset, count) & mask;
    }
    long bits = 0;
    int i = 0;
    for (; i + 8 <= count && (what == ALL || bits == 0); i += 8) {
      bits |= word(segment, offset, i);
      bits |= word(segment, offset, i + 1);
      bits |= word(segment, offset, i + 2);
      bits |= word(segment, offset, i + 3);
      bits |= word(segment, offset, i + 4);
      bits |= word(segment, offset, i + 5);
      bits |= word(segment, offset, i + 6);
      bits |= word(segment, offset, i + 7);
      bits &= mask;
    }
    for (; i < count && (what == ALL || bits == 0); i++) {
      bits |= word(segment, offset, i) & mask;
    }
    return bits;
  }

  @Override
  public long progressionBits(
      MemorySegment segment,
      long offset,
      int count,
      long first,
      long step,
      int replicasLog2,
      long ignored) {
    assert isAligned(offset);
    if (1 < count && count < LEAST && count <= 1 << replicasLog2) {
      return replicaBits(segment, offset, count, first, ignored);
    }
    boolean canStepsChangeIgnored = Long.compareUnsigned(ignored, step - 1) > 0;
    if (count < LEAST || !isShift(step) || canStepsChangeIgnored) {
      long bits = 0;
      for (int i = 0; i < count; i++) {
        long word = word(segment, offset, i);
        if (((word ^ value(first, step, i, replicasLog2)) & ~ignored) != 0) {
          return NO_PROGRESSION;
        }
        bits |= word;
      }
      return bits & ignored;
    }
    // most tables that are none show it at once
    long last = value(first, step, count - 1, replicasLog2);
    long differences =
        (word(segment, offset, 0) ^ first) | (word(segment, offset, count - 1) ^ last);
    if ((differences & ~ignored) != 0) {
      return NO_PROGRESSION;
    }
    int replicas = replicasLog2(step, replicasLog2);
    int stepLog2 = Long.numberOfTrailingZeros(step);
    long bits = 0;
    for (int i = 0; i < count && bits != NO_PROGRESSION; i += BLOCK) {
      int words = Math.min(BLOCK, count - i);
      long at = behind(offset, i);
      long value = value(first, step, i, replicasLog2);
      bits |= // all bits if it is none
          words == BLOCK
              ? LongRuns.blockProgressionBits(segment, at, value, stepLog2, replicas, ignored)
              : LongRuns.progressionBits(segment, at, words, value, stepLog2, replicas, ignored);
    }
    return bits;
  }

  /** Of one value everywhere, eight words at a time as {@link #fill} writes them. */
  private static long replicaBits(
      MemorySegment segment, long offset, int count, long value, long ignored) {
    long any = 0;
    long all = -1;
    int i = 0;
    for (; i + 8 <= count; i += 8) {
      long a = word(segment, offset, i);
      long b = word(segment, offset, i + 1);
      long c = word(segment, offset, i + 2);
      long d = word(segment, offset, i + 3);
      long e = word(segment, offset, i + 4);
      long f = word(segment, offset, i + 5);
      long g = word(segment, offset, i + 6);
      long h = word(segment, offset, i + 7);
      any |= a | b | c | d | e | f | g | h;
      all &= a & b & c & d & e & f & g & h;
    }
    for (; i < count; i++) {
      long word = word(segment, offset, i);
      any |= word;
      all &= word;
    }
    long differences = (any ^ value) | (all ^ value);
    return (differences & ~ignored) != 0 ? NO_PROGRESSION : any & ignored;
  }

  @Override
  public void gather(
      MemorySegment segment, long offset, int count, long mask, GatheredBits found, int place) {
    assert isAligned(offset) && Long.bitCount(mask) == 1;
    if (count == TABLE_WORDS) {
      int half = TABLE_WORDS / 2;
      long upper = behind(offset, half);
      LongRuns.gather(segment, offset, upper, half, mask, found, place, place + half);
      return;
    }
    for (int from = 0; from < count; from += Long.SIZE) {
      int run = Math.min(Long.SIZE, count - from);
      found.set(place + from, gatherShort(segment, behind(offset, from), run, mask));
    }
  }

  @Override
  public void gatherTables(
      MemorySegment segment,
      long first,
      long second,
      int tables,
      long mask,
      GatheredBits found,
      int firstPlace,
      int secondPlace) {
    assert isAligned(first | second) && Long.bitCount(mask) == 1;
    int count = tables * TABLE_WORDS;
    LongRuns.gather(segment, first, second, count, mask, found, firstPlace, secondPlace);
  }

  /** A bit for each of 0 to 64 words, the lowest for the first. */
  static long gatherShort(MemorySegment segment, long offset, int count, long mask) {
    long found = 0;
    for (int i = 0; i < count; i++) {
      found |= ((word(segment, offset, i) & mask) != 0 ? 1L : 0L) << i;
    }
    return found;
  }

  /** What all words must be is the first, and that one or the other. Eight words, no loop. */
  @Override
  public long uniformRegions(
      MemorySegment bits, long offset, int regions, long whereSet, long whereClear) {
    assert isAligned(offset) && regions <= Long.SIZE;
    long counts = 0;
    for (int region = 0; region < regions; region++) {
      int at = region * REGION_WORDS;
      long first = word(bits, offset, at);
      long differences =
          (word(bits, offset, at + 1) ^ first)
              | (word(bits, offset, at + 2) ^ first)
              | (word(bits, offset, at + 3) ^ first)
              | (word(bits, offset, at + 4) ^ first)
              | (word(bits, offset, at + 5) ^ first)
              | (word(bits, offset, at + 6) ^ first)
              | (word(bits, offset, at + 7) ^ first);
      if (differences == 0) {
        counts |= ((first == -1 ? whereSet : 0) | (first == 0 ? whereClear : 0)) & 1L << region;
      }
    }
    return counts;
  }

  @Override
  public String toString() {
    return "plain";
  }
}
