package dev.cleave.bench.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class WriteStreamTest {
  private static final double PAGE_NANOS = 100;

  @ParameterizedTest
  @EnumSource
  void time_never_goes_back_and_a_page_is_written_each_page_time_on_average(WritePattern pattern) {
    WriteStream stream = pattern.stream(5000, PAGE_NANOS, 1);
    assertEquals(0, stream.nanos());
    double last = 0;
    int pages = 0;
    while (stream.nanos() < 10_240 * PAGE_NANOS) { // ten bursts
      assertTrue(stream.nanos() >= last, "at " + last);
      last = stream.nanos();
      pages++;
      stream.next();
    }
    assertEquals(pattern == WritePattern.RING ? 20_480 : 10_240, pages);
  }

  @ParameterizedTest
  @CsvSource({
    "RING, 1",
    "RING, 2",
    "RING, 257",
    "RING, 258",
    "RING, 5000",
    "RANDOM, 1",
    "RANDOM, 700",
    "SEQUENTIAL, 1",
    "SEQUENTIAL, 700",
    "BURSTS, 1",
    "BURSTS, 700",
    "BURSTS, 5000"
  })
  void all_pages_of_the_working_set_are_written_and_no_other(WritePattern pattern, int pages) {
    WriteStream stream = pattern.stream(pages, PAGE_NANOS, 3);
    BitSet written = new BitSet();
    for (int i = 0; i < 100_000; i++) {
      written.set(stream.page());
      stream.next();
    }
    assertEquals(pages, written.cardinality());
    assertEquals(pages, written.length());
  }

  @ParameterizedTest
  @EnumSource
  void the_seed_makes_what_is_random(WritePattern pattern) {
    WriteStream one = pattern.stream(5000, PAGE_NANOS, 1);
    WriteStream again = pattern.stream(5000, PAGE_NANOS, 1);
    WriteStream other = pattern.stream(5000, PAGE_NANOS, 2);
    int differences = 0;
    for (int i = 0; i < 1000; i++) {
      assertEquals(one.page(), again.page());
      assertEquals(one.nanos(), again.nanos());
      differences += one.page() == other.page() ? 0 : 1;
      one.next();
      again.next();
      other.next();
    }
    boolean isRandom = pattern == WritePattern.RANDOM || pattern == WritePattern.BURSTS;
    assertEquals(isRandom, differences > 900);
  }

  @Test
  void a_ring_writes_a_buffer_and_then_its_descriptor() {
    WriteStream ring = WritePattern.RING.stream(2 + 300, PAGE_NANOS, 1);
    for (int buffer = 0; buffer < 300; buffer++) {
      assertEquals(2 + buffer, ring.page());
      assertEquals(buffer * PAGE_NANOS, ring.nanos());
      ring.next();
      assertEquals(buffer / 150, ring.page(), "half of them in each of two pages");
      assertEquals(buffer * PAGE_NANOS, ring.nanos());
      ring.next();
    }
    assertEquals(2, ring.page());
  }

  @Test
  void bursts_come_at_eight_times_the_rate_and_run_on_from_page_to_page() {
    WriteStream bursts = WritePattern.BURSTS.stream(100_000, PAGE_NANOS, 1);
    int first = bursts.page();
    for (int i = 0; i < 1024; i++) {
      assertEquals(i * PAGE_NANOS / 8, bursts.nanos());
      assertEquals((first + i) % 100_000, bursts.page());
      bursts.next();
    }
    assertEquals(1024 * PAGE_NANOS, bursts.nanos());
  }

  @Test
  void words_name_patterns_and_strategies_and_faults() {
    for (WritePattern pattern : WritePattern.values()) {
      assertEquals(pattern, WritePattern.of(pattern.word()));
    }
    for (Strategy strategy : Strategy.values()) {
      assertEquals(strategy, Strategy.of(strategy.word()));
    }
    assertEquals(Fault.NO_FLUSH, Fault.of("no-flush"));
    assertThrows(IllegalArgumentException.class, () -> Fault.of("none"));
  }
}
