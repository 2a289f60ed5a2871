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
 * long it was when it was profiled. Each is a method of its own: where C2 compiles a method before
 * one of its parts has come to be used, it leaves all that this part calls as calls ({@code bench
 * --stability}, a fit: 560 and 450 ns). Words are therefore read and written by the JDK's own
 * methods, which C2 inlines even there, and not by shorter ones of ours (compare 16 replicas, in
 * one JVM of 180: 32 and 9.5 ns).
 *
 * <p>Between a long loop and whoever calls the kernel lies a method of over 325 bytes, which is the
 * most that C2 inlines. Inlined into what calls it, a loop may lie so deep that C2 leaves the JDK's
 * check of each word's alignment as a call, and makes no vectors of it: one JVM of a hundred took
 * four times as long (benchmark {@code ShareUnshare}: 2.1 and 0.5 µs). The replicas of a leaf are
 * as long a method, so that they are a call everywhere. What luck remains is the JDK's own: plain
 * access ends in its {@code Unsafe.putLongUnaligned} and {@code getLongUnaligned}, which C2 inlines
 * only if their profile says that they are called often.
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

  static boolean isAligned(long offset) {
    return offset % Long.BYTES == 0;
  }

  /** Whether a step is one that {@link LongRuns} know: every size of a leaf is, and 0. */
  static boolean isShift(long step) {
    return (step & (step - 1)) == 0;
  }

  /** What {@link LongRuns} shift an index right by, so that a step of 0 is one. */
  private static int replicasLog2(long step, int replicasLog2) {
    return step == 0 ? ALL_REPLICAS_LOG2 : replicasLog2;
  }

  private static long value(long first, long step, int index, int replicasLog2) {
    return first + (index >> replicasLog2) * step;
  }

  /** Short enough for C2 to inline it everywhere, so that a few replicas are one call at most. */
  @Override
  public void fill(
      MemorySegment segment, long offset, int count, long first, long step, int replicasLog2) {
    if (areFewOfOne(count, replicasLog2)) {
      replicateShort(segment, offset, count, first);
      return;
    }
    fillMany(segment, offset, count, first, step, replicasLog2);
  }

  /** Whether all are replicas of one value, and not for {@link LongRuns}. */
  private static boolean areFewOfOne(int count, int replicasLog2) {
    return count < LEAST && count <= 1 << replicasLog2;
  }

  private static void fillMany(
      MemorySegment segment, long offset, int count, long first, long step, int replicasLog2) {
    assert isAligned(offset);
    if (LongRuns.canFill(count, step, replicasLog2)) {
      LongRuns.fill(segment, offset, count, first, step, replicasLog2);
    } else {
      fillShort(segment, offset, count, first, step, replicasLog2);
    }
  }

  private static void fillShort(
      MemorySegment segment, long offset, int count, long first, long step, int replicasLog2) {
    if (replicasLog2 == 0) {
      long value = first;
      for (int i = 0; i < count; i++) {
        segment.set(WORD, offset + 8L * i, value);
        value += step;
      }
    } else {
      for (int i = 0; i < count; i++) {
        segment.set(WORD, offset + 8L * i, value(first, step, i, replicasLog2));
      }
    }
  }

  @Override
  public void replicate(MemorySegment segment, long offset, int count, long value) {
    if (count < LEAST) {
      replicateShort(segment, offset, count, value);
    } else {
      LongRuns.fill(segment, offset, count, value, 0, 0);
    }
  }

  /**
   * Eight at a time: the replicas of a sized leaf are 16, 32 and so on. Too long for C2 to inline,
   * for which the asserts care.
   */
  private static void replicateShort(MemorySegment segment, long offset, int count, long value) {
    assert isAligned(offset) : "a multiple of 8, not %d".formatted(offset);
    assert 0 <= count && count < LEAST : "up to %d words, not %d".formatted(LEAST - 1, count);
    assert offset + 8L * count <= segment.byteSize()
        : "%d words at %d of %d bytes".formatted(count, offset, segment.byteSize());
    int i = 0;
    for (; i + 8 <= count; i += 8) {
      long at = offset + 8L * i;
      segment.set(WORD, at, value);
      segment.set(WORD, at + 8, value);
      segment.set(WORD, at + 16, value);
      segment.set(WORD, at + 24, value);
      segment.set(WORD, at + 32, value);
      segment.set(WORD, at + 40, value);
      segment.set(WORD, at + 48, value);
      segment.set(WORD, at + 56, value);
    }
    for (; i < count; i++) {
      segment.set(WORD, offset + 8L * i, value);
    }
  }

  @Override
  public void zero(MemorySegment segment, long offset, int count) {
    replicate(segment, offset, count, 0);
  }

  @Override
  public boolean anyHas(MemorySegment segment, long offset, int count, long mask) {
    assert isAligned(offset);
    return count < LEAST
        ? anyOfFewHas(segment, offset, count, mask)
        : anyOfManyHas(segment, offset, count, mask);
  }

  /** Eight words a round (benchmark {@code SizedLeaves}, map 64K: 35 and 32 ns). */
  private static boolean anyOfFewHas(MemorySegment segment, long offset, int count, long mask) {
    int i = 0;
    for (; i + 8 <= count; i += 8) {
      long at = offset + 8L * i;
      long bits =
          segment.get(WORD, at)
              | segment.get(WORD, at + 8)
              | segment.get(WORD, at + 16)
              | segment.get(WORD, at + 24)
              | segment.get(WORD, at + 32)
              | segment.get(WORD, at + 40)
              | segment.get(WORD, at + 48)
              | segment.get(WORD, at + 56);
      if ((bits & mask) != 0) {
        return true;
      }
    }
    for (; i < count; i++) {
      if ((segment.get(WORD, offset + 8L * i) & mask) != 0) {
        return true;
      }
    }
    return false;
  }

  /** A table in use has some at one end most of the time. */
  private static boolean anyOfManyHas(MemorySegment segment, long offset, int count, long mask) {
    return ((segment.get(WORD, offset) | segment.get(WORD, offset + 8L * (count - 1))) & mask) != 0
        || (LongRuns.or(segment, offset, count) & mask) != 0;
  }

  @Override
  public int countAny(MemorySegment segment, long offset, int count, long mask) {
    assert isAligned(offset);
    return count < LEAST
        ? countFew(segment, offset, count, mask)
        : LongRuns.countAny(segment, offset, count, mask);
  }

  private static int countFew(MemorySegment segment, long offset, int count, long mask) {
    int found = 0;
    for (int i = 0; i < count; i++) {
      found += (segment.get(WORD, offset + 8L * i) & mask) != 0 ? 1 : 0;
    }
    return found;
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
    assert isAligned(offset) : "a multiple of 8, not %d".formatted(offset);
    assert offset + 8L * count <= segment.byteSize()
        : "%d words at %d of %d bytes".formatted(count, offset, segment.byteSize());
    if (1 < count && areFewOfOne(count, replicasLog2)) {
      return replicaBits(segment, offset, count, first, ignored);
    }
    boolean canStepsChangeIgnored = Long.compareUnsigned(ignored, step - 1) > 0;
    if (count < LEAST || !isShift(step) || canStepsChangeIgnored) {
      return fewProgressionBits(segment, offset, count, first, step, replicasLog2, ignored);
    }
    // most tables that are none show it at once
    long last = value(first, step, count - 1, replicasLog2);
    long differences =
        (segment.get(WORD, offset) ^ first) | (segment.get(WORD, offset + 8L * (count - 1)) ^ last);
    if ((differences & ~ignored) != 0) {
      return NO_PROGRESSION;
    }
    int replicas = replicasLog2(step, replicasLog2);
    int stepLog2 = Long.numberOfTrailingZeros(step);
    long bits = 0;
    for (int i = 0; i < count && bits != NO_PROGRESSION; i += BLOCK) {
      int words = Math.min(BLOCK, count - i);
      long at = offset + 8L * i;
      long value = value(first, step, i, replicasLog2);
      bits |= // all bits if it is none
          words == BLOCK
              ? LongRuns.blockProgressionBits(segment, at, value, stepLog2, replicas, ignored)
              : LongRuns.progressionBits(segment, at, words, value, stepLog2, replicas, ignored);
    }
    return bits;
  }

  private static long fewProgressionBits(
      MemorySegment segment,
      long offset,
      int count,
      long first,
      long step,
      int replicasLog2,
      long ignored) {
    long bits = 0;
    for (int i = 0; i < count; i++) {
      long word = segment.get(WORD, offset + 8L * i);
      if (((word ^ value(first, step, i, replicasLog2)) & ~ignored) != 0) {
        return NO_PROGRESSION;
      }
      bits |= word;
    }
    return bits & ignored;
  }

  /** Of one value everywhere, eight words at a time as {@link #replicateShort} writes them. */
  private static long replicaBits(
      MemorySegment segment, long offset, int count, long value, long ignored) {
    assert count < LEAST : "up to %d words, not %d".formatted(LEAST - 1, count);
    long any = 0;
    long all = -1;
    int i = 0;
    for (; i + 8 <= count; i += 8) {
      long at = offset + 8L * i;
      long a = segment.get(WORD, at);
      long b = segment.get(WORD, at + 8);
      long c = segment.get(WORD, at + 16);
      long d = segment.get(WORD, at + 24);
      long e = segment.get(WORD, at + 32);
      long f = segment.get(WORD, at + 40);
      long g = segment.get(WORD, at + 48);
      long h = segment.get(WORD, at + 56);
      any |= a | b | c | d | e | f | g | h;
      all &= a & b & c & d & e & f & g & h;
    }
    for (; i < count; i++) {
      long word = segment.get(WORD, offset + 8L * i);
      any |= word;
      all &= word;
    }
    long differences = (any ^ value) | (all ^ value);
    return (differences & ~ignored) != 0 ? NO_PROGRESSION : any & ignored;
  }

  @Override
  public long or(MemorySegment segment, long offset, int count) {
    assert isAligned(offset);
    return count < LEAST ? orFew(segment, offset, count) : LongRuns.or(segment, offset, count);
  }

  private static long orFew(MemorySegment segment, long offset, int count) {
    long bits = 0;
    for (int i = 0; i < count; i++) {
      bits |= segment.get(WORD, offset + 8L * i);
    }
    return bits;
  }

  @Override
  public void gather(
      MemorySegment segment, long offset, int count, long mask, GatheredBits found, int place) {
    assert isAligned(offset) && Long.bitCount(mask) == 1;
    if (count == TABLE_WORDS) {
      gatherTable(segment, offset, mask, found, place);
      return;
    }
    for (int from = 0; from < count; from += Long.SIZE) {
      int run = Math.min(Long.SIZE, count - from);
      found.set(place + from, gatherShort(segment, offset + 8L * from, run, mask));
    }
  }

  /**
   * Many tables have none. Whether any has is a sum, which C2 makes vectors of to the last words;
   * flags it does not, and whether the processor foresees where their last loop ends is luck
   * ({@code bench --stability}, a clean table: 51 and 34 ns in the worst JVM).
   */
  private static void gatherTable(
      MemorySegment segment, long offset, long mask, GatheredBits found, int place) {
    if (anyOfManyHas(segment, offset, TABLE_WORDS, mask)) {
      int half = TABLE_WORDS / 2;
      long upper = offset + 8L * half;
      LongRuns.gather(segment, offset, upper, half, mask, found, place, place + half);
    } else {
      found.clearTable(place);
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
      found |= ((segment.get(WORD, offset + 8L * i) & mask) != 0 ? 1L : 0L) << i;
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
      long at = offset + 8L * REGION_WORDS * region;
      long first = bits.get(WORD, at);
      long differences =
          (bits.get(WORD, at + 8) ^ first)
              | (bits.get(WORD, at + 16) ^ first)
              | (bits.get(WORD, at + 24) ^ first)
              | (bits.get(WORD, at + 32) ^ first)
              | (bits.get(WORD, at + 40) ^ first)
              | (bits.get(WORD, at + 48) ^ first)
              | (bits.get(WORD, at + 56) ^ first);
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
