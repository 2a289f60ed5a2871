package dev.cleave.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What every implementation of {@link TableKernels} must do, against the plainest loops, for all
 * counts that a table can have and some more, at even and odd places.
 */
abstract class TableKernelsContract {
  private static final ValueLayout.OfLong WORD =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int MAX_COUNT = 520;
  private static final int TABLE = TableKernels.TABLE_WORDS;
  private static final int MARGIN = 16;
  private static final int WORDS = MAX_COUNT + 2 * MARGIN;

  private final Random random = new Random(1);
  private final long[] expected = new long[WORDS];
  private Arena arena;
  private MemorySegment memory;
  private TableKernels kernels;

  abstract TableKernels kernels();

  @BeforeEach
  void allocate() {
    arena = Arena.ofConfined();
    memory = arena.allocate(8L * WORDS, 64);
    kernels = kernels();
  }

  @AfterEach
  void free() {
    arena.close();
  }

  /** Puts noise, or chosen words, everywhere, so that a store outside is seen. */
  private void fillAll(LongUnaryOperator word) {
    for (int i = 0; i < WORDS; i++) {
      expected[i] = word.applyAsLong(i);
      memory.set(WORD, 8L * i, expected[i]);
    }
  }

  private void assertMemory() {
    long[] found = new long[WORDS];
    for (int i = 0; i < WORDS; i++) {
      found[i] = memory.get(WORD, 8L * i);
    }
    assertArrayEquals(expected, found);
  }

  private static long value(int i, long first, long step, int replicasLog2) {
    long value = first;
    for (int n = 0; n < i >> replicasLog2; n++) {
      value += step;
    }
    return value;
  }

  /** Sizes of leaves and others, and none. */
  private static List<LongUnaryOperator> steps() {
    Random random = new Random(2);
    return List.of(_ -> random.nextLong(), _ -> 1L << random.nextInt(Long.SIZE), _ -> 0);
  }

  @ParameterizedTest
  @MethodSource("steps")
  void fillWritesTheProgressionAndNothingElse(LongUnaryOperator steps) {
    for (int count = 0; count <= MAX_COUNT; count++) {
      int replicasLog2 = count % 11;
      int at = MARGIN - count % 8;
      long first = random.nextLong();
      long step = steps.applyAsLong(count);
      fillAll(_ -> random.nextLong());
      kernels.fill(memory, 8L * at, count, first, step, replicasLog2);
      for (int i = 0; i < count; i++) {
        expected[at + i] = value(i, first, step, replicasLog2);
      }
      assertMemory();
    }
  }

  @Test
  void fillKnowsEveryNumberOfReplicasAtEveryAlignment() {
    for (int replicasLog2 = 0; replicasLog2 <= 8; replicasLog2++) {
      for (int at = MARGIN; at < MARGIN + 8; at++) {
        fillAll(_ -> random.nextLong());
        kernels.fill(memory, 8L * at, 512, 0x7000000000000001L, 0x1000, replicasLog2);
        for (int i = 0; i < 512; i++) {
          expected[at + i] = value(i, 0x7000000000000001L, 0x1000, replicasLog2);
        }
        assertMemory();
      }
    }
  }

  @Test
  void zeroWritesZerosAndNothingElse() {
    for (int count = 0; count <= MAX_COUNT; count++) {
      int at = MARGIN - count % 8;
      fillAll(_ -> random.nextLong() | 1);
      kernels.zero(memory, 8L * at, count);
      for (int i = 0; i < count; i++) {
        expected[at + i] = 0;
      }
      assertMemory();
    }
  }

  @Test
  void countAnyCountsWordsWithAnyBitOfTheMask() {
    for (int count = 0; count <= MAX_COUNT; count++) {
      int at = MARGIN - count % 8;
      long mask = count % 2 == 0 ? 1L << (count >> 1) % Long.SIZE : 1L << 63 | 0x60;
      fillAll(_ -> random.nextInt(4) == 0 ? random.nextLong() : 0);
      int found = 0;
      for (int i = 0; i < count; i++) {
        found += (expected[at + i] & mask) != 0 ? 1 : 0;
      }
      assertEquals(found, kernels.countAny(memory, 8L * at, count, mask));
      assertMemory();
    }
  }

  @Test
  void orJoinsAllBits() {
    for (int count = 0; count <= MAX_COUNT; count++) {
      int at = MARGIN - count % 8;
      fillAll(_ -> random.nextInt(8) == 0 ? 1L << random.nextInt(64) : 0);
      long bits = 0;
      for (int i = 0; i < count; i++) {
        bits |= expected[at + i];
      }
      assertEquals(bits, kernels.or(memory, 8L * at, count));
    }
  }

