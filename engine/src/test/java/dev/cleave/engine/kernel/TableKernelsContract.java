package dev.cleave.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What every implementation of {@link TableKernels} must do, against the plainest loops, for all
 * counts that a table can have and some more, at even and odd places.
 */
abstract class TableKernelsContract {
  private static final ValueLayout.OfLong WORD =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int MAX_COUNT = 520;
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

  @Test
  void fillWritesTheProgressionAndNothingElse() {
    for (int count = 0; count <= MAX_COUNT; count++) {
      int replicasLog2 = count % 9;
      int at = MARGIN - count % 8;
      long first = random.nextLong();
      long step = random.nextLong();
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
      long mask = count % 2 == 0 ? 1 : 1L << 63 | 0x60;
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

  @Test
  void aProgressionIsRecognised() {
    for (int count = 0; count <= MAX_COUNT; count++) {
      int at = MARGIN - count % 8;
      int replicasLog2 = count % 9;
      long first = random.nextLong();
      long step = random.nextLong();
      fillAll(i -> value(Math.max(0, (int) i - at), first, step, replicasLog2) ^ noise(0x60));
      assertEquals(
          true,
          kernels.isProgression(memory, 8L * at, count, first, step, replicasLog2, 0x60),
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
          false,
          kernels.isProgression(memory, 8L * at, count, first, 0x2000, replicasLog2, 0x60),
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
      assertEquals(true, kernels.isProgression(memory, 8L * at, count, first, 0, 0, 0));
    }
  }
}
