package dev.cleave.engine.kernel;

import static dev.cleave.engine.kernel.PlainKernels.WORD;
import static dev.cleave.engine.kernel.PlainKernels.isAligned;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The kernels by the Vector API, for any width of vectors up to 512 bits. What is less than a
 * vector is left to {@link PlainKernels}.
 *
 * <p>Stateless and thread-safe. Until C2 has compiled a method every vector is an object, and it is
 * some thousand times slower than its plain counterpart: see {@link Kernels}. C2 has no masks for
 * two lanes (on x86, JDK 25), so that with vectors of 128 bits every comparison makes objects for
 * good: a hundred times slower ({@code TableKernelShapes}).
 */
final class VectorKernels implements TableKernels {
  /** A region is 512 bits, so that wider vectors would be of no use to scan one. */
  private static final VectorSpecies<Long> SPECIES =
      LongVector.SPECIES_PREFERRED.length() > REGION_WORDS
          ? LongVector.SPECIES_512
          : LongVector.SPECIES_PREFERRED;

  private static final int LANES = SPECIES.length();
  private static final int LANES_LOG2 = Integer.numberOfTrailingZeros(LANES);
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final LongVector INDEX = LongVector.zero(SPECIES).addIndex(1);

  private static final PlainKernels PLAIN = new PlainKernels();

  /** Bits of a vector. */
  static int bits() {
    return SPECIES.vectorBitSize();
  }

  private static LongVector load(MemorySegment segment, long offset, int index) {
    return LongVector.fromMemorySegment(
        SPECIES, segment, offset + (long) index * Long.BYTES, ORDER);
  }

  private static void store(LongVector vector, MemorySegment segment, long offset, int index) {
    vector.intoMemorySegment(segment, offset + (long) index * Long.BYTES, ORDER);
  }

  /** How many of the words whole vectors take. */
  private static int bound(int count) {
    return count & -LANES;
  }

  @Override
  public void fill(
      MemorySegment segment, long offset, int count, long first, long step, int replicasLog2) {
    assert isAligned(offset);
    int bound = bound(count);
    if (bound == 0) {
      PLAIN.fill(segment, offset, count, first, step, replicasLog2);
    } else if (replicasLog2 > LANES_LOG2) {
      fillByValue(segment, offset, count, first, step, replicasLog2);
    } else {
      LongVector values = INDEX.lanewise(VectorOperators.LSHR, replicasLog2).mul(step).add(first);
      long stride = (long) (LANES >> replicasLog2) * step;
      for (int i = 0; i < bound; i += LANES) {
        store(values, segment, offset, i);
        values = values.add(stride);
      }
      long next = first + (bound >> replicasLog2) * step;
      PLAIN.fill(segment, offset + 8L * bound, count - bound, next, step, replicasLog2);
    }
  }

  private void fillByValue(
      MemorySegment segment, long offset, int count, long first, long step, int replicasLog2) {
    long value = first;
    for (int i = 0, run; i < count; i += run) {
      run = Math.min(1 << replicasLog2, count - i);
      replicate(segment, offset + 8L * i, run, value);
      value += step;
    }
  }