  @ParameterizedTest
  @MethodSource("steps")
  void aProgressionIsRecognisedAndTheBitsBesideItAreTold(LongUnaryOperator steps) {
    for (int count = 0; count <= MAX_COUNT; count++) {
      int at = MARGIN - count % 8;
      int replicasLog2 = count % 11;
      long first = random.nextLong();
      long step = steps.applyAsLong(count);
      fillAll(i -> value(Math.max(0, (int) i - at), first, step, replicasLog2) ^ noise(0x60));
      long bits = 0;
      for (int i = 0; i < count; i++) {
        bits |= expected[at + i] & 0x60;
      }
      assertEquals(
          bits,
          kernels.progressionBits(memory, 8L * at, count, first, step, replicasLog2, 0x60),
          "count " + count);
    }
  }

  private long noise(long mask) {
    return random.nextLong() & mask;
  }

  @Test
  void oneWrongBitAnywhereIsNoProgression() {
    for (int count = 1; count <= MAX_COUNT; count++) {
      int at = MARGIN - count % 8;
      int replicasLog2 = count % 9;
      long first = random.nextLong();
      fillAll(i -> value(Math.max(0, (int) i - at), first, 0x2000, replicasLog2));
      int wrong = at + random.nextInt(count);
      int bit = random.nextInt(57) + 7; // 5 and 6 are ignored
      memory.set(WORD, 8L * wrong, expected[wrong] ^ 1L << bit);
      assertEquals(
          TableKernels.NO_PROGRESSION,
          kernels.progressionBits(memory, 8L * at, count, first, 0x2000, replicasLog2, 0x60),
          "count " + count);
    }
  }

  @Test
  void oneBitBesideAProgressionIsToldWhereverItIs() {
    for (int count = 1; count <= MAX_COUNT; count++) {
      int at = MARGIN - count % 8;
      int replicasLog2 = count % 9;
      long first = random.nextLong() & ~0x60;
      fillAll(i -> value(Math.max(0, (int) i - at), first, 0x2000, replicasLog2));
      int marked = at + random.nextInt(count);
      memory.set(WORD, 8L * marked, expected[marked] | 0x20);
      assertEquals(
          0x20,
          kernels.progressionBits(memory, 8L * at, count, first, 0x2000, replicasLog2, 0x60),
          "count " + count);
    }
  }

  @Test
  void wordsBesideAProgressionDoNotMatter() {
    for (int count = 0; count <= MAX_COUNT; count++) {
      int at = MARGIN - count % 8;
      int end = at + count;
      long first = random.nextLong();
      fillAll(i -> i < at || i >= end ? ~first : first);
      assertEquals(0, kernels.progressionBits(memory, 8L * at, count, first, 0, 0, 0));
    }
  }

  @Test
  void replicateWritesTheValueAndNothingElse() {
    for (int count = 0; count <= MAX_COUNT; count++) {
      int at = MARGIN - count % 8;
      long value = random.nextLong();
      fillAll(_ -> random.nextLong());
      kernels.replicate(memory, 8L * at, count, value);
      for (int i = 0; i < count; i++) {
        expected[at + i] = value;
      }
      assertMemory();
    }
  }

  @Test
  void oneWordWithABitOfTheMaskAnywhereIsAny() {
    for (int count = 0; count <= MAX_COUNT; count++) {
      int at = MARGIN - count % 8;
      int end = at + count;
      long mask = count % 2 == 0 ? 1L << (count >> 1) % Long.SIZE : 1L << 63 | 0x60;
      fillAll(i -> i < at || i >= end ? -1L : noise(~mask));
      assertFalse(kernels.anyHas(memory, 8L * at, count, mask), "count " + count);
      if (count > 0) {
        int with = at + random.nextInt(count);
        memory.set(WORD, 8L * with, someBit(mask));
        assertTrue(kernels.anyHas(memory, 8L * at, count, mask), "count " + count);
      }
    }
  }

  /** One bit of a mask. */
  private long someBit(long mask) {
    long rest = mask;
    for (int skip = random.nextInt(Long.bitCount(mask)); skip > 0; skip--) {
      rest &= rest - 1;
    }
    return Long.lowestOneBit(rest);
  }

  @Test
  void gatheredBitsAreThoseOfWordsWithTheBit() {
    GatheredBits found = new GatheredBits();
    for (int count = 0; count <= TABLE; count++) {
      int at = MARGIN - count % 8;
      int share = 1 + random.nextInt(5);
      long mask = 1L << random.nextInt(Long.SIZE);
      int place = random.nextInt(64) * TABLE;
      fillAll(_ -> random.nextInt(share) == 0 ? random.nextLong() : noise(~mask));
      kernels.gather(memory, 8L * at, count, mask, found, place);
      for (int from = 0; from < count; from += Long.SIZE) {
        long bits = 0;
        for (int i = from; i < Math.min(from + Long.SIZE, count); i++) {
          bits |= (expected[at + i] & mask) != 0 ? 1L << i : 0;
        }
        assertEquals(bits, found.from(place + from), "words from " + from + " of " + count);
      }
      assertMemory();
    }
  }

