package dev.cleave.engine.kernel;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.kernel.PlainKernels.WORD;
import static dev.cleave.engine.kernel.PlainKernels.isAligned;
import static dev.cleave.engine.kernel.PlainKernels.isShift;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Loops over {@value #LEAST} words and more, each in a form that C2 makes vectors of.
 *
 * <p>What that form is, as the compiler of JDK 25 has it:
 *
 * <ul>
 *   <li>No early end, and nothing carried from one round to the next but a sum. A progression is
 *       therefore read from a table of indexes instead of being added up.
 *   <li>More vector operations than sums; loads count. A loop that only loads and sums up stays
 *       scalar, so that {@link #or} takes two words a round, half a run apart, by offsets of their
 *       own: an index that is a sum keeps it scalar (benchmark {@code TableKernelShapes.or} with
 *       256 words: 59 and 16 ns).
 *   <li>Shifts instead of products: AVX2 has none of eight bytes.
 *   <li>Runs that are long every time. C2 makes no vectors of a loop that its profile knows to be
 *       left after a few rounds, so that shorter runs must not come here.
 * </ul>
 *
 * <p>Where a compiler makes no vectors of them, they are loops. Stateless and thread-safe.
 */
final class LongRuns {
  /** Words that a run has at least. */
  static final int LEAST = 64;

  /** Words that a progression has at most. */
  static final int BLOCK = 512;

  /**
   * Short, so that loads from it lie in other places of a page than the stores beside them: the
   * processor takes those that do not for loads of what is being stored, and where long indexes lie
   * is up to the heap.
   */
  private static final short[] INDEX = new short[BLOCK];

  /** Eight flags. */
  private static final VarHandle FLAGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  /** What makes eight flags, which are 0 or 1, the eight upper bits of the product. */
  private static final long FLAGS_TO_BITS = 0x0102_0408_1020_4080L;

  static {
    for (int i = 0; i < BLOCK; i++) {
      INDEX[i] = (short) i;
    }
  }

  private LongRuns() {}

  /** Whether a progression is one for {@link #fill}, as that of all leaves is: see there. */
  static boolean canFill(int count, long step, int replicasLog2) {
    return count >= LEAST && isShift(step) && (step == 0 || step >>> replicasLog2 != 0);
  }

  /**
   * Word {@code i} becomes {@code first + (i >> replicasLog2) * step}. A step is 0, or a power of 2
   * that is not below the number of replicas: what a slot has of a leaf is one, too.
   *
   * <p>Every loop is a method of its own, so that none shares what the compiler learns of it, and
   * is called from nowhere else than here: C2 inlines nothing that is as long as this, for which
   * the asserts care ({@link PlainKernels}).
   */
  static void fill(
      MemorySegment segment, long offset, int count, long first, long step, int replicasLog2) {
    assert isAligned(offset) : "a multiple of 8, not %d".formatted(offset);
    assert count >= LEAST : "a run of at least %d words, not %d".formatted(LEAST, count);
    assert offset + 8L * count <= segment.byteSize()
        : "%d words at %d of %d bytes".formatted(count, offset, segment.byteSize());
    assert 0 <= replicasLog2 && replicasLog2 <= 30 : "0 to 30, not %d".formatted(replicasLog2);
    assert canFill(count, step, replicasLog2)
        : "a step that is a power of 2 from 2^%d on, not %d".formatted(replicasLog2, step);
    if (step == 0 || count <= 1 << replicasLog2) {
      replicate(segment, offset, count, first);
      return;
    }
    int slotLog2 = Long.numberOfTrailingZeros(step) - replicasLog2;
    for (int i = 0; i < count; i += BLOCK) {
      long at = offset + 8L * i;
      long base = first + (((long) i << slotLog2) & -step);
      int words = Math.min(BLOCK, count - i);
      if (slotLog2 == PAGE_LOG2) {
        fillPages(segment, at, words, base, -step);
      } else {
        fillSlots(segment, at, words, base, -step, slotLog2);
      }
    }
  }

  private static void replicate(MemorySegment segment, long offset, int count, long value) {
    for (int i = 0; i < count; i++) {
      segment.set(WORD, offset + 8L * i, value);
    }
  }

  /**
   * Leaves whose slots have a page each, as most have: a shift by a constant leaves no count to be
   * loaded for each vector ({@code bench --stability}, write a table: 48 and 33 ns in the worst
   * JVM).
   *
   * @param mask of what one leaf's slots have in common
   */
  private static void fillPages(
      MemorySegment segment, long offset, int count, long first, long mask) {
    for (int i = 0; i < count; i++) {
      segment.set(WORD, offset + 8L * i, first + (((long) INDEX[i] << PAGE_LOG2) & mask));
    }
  }

  private static void fillSlots(
      MemorySegment segment, long offset, int count, long first, long mask, int slotLog2) {
    for (int i = 0; i < count; i++) {
      segment.set(WORD, offset + 8L * i, first + (((long) INDEX[i] << slotLog2) & mask));
    }
  }

  private static long value(int index, int stepLog2, int replicasLog2) {
    return (long) INDEX[index] >>> replicasLog2 << stepLog2;
  }

  /** All words, one with the other. As long as {@link #fill}, and for the same reason. */
  static long or(MemorySegment segment, long offset, int count) {
    long bytes = segment.byteSize();
    assert isAligned(offset)
        : "a multiple of 8, not %d, for %d words of %d bytes".formatted(offset, count, bytes);
    assert offset >= 0
        : "an offset from 0 on, not %d, for %d words of %d bytes".formatted(offset, count, bytes);
    assert count >= LEAST
        : "at least %d words, not %d, at %d of %d bytes".formatted(LEAST, count, offset, bytes);
    assert offset + 8L * count <= bytes
        : "%d words at %d of %d bytes".formatted(count, offset, bytes);
    int half = count >>> 1;
    long upper = offset + 8L * half;
    long found = segment.get(WORD, offset + 8L * (count - 1));
    for (int i = 0; i < half; i++) {
      found |= segment.get(WORD, offset + 8L * i) | segment.get(WORD, upper + 8L * i);
    }
    return found;
  }

  /** Words that have any bit of a mask. As long as {@link #fill}, and for the same reason. */
  static int countAny(MemorySegment segment, long offset, int count, long mask) {
    long bytes = segment.byteSize();
    assert isAligned(offset)
        : "a multiple of 8, not %d, for %d words of %d bytes, mask=0x%x"
            .formatted(offset, count, bytes, mask);
    assert offset >= 0
        : "an offset from 0 on, not %d, for %d words of %d bytes, mask=0x%x"
            .formatted(offset, count, bytes, mask);
    assert count >= LEAST
        : "at least %d words, not %d, at %d of %d bytes, mask=0x%x"
            .formatted(LEAST, count, offset, bytes, mask);
    assert offset + 8L * count <= bytes
        : "%d words at %d of %d bytes, mask=0x%x".formatted(count, offset, bytes, mask);
    if (Long.bitCount(mask) == 1) {
      return countBit(segment, offset, count, Long.numberOfTrailingZeros(mask));
    }
    long found = 0;
    for (int i = 0; i < count; i++) {
      long bits = segment.get(WORD, offset + 8L * i) & mask;
      found += (bits | -bits) >>> (Long.SIZE - 1);
    }
    return (int) found;
  }

  private static int countBit(MemorySegment segment, long offset, int count, int bit) {
    long found = 0;
    for (int i = 0; i < count; i++) {
      found += segment.get(WORD, offset + 8L * i) >>> bit & 1;
    }
    return (int) found;
  }

  /**
   * Of the progression that {@link #fill} would have written. No ignored bit is one that a step can
   * change, so that the ignored bits of a word differ from none just where it has them.
   */
  static long progressionBits(
      MemorySegment segment,
      long offset,
      int count,
      long first,
      int stepLog2,
      int replicasLog2,
      long ignored) {
    long from = first & ~ignored;
    long differences = 0;
    for (int i = 0; i < count; i++) {
      differences |= segment.get(WORD, offset + 8L * i) ^ (from + value(i, stepLog2, replicasLog2));
    }
    return (differences & ~ignored) != 0 ? TableKernels.NO_PROGRESSION : differences;
  }

  /**
   * The same of {@value #BLOCK} words, two a round as in {@link #or} (benchmark {@code
   * TableKernelShapes.progressionBits}: 51 and 36 ns). Half as many words would be too few rounds.
   */
  static long blockProgressionBits(
      MemorySegment segment,
      long offset,
      long first,
      int stepLog2,
      int replicasLog2,
      long ignored) {
    int half = BLOCK / 2;
    long upper = offset + 8L * half;
    long from = first & ~ignored;
    long upperFrom = from + value(half, stepLog2, replicasLog2);
    long differences = 0;
    for (int i = 0; i < half; i++) {
      long value = value(i, stepLog2, replicasLog2);
      differences |=
          (segment.get(WORD, offset + 8L * i) ^ (from + value))
              | (segment.get(WORD, upper + 8L * i) ^ (upperFrom + value));
    }
    return (differences & ~ignored) != 0 ? TableKernels.NO_PROGRESSION : differences;
  }

  /**
   * Of two runs of whole groups of 64 words, piece by piece: a flag for each pair of words, and
   * where one is set, which few are, a look at both. Where that is, is found out before: a branch
   * for each group would be foreseen by nobody (benchmark {@code DirtySweep}, 0.1 % dirty: 1.65 and
   * 1.60 times reading).
   */
  static void gather(
      MemorySegment segment,
      long first,
      long second,
      int count,
      long mask,
      GatheredBits found,
      int firstPlace,
      int secondPlace) {
    assert count % Long.SIZE == 0 : "groups of 64 words, not %d".formatted(count);
    int bit = Long.numberOfTrailingZeros(mask);
    byte[] flags = found.flags;
    for (int i = 0; i < count; i += GatheredBits.PIECE) {
      int words = Math.min(GatheredBits.PIECE, count - i);
      flagPairs(segment, first + 8L * i, second + 8L * i, words, bit, flags);
      long groups = 0;
      for (int k = 0; k < words / Long.SIZE; k++) {
        int at = k * Long.SIZE;
        long any =
            eight(flags, at)
                | eight(flags, at + 8)
                | eight(flags, at + 16)
                | eight(flags, at + 24)
                | eight(flags, at + 32)
                | eight(flags, at + 40)
                | eight(flags, at + 48)
                | eight(flags, at + 56);
        groups |= (any | -any) >>> (Long.SIZE - 1) << k;
        found.set(firstPlace + i + at, 0);
        found.set(secondPlace + i + at, 0);
      }
      for (long left = groups; left != 0; left &= left - 1) {
        int at = Long.numberOfTrailingZeros(left) * Long.SIZE;
        long pairs = bits(flags, at);
        at += i;
        tell(segment, first, second, at, bit, pairs, found, firstPlace + at, secondPlace + at);
      }
    }
  }

  /** Of pairs of 64 words each: which of both it is. */
  private static void tell(
      MemorySegment segment,
      long first,
      long second,
      int index,
      int bit,
      long pairs,
      GatheredBits found,
      int firstPlace,
      int secondPlace) {
    long ofFirst = 0;
    long ofSecond = 0;
    for (long left = pairs; left != 0; left &= left - 1) {
      int at = Long.numberOfTrailingZeros(left);
      long behind = 8L * (index + at);
      ofFirst |= (segment.get(WORD, first + behind) >>> bit & 1) << at;
      ofSecond |= (segment.get(WORD, second + behind) >>> bit & 1) << at;
    }
    found.set(firstPlace, ofFirst);
    found.set(secondPlace, ofSecond);
  }

  private static void flagPairs(
      MemorySegment segment, long first, long second, int count, int bit, byte[] flags) {
    for (int i = 0; i < count; i++) {
      long both = segment.get(WORD, first + 8L * i) | segment.get(WORD, second + 8L * i);
      flags[i] = (byte) (both >>> bit & 1);
    }
  }

  private static long eight(byte[] flags, int index) {
    return (long) FLAGS.get(flags, index);
  }

  /** A bit for each of 64 flags. */
  private static long bits(byte[] flags, int index) {
    long bits = 0;
    for (int k = 0; k < Long.SIZE; k += Byte.SIZE) {
      long product = eight(flags, index + k) * FLAGS_TO_BITS;
      bits |= product >>> (Long.SIZE - Byte.SIZE) << k;
    }
    return bits;
  }
}
