package dev.cleave.engine.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The kernels as plain loops, which run everywhere and are fast from the start.
 *
 * <p>C2 makes vectors of {@link #replicate} and of {@link #countAny} for one bit. Of the others it
 * does not, for a value that is carried from one round to the next, or an early end; but it unrolls
 * them. Stateless and thread-safe.
 */
final class PlainKernels implements TableKernels {
  /**
   * Offsets are aligned all the same, so that every access is one of eight bytes. A layout that
   * says so would have each access check it.
   */
  static final ValueLayout.OfLong WORD =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** From so many replicas on, a loop for each value is faster than a product for each word. */
  private static final int LOOP_REPLICAS_LOG2 = 5;

  static boolean isAligned(long offset) {
    return offset % Long.BYTES == 0;
  }

  static long word(MemorySegment segment, long offset, int index) {
    return segment.get(WORD, offset + (long) index * Long.BYTES);
  }

  static void setWord(MemorySegment segment, long offset, int index, long value) {
    segment.set(WORD, offset + (long) index * Long.BYTES, value);
  }

  @Override
  public void fill(
      MemorySegment segment, long offset, int count, long first, long step, int replicasLog2) {
    assert isAligned(offset);
    if (replicasLog2 == 0) {
      long value = first;
      for (int i = 0; i < count; i++) {
        setWord(segment, offset, i, value);
        value += step;
      }
    } else if (replicasLog2 < LOOP_REPLICAS_LOG2) {
      for (int i = 0; i < count; i++) {
        setWord(segment, offset, i, first + (i >> replicasLog2) * step);
      }
    } else {
      long value = first;
      for (int i = 0, run; i < count; i += run) {
        run = Math.min(1 << replicasLog2, count - i);
        replicate(segment, offset + (long) i * Long.BYTES, run, value);
        value += step;
      }
    }
  }

  @Override
  public void replicate(MemorySegment segment, long offset, int count, long value) {
    assert isAligned(offset);
    for (int i = 0; i < count; i++) {
      setWord(segment, offset, i, value);
    }
  }

  @Override
  public void zero(MemorySegment segment, long offset, int count) {
    replicate(segment, offset, count, 0);
  }

  @Override
  public boolean anyHas(MemorySegment segment, long offset, int count, long mask) {
    assert isAligned(offset);
    for (int i = 0; i < count; i++) {
      if ((word(segment, offset, i) & mask) != 0) {
        return true;
      }
    }
    return false;
  }

  @Override
  public int countAny(MemorySegment segment, long offset, int count, long mask) {
    assert isAligned(offset);
    long found = 0;
    if (Long.bitCount(mask) == 1) {
      int bit = Long.numberOfTrailingZeros(mask);
      for (int i = 0; i < count; i++) {
        found += word(segment, offset, i) >>> bit & 1;
      }
    } else {
      for (int i = 0; i < count; i++) {
        found += oneIfAny(word(segment, offset, i) & mask);
      }
    }
    return (int) found;
  }

  private static long oneIfAny(long bits) {
    return (bits | -bits) >>> (Long.SIZE - 1);
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
    if (replicasLog2 == 0) {
      return progressionBits(segment, offset, count, first, step, ignored);
    }
    long bits = 0;
    long value = first;
    for (int i = 0, run; i < count; i += run) {
      run = Math.min(1 << replicasLog2, count - i);
      long found = progressionBits(segment, offset + (long) i * Long.BYTES, run, value, 0, ignored);
      if (found == NO_PROGRESSION) {
        return NO_PROGRESSION;
      }
      bits |= found;
      value += step;
    }
    return bits;
  }

  private static long progressionBits(
      MemorySegment segment, long offset, int count, long first, long step, long ignored) {
    long bits = 0;
    long value = first;
    for (int i = 0; i < count; i++) {
      long word = word(segment, offset, i);
      if (((word ^ value) & ~ignored) != 0) {
        return NO_PROGRESSION;
      }
      bits |= word;
      value += step;
    }
    return bits & ignored;
  }

  @Override
  public long or(MemorySegment segment, long offset, int count) {
    assert isAligned(offset);
    long bits = 0;
    for (int i = 0; i < count; i++) {
      bits |= word(segment, offset, i);
    }
    return bits;
  }

  @Override
  public int gatherAny(
      MemorySegment segment,
      long offset,
      int count,
      long mask,
      MemorySegment bitmap,
      long firstBit) {
    assert isAligned(offset);
    int found = 0;
    for (int i = 0; i < count; i += Long.SIZE) {
      int run = Math.min(Long.SIZE, count - i);
      long bits = anyBits(segment, offset, i, run, mask);
      found += Long.bitCount(bits);
      orBits(bitmap, firstBit + i, bits);
    }
    return found;
  }

  /** A bit for each of 1 to 64 words, the lowest for the first: 1 if it has a bit of the mask. */
  static long anyBits(MemorySegment segment, long offset, int index, int count, long mask) {
    long bits = 0;
    for (int i = 0; i < count; i++) {
      long some = word(segment, offset, index + i) & mask;
      bits = bits >>> 1 | ((some | -some) & Long.MIN_VALUE);
    }
    return bits >>> (Long.SIZE - count);
  }

  /** Sets up to 64 bits anywhere in a bitmap; a word that gets none is not touched. */
  static void orBits(MemorySegment bitmap, long firstBit, long bits) {
    int shift = (int) (firstBit % Long.SIZE);
    long at = firstBit / Long.SIZE * Long.BYTES;
    long low = bits << shift;
    if (low != 0) {
      bitmap.set(WORD, at, bitmap.get(WORD, at) | low);
    }
    long high = bits >>> 1 >>> (Long.SIZE - 1 - shift);
    if (high != 0) {
      bitmap.set(WORD, at + Long.BYTES, bitmap.get(WORD, at + Long.BYTES) | high);
    }
  }

  @Override
  public long uniformRegions(
      MemorySegment bits, long offset, int regions, long whereSet, long whereClear) {
    assert isAligned(offset) && regions <= Long.SIZE;
    long counts = 0;
    for (int region = 0; region < regions; region++) {
      int at = region * REGION_WORDS;
      // the value that all words must have is the first word, and that one or the other
      long first = word(bits, offset, at);
      long differences = 0;
      for (int i = 1; i < REGION_WORDS; i++) {
        differences |= word(bits, offset, at + i) ^ first;
      }
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