  @Test
  void eachWordOfATableHasItsBit() {
    GatheredBits found = new GatheredBits();
    for (int i = 0; i < TABLE; i++) {
      int with = MARGIN + i;
      fillAll(index -> index == with ? 0x40 : ~0x40L);
      kernels.gather(memory, 8L * MARGIN, TABLE, 0x40, found, 0);
      assertTrue(found.anyInTable(0));
      assertEquals(1 << (i / Long.SIZE), found.groupsInTable(0));
      for (int from = 0; from < TABLE; from += Long.SIZE) {
        assertEquals(i / Long.SIZE == from / Long.SIZE ? 1L << i : 0, found.from(from));
      }
    }
  }

  @Test
  void aCleanTableHasNoBitsAndTheTablesBesideItKeepTheirs() {
    GatheredBits found = new GatheredBits();
    fillAll(_ -> 0x40);
    for (int place = 0; place < 3 * TABLE; place += TABLE) {
      kernels.gather(memory, 8L * MARGIN, TABLE, 0x40, found, place);
    }
    fillAll(_ -> ~0x40L);
    kernels.gather(memory, 8L * MARGIN, TABLE, 0x40, found, TABLE);
    for (int place = 0; place < 3 * TABLE; place += Long.SIZE) {
      assertEquals(place / TABLE == 1 ? 0 : -1, found.from(place), "words from " + place);
    }
  }

  /** Of two runs anywhere, which may be one, and where the bit is rare and where it is not. */
  @Test
  void ofTwoRunsOfTablesEachWordWithTheBitIsFound() {
    int most = 5;
    MemorySegment tables = arena.allocate(8L * TABLE * 2 * most, 64);
    GatheredBits found = new GatheredBits();
    for (int round = 0; round < 200; round++) {
      int run = 1 + random.nextInt(most);
      int words = run * TABLE;
      int share = 1 << random.nextInt(12);
      int bit = random.nextInt(Long.SIZE);
      int[] at = random.ints(2, 0, 2 * most * TABLE - words + 1).toArray();
      int[] place = {0, (1 + random.nextInt(2)) * 16 * TABLE};
      BitSet with = new BitSet();
      for (int i = 0; i < 2 * most * TABLE; i++) {
        with.set(i, random.nextInt(share) == 0);
        tables.set(WORD, 8L * i, with.get(i) ? 1L << bit : ~(1L << bit));
      }
      kernels.gatherTables(
          tables, 8L * at[0], 8L * at[1], run, 1L << bit, found, place[0], place[1]);
      for (int i = 0; i < 2 * words; i++) {
        int of = i / words;
        int word = i % words;
        long bits = found.from(place[of] + (word & -Long.SIZE));
        assertEquals(with.get(at[of] + word), (bits >>> word & 1) != 0, "round " + round);
      }
      for (int table = 0; table < run; table++) {
        int first = at[1] + table * TABLE;
        int next = with.nextSetBit(first);
        assertEquals(next >= 0 && next < first + TABLE, found.anyInTable(place[1] + table * TABLE));
      }
    }
  }

  @Test
  void regionsCountWhereAllTheirBitsAreAlike() {
    MemorySegment bits = arena.allocate(65L * 64, 64);
    for (int regions = 0; regions <= 64; regions++) {
      long set = 0;
      long clear = 0;
      for (int region = 0; region < 65; region++) {
        int shape = random.nextInt(3);
        for (int word = 0; word < 8; word++) {
          bits.set(WORD, 64L * region + 8L * word, shape == 0 ? -1L : 0);
        }
        if (shape == 2) {
          flip(bits, 64L * region, random.nextInt(512));
        }
        set |= shape == 0 && region < regions ? 1L << region : 0;
        clear |= shape == 1 && region < regions ? 1L << region : 0;
      }
      long whereClear = random.nextLong();
      long whereSet = random.nextLong();
      assertEquals(set, kernels.uniformRegions(bits, 0, regions, -1, 0));
      assertEquals(clear, kernels.uniformRegions(bits, 0, regions, 0, -1));
      assertEquals(
          (set & whereSet) | (clear & whereClear),
          kernels.uniformRegions(bits, 0, regions, whereSet, whereClear));
    }
  }

  @Test
  void aRegionWithOneBitAmissIsMixedWhereverTheBitIs() {
    MemorySegment bits = arena.allocate(64 + 8, 64);
    for (int bit = 0; bit < 512; bit++) {
      for (int value = -1; value <= 0; value++) {
        bits.asSlice(8).fill((byte) value);
        flip(bits, 8, bit);
        assertEquals(0, kernels.uniformRegions(bits, 8, 1, -1, -1), "bit " + bit);
      }
    }
  }

  @Test
  void aRegionOfEqualWordsThatAreNeitherOnesNorZerosIsMixed() {
    fillAll(_ -> 0x5555_5555_5555_5555L);
    assertEquals(0, kernels.uniformRegions(memory, 0, 64, -1, -1));
  }

  private static void flip(MemorySegment bits, long offset, int bit) {
    long at = offset + bit / 64 * 8L;
    bits.set(WORD, at, bits.get(WORD, at) ^ 1L << bit);
  }
}
