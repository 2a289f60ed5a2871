package dev.cleave.hwmodel.dma;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.LongFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PatternTest {
  /** A hole between two ranges, the second before the first in address order. */
  private static final IovaRanges RANGES =
      IovaRanges.of(0x10_0000, 0x4_0000, 0x8_0000, 0x1000, -0x8000, 0x8000);

  static Stream<LongFunction<AccessPattern>> patterns() {
    return Stream.of(
        seed -> new SequentialPattern(RANGES, 0x1800, seed % 2 == 0),
        seed -> new RandomPattern(RANGES, 8, 30, seed),
        seed -> new RandomPattern(RANGES, 9000, 50, seed),
        seed -> new RingPattern(RANGES, 64, seed),
        seed -> new ScatterGatherPattern(RANGES, 50, seed));
  }

  @ParameterizedTest
  @MethodSource("patterns")
  void everyTransferIsWholeWordsInsideOneRange(LongFunction<AccessPattern> make) {
    AccessPattern pattern = make.apply(1);
    Transfer transfer = new Transfer();
    for (int i = 0; i < 20_000; i++) {
      pattern.next(transfer);
      long iova = transfer.iova();
      long last = iova + transfer.bytes() - 1;
      assertTrue(transfer.bytes() > 0 && transfer.bytes() % 8 == 0 && iova % 8 == 0);
      assertTrue(
          (iova >= 0x10_0000 && last < 0x14_0000)
              || (iova >= 0x8_0000 && last < 0x8_1000)
              || (iova >= -0x8000 && last < 0),
          "0x%x to 0x%x".formatted(iova, last));
    }
  }

  @ParameterizedTest
  @MethodSource("patterns")
  void theSameSeedGivesTheSameSequence(LongFunction<AccessPattern> make) {
    assertEquals(first(make.apply(7)), first(make.apply(7)));
  }

  private static List<String> first(AccessPattern pattern) {
    List<String> seen = new ArrayList<>();
    Transfer transfer = new Transfer();
    for (int i = 0; i < 1000; i++) {
      pattern.next(transfer);
      seen.add("%x %d %b".formatted(transfer.iova(), transfer.bytes(), transfer.isWrite()));
    }
    return seen;
  }

  @Test
  void aStreamTouchesEveryByteOnceInEachRound() {
    SequentialPattern stream = new SequentialPattern(RANGES, 0x1800, true);
    Transfer transfer = new Transfer();
    long sum = 0;
    while (sum < RANGES.bytes()) {
      stream.next(transfer);
      assertEquals(RANGES.iova(sum), transfer.iova());
      sum += transfer.bytes();
    }
    assertEquals(RANGES.bytes(), sum);
    stream.next(transfer);
    assertEquals(0x10_0000, transfer.iova());
  }

  @Test
  void randomAccessesReachEveryPageAndMixReadsAndWrites() {
    RandomPattern pattern = new RandomPattern(RANGES, 8, 30, 3);
    Transfer transfer = new Transfer();
    BitSet pages = new BitSet();
    int writes = 0;
    for (int i = 0; i < 10_000; i++) {
      pattern.next(transfer);
      pages.set((int) (transfer.iova() >>> 12) & 0x1fff);
      writes += transfer.isWrite() ? 1 : 0;
    }
    assertEquals(RANGES.bytes() / 4096, pages.cardinality());
    assertTrue(writes > 2700 && writes < 3300, "writes=" + writes);
  }

  @Test
  void aCardReadsADescriptorWritesThePacketAndWritesTheDescriptorBack() {
    RingPattern ring = new RingPattern(RANGES, 2, 1);
    Transfer transfer = new Transfer();
    for (int packet = 0; packet < 6; packet++) {
      long descriptor = 0x10_0000 + packet % 2 * 16L;
      ring.next(transfer);
      assertEquals(
          "%x 16 false".formatted(descriptor),
          "%x %d %b".formatted(transfer.iova(), transfer.bytes(), transfer.isWrite()));
      ring.next(transfer);
      assertEquals(0x10_1000 + packet % 2 * 2048, transfer.iova());
      assertTrue(transfer.isWrite() && (transfer.bytes() == 64 || transfer.bytes() == 1512));
      ring.next(transfer);
      assertEquals(
          "%x 16 true".formatted(descriptor),
          "%x %d %b".formatted(transfer.iova(), transfer.bytes(), transfer.isWrite()));
    }
  }

  @Test
  void badArgumentsAreRefused() {
    assertThrows(IllegalArgumentException.class, IovaRanges::of);
    assertThrows(IllegalArgumentException.class, () -> IovaRanges.of(0x1000));
    assertThrows(IllegalArgumentException.class, () -> IovaRanges.of(0x1000, 0));
    assertThrows(IllegalArgumentException.class, () -> IovaRanges.of(0x1008, 0x1000));
    assertThrows(IllegalArgumentException.class, () -> new RingPattern(RANGES, 200, 1));
    assertThrows(IllegalArgumentException.class, () -> new RandomPattern(RANGES, 8, 101, 1));
    assertThrows(IllegalArgumentException.class, () -> new SequentialPattern(RANGES, 12, true));
  }
}
