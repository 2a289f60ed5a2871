package dev.cleave.engine.kernel;

import static dev.cleave.engine.kernel.PlainKernels.behind;
import static dev.cleave.engine.kernel.PlainKernels.setWord;
import static dev.cleave.engine.kernel.PlainKernels.word;

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

  private static final long[] INDEX = new long[BLOCK];

  /** Eight flags. */
  private static final VarHandle FLAGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  /** What makes eight flags, which are 0 or 1, the eight upper bits of the product. */
  private static final long FLAGS_TO_BITS = 0x0102_0408_1020_4080L;

  static {
    for (int i = 0; i < BLOCK; i++) {
      INDEX[i] = i;
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

  static int whichHave(
      MemorySegment segment,
      long first,
      long second,
      long third,
      long fourth,
      int count,
      long mask) {
    long a = 0;
    long b = 0;
    long c = 0;
    long d = 0;
    for (int i = 0; i < count; i++) {
      a |= word(segment, first, i) & mask;
      b |= word(segment, second, i) & mask;
      c |= word(segment, third, i) & mask;
      d |= word(segment, fourth, i) & mask;
    }
    return (a != 0 ? 1 : 0) | (b != 0 ? 2 : 0) | (c != 0 ? 4 : 0) | (d != 0 ? 8 : 0);
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
    return (differences & ~ignored) != 0 ? TableKernels.NO_PROGRESSION : differences;
  }

  /** Of a whole table: a flag for each word, and then a bit for each flag. */
  static void gather(MemorySegment segment, long offset, long mask, GatheredBits found) {
    byte[] flags = found.flags;
    flag(segment, offset, Long.numberOfTrailingZeros(mask), flags);
    for (int i = 0; i < flags.length; i += Long.SIZE) {
      long bits = 0;
      for (int k = 0; k < Long.SIZE; k += Byte.SIZE) {
        long product = (long) FLAGS.get(flags, i + k) * FLAGS_TO_BITS;
        bits |= product >>> (Long.SIZE - Byte.SIZE) << k;
      }
      found.set(i, bits);
    }
  }

  private static void flag(MemorySegment segment, long offset, int bit, byte[] flags) {
    for (int i = 0; i < flags.length; i++) {
      flags[i] = (byte) (word(segment, offset, i) >>> bit & 1);
    }
  }
}
