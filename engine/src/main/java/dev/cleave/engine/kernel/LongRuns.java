package dev.cleave.engine.kernel;

import static dev.cleave.engine.kernel.PlainKernels.behind;
import static dev.cleave.engine.kernel.PlainKernels.setWord;
import static dev.cleave.engine.kernel.PlainKernels.word;

import java.lang.foreign.MemorySegment;

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
 *       own: an index that is a sum keeps it scalar (256 words in 70 instead of 16 ns).
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

  private static final long[] INDEX = new long[BLOCK];
  private static final long[] BIT = new long[Long.SIZE];

  static {
    for (int i = 0; i < BLOCK; i++) {
      INDEX[i] = i;
    }
    for (int i = 0; i < Long.SIZE; i++) {
      BIT[i] = 1L << i;
    }
  }

  private LongRuns() {}

  /** Word {@code i} becomes {@code first + (i >>> replicasLog2 << stepLog2)}. */
  static void fill(
      MemorySegment segment, long offset, int count, long first, int stepLog2, int replicasLog2) {
    for (int i = 0; i < count; i++) {
      setWord(segment, offset, i, first + (INDEX[i] >>> replicasLog2 << stepLog2));
    }
  }

  /** The same without replicas, which spares a shift of each word. */
  static void fillSingle(MemorySegment segment, long offset, int count, long first, int stepLog2) {
    for (int i = 0; i < count; i++) {
      setWord(segment, offset, i, first + (INDEX[i] << stepLog2));
    }
  }

  static void replicate(MemorySegment segment, long offset, int count, long value) {
    for (int i = 0; i < count; i++) {
      setWord(segment, offset, i, value);
    }
  }

  static long or(MemorySegment segment, long offset, int count) {
    int half = count >>> 1;
    long upper = behind(offset, half);
    long bits = word(segment, offset, count - 1);
    for (int i = 0; i < half; i++) {
      bits |= word(segment, offset, i) | word(segment, upper, i);
    }
    return bits;
  }

  /** Words that have one bit. */
  static int countBit(MemorySegment segment, long offset, int count, int bit) {
    long found = 0;
    for (int i = 0; i < count; i++) {
      found += word(segment, offset, i) >>> bit & 1;
    }
    return (int) found;
  }

  static int countAny(MemorySegment segment, long offset, int count, long mask) {
    long found = 0;
    for (int i = 0; i < count; i++) {
      long bits = word(segment, offset, i) & mask;
      found += (bits | -bits) >>> (Long.SIZE - 1);
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
      differences |= word(segment, offset, i) ^ (from + (INDEX[i] >>> replicasLog2 << stepLog2));
    }
    return beside(differences, ignored);
  }

  /** Of the progression that {@link #fillSingle} would have written. */
  static long progressionBitsSingle(
      MemorySegment segment, long offset, int count, long first, int stepLog2, long ignored) {
    long from = first & ~ignored;
    long differences = 0;
    for (int i = 0; i < count; i++) {
      differences |= word(segment, offset, i) ^ (from + (INDEX[i] << stepLog2));
    }
    return beside(differences, ignored);
  }

  private static long beside(long differences, long ignored) {
    return (differences & ~ignored) != 0 ? TableKernels.NO_PROGRESSION : differences;
  }

  /**
   * Whether none of {@value #LEAST} words has a bit of a mask. It takes eight words a round, since
   * a loop so short is not worth vectors.
   */
  static boolean isNone(MemorySegment segment, long offset, int index, long mask) {
    long bits = 0;
    for (int i = index; i < index + LEAST; i += 8) {
      bits |=
          word(segment, offset, i)
              | word(segment, offset, i + 1)
              | word(segment, offset, i + 2)
              | word(segment, offset, i + 3)
              | word(segment, offset, i + 4)
              | word(segment, offset, i + 5)
              | word(segment, offset, i + 6)
              | word(segment, offset, i + 7);
    }
    return (bits & mask) == 0;
  }

  /**
   * A bit for each of {@value #LEAST} words, the lowest for the first: 1 if it has one of a mask.
   */
  static long anyBits(MemorySegment segment, long offset, int index, long mask) {
    long found = 0;
    for (int i = 0; i < LEAST; i++) {
      long bits = word(segment, offset, index + i) & mask;
      found |= (bits | -bits) >> (Long.SIZE - 1) & BIT[i];
    }
    return found;
  }
}