  @Override
  public void replicate(MemorySegment segment, long offset, int count, long value) {
    assert isAligned(offset);
    int bound = bound(count);
    LongVector values = LongVector.broadcast(SPECIES, value);
    for (int i = 0; i < bound; i += LANES) {
      store(values, segment, offset, i);
    }
    for (int i = bound; i < count; i++) {
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
    int bound = bound(count);
    for (int i = 0; i < bound; i += LANES) {
      if (load(segment, offset, i).and(mask).compare(VectorOperators.NE, 0).anyTrue()) {
        return true;
      }
    }
    return PLAIN.anyHas(segment, offset + 8L * bound, count - bound, mask);
  }

  @Override
  public int countAny(MemorySegment segment, long offset, int count, long mask) {
    assert isAligned(offset);
    int bound = bound(count);
    int found = 0;
    if (bound > 0 && Long.bitCount(mask) == 1) {
      found = countBit(segment, offset, bound, Long.numberOfTrailingZeros(mask));
    } else {
      for (int i = 0; i < bound; i += LANES) {
        found += load(segment, offset, i).and(mask).compare(VectorOperators.NE, 0).trueCount();
      }
    }
    return found + PLAIN.countAny(segment, offset + 8L * bound, count - bound, mask);
  }

  /** Sums in lanes, and counts once in the end. */
  private static int countBit(MemorySegment segment, long offset, int bound, int bit) {
    LongVector sums = LongVector.zero(SPECIES);
    for (int i = 0; i < bound; i += LANES) {
      sums = sums.add(load(segment, offset, i).lanewise(VectorOperators.LSHR, bit).and(1));
    }
    return (int) sums.reduceLanes(VectorOperators.ADD);
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
    int bound = bound(count);
    if (bound == 0) {
      return PLAIN.progressionBits(segment, offset, count, first, step, replicasLog2, ignored);
    }
    if (replicasLog2 > LANES_LOG2) {
      return progressionBitsByValue(segment, offset, count, first, step, replicasLog2, ignored);
    }
    LongVector values = INDEX.lanewise(VectorOperators.LSHR, replicasLog2).mul(step).add(first);
    LongVector bits = LongVector.zero(SPECIES);
    long stride = (long) (LANES >> replicasLog2) * step;
    for (int i = 0; i < bound; i += LANES) {
      LongVector words = load(segment, offset, i);
      LongVector differences = words.lanewise(VectorOperators.XOR, values);
      if (differences.and(~ignored).compare(VectorOperators.NE, 0).anyTrue()) {
        return NO_PROGRESSION;
      }
      bits = bits.or(words);
      values = values.add(stride);
    }
    long found = bits.reduceLanes(VectorOperators.OR) & ignored;
    if (bound == count) {
      return found;
    }
    long next = first + (bound >> replicasLog2) * step;
    long rest =
        PLAIN.progressionBits(
            segment, offset + 8L * bound, count - bound, next, step, replicasLog2, ignored);
    return rest == NO_PROGRESSION ? NO_PROGRESSION : found | rest;
  }

  private long progressionBitsByValue(
      MemorySegment segment,
      long offset,
      int count,
      long first,
      long step,
      int replicasLog2,
      long ignored) {
    long bits = 0;
    long value = first;
    for (int i = 0, run; i < count; i += run) {
      run = Math.min(1 << replicasLog2, count - i);
      long found = progressionBits(segment, offset + 8L * i, run, value, 0, 0, ignored);
      if (found == NO_PROGRESSION) {
        return NO_PROGRESSION;
      }
      bits |= found;
      value += step;
    }
    return bits;
  }

  @Override
  public long or(MemorySegment segment, long offset, int count) {
    assert isAligned(offset);
    int bound = bound(count);
    if (bound == 0) {
      return PLAIN.or(segment, offset, count);
    }
    LongVector bits = LongVector.zero(SPECIES);
    for (int i = 0; i < bound; i += LANES) {
      bits = bits.or(load(segment, offset, i));
    }
    return bits.reduceLanes(VectorOperators.OR)
        | PLAIN.or(segment, offset + 8L * bound, count - bound);
  }

  @Override
  public void gather(
      MemorySegment segment, long offset, int count, long mask, GatheredBits found, int place) {
    assert isAligned(offset) && Long.bitCount(mask) == 1;
    for (int from = 0; from < count; from += Long.SIZE) {
      int run = Math.min(Long.SIZE, count - from);
      int bound = bound(run);
      long bits = 0;
      for (int i = 0; i < bound; i += LANES) {
        VectorMask<Long> has =
            load(segment, offset, from + i).and(mask).compare(VectorOperators.NE, 0);
        bits |= has.toLong() << i;
      }
      if (bound < run) {
        long rest =
            PlainKernels.gatherShort(segment, offset + 8L * (from + bound), run - bound, mask);
        bits |= rest << bound;
      }
      found.set(place + from, bits);
    }
  }

  /** One behind the other: vectors find each word at once. */
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
    gather(segment, first, tables * TABLE_WORDS, mask, found, firstPlace);
    gather(segment, second, tables * TABLE_WORDS, mask, found, secondPlace);
  }

  @Override
  public long uniformRegions(
      MemorySegment bits, long offset, int regions, long whereSet, long whereClear) {
    assert isAligned(offset) && regions <= Long.SIZE;
    long set = 0;
    long clear = 0;
    for (int region = 0; region < regions; region++) {
      int at = region * REGION_WORDS;
      LongVector and = load(bits, offset, at);
      LongVector or = and;
      for (int i = LANES; i < REGION_WORDS; i += LANES) {
        LongVector words = load(bits, offset, at + i);
        and = and.and(words);
        or = or.or(words);
      }
      set |= (and.eq(-1).allTrue() ? 1L : 0L) << region;
      clear |= (or.eq(0).allTrue() ? 1L : 0L) << region;
    }
    return (set & whereSet) | (clear & whereClear);
  }

  @Override
  public String toString() {
    return "vector, " + bits() + " bits";
  }
}
