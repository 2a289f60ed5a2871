package dev.cleave.engine.deferred;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbFlushQueue;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.format.Access;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Debts go into batches, and every iova comes out once its batch has been flushed. */
class IotlbFlushQueueTest {
  private static final long PAGE = 4096;
  private static final long REGION = 1L << 21;
  private static final long FOREVER = Long.MAX_VALUE;

  private final SmallTable small = new SmallTable();
  private final List<String> happened = new ArrayList<>();

  private IotlbFlushQueue queue(int entries, int batches, long delay) {
    IotlbFlush flush = (_, gather) -> happened.add("flush " + text(gather));
    return new IotlbFlushQueue(
        small.table,
        flush,
        entries,
        batches,
        delay,
        (iova, length) -> happened.add("free %x %x".formatted(iova, length)));
  }

  private static String text(IotlbGather gather) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < gather.rangeCount(); i++) {
      text.append("%x-%x ".formatted(gather.rangeFirst(i), gather.rangeLast(i)));
    }
    return text.toString().strip();
  }

  private void map(int... pages) {
    for (int page : pages) {
      small.table.map(page * PAGE, page * PAGE, PAGE, Access.READ_WRITE);
    }
  }

  @Test
  void aBatchIsFlushedWhenItHasAllItsEntriesAndTheRingIsFull() {
    try (small) {
      map(1, 2, 3, 4, 9);
      try (IotlbFlushQueue queue = queue(2, 2, FOREVER)) {
        assertEquals(PAGE, queue.unmap(PAGE, PAGE));
        assertEquals(PAGE, queue.unmap(2 * PAGE, PAGE));
        assertEquals(List.of(), happened, "sealed, and there is room");
        var _ = queue.unmap(3 * PAGE, PAGE);
        assertEquals(3, queue.outstanding());
        var _ = queue.unmap(4 * PAGE, PAGE);
        assertEquals(List.of("flush 1000-2fff", "free 1000 1000", "free 2000 1000"), happened);
        assertEquals(2, queue.outstanding());
      }
      assertEquals(
          List.of("flush 3000-4fff", "free 3000 1000", "free 4000 1000"), happened.subList(3, 6));
    }
  }

  @Test
  void theOldestBatchIsFlushedFirst() {
    try (small) {
      map(1, 2, 3, 9);
      try (IotlbFlushQueue queue = queue(1, 4, FOREVER)) {
        for (int page = 3; page >= 1; page--) {
          var _ = queue.unmap(page * PAGE, PAGE);
        }
        assertTrue(queue.flushSealed());
        assertEquals(List.of("flush 3000-3fff", "free 3000 1000"), happened);
        assertTrue(queue.flushSealed());
        assertTrue(queue.flushSealed());
        assertFalse(queue.flushSealed());
      }
    }
  }

  @Test
  void aBatchIsFlushedWhenItsFirstEntryIsOldEnough() {
    try (small) {
      map(1, 9);
      try (IotlbFlushQueue late = queue(8, 2, FOREVER);
          IotlbFlushQueue soon = queue(8, 2, 1)) {
        soon.flushIfDue();
        assertEquals(List.of(), happened, "nothing is owed");
        var _ = late.unmap(PAGE, PAGE);
        late.flushIfDue();
        assertEquals(List.of(), happened, "it is not due");
        map(2);
        var _ = soon.unmap(2 * PAGE, PAGE);
        soon.flushIfDue();
        assertEquals(List.of("flush 2000-2fff", "free 2000 1000"), happened);
      }
    }
  }

  @Test
  void aRefusedUnmapIsNoEntry() {
    try (small;
        IotlbFlushQueue queue = queue(2, 2, FOREVER)) {
      assertThrows(PageTableException.class, () -> queue.unmap(PAGE, PAGE));
      assertEquals(0, queue.outstanding());
    }
  }

  @Test
  void anotherOperationIsAnEntryOfWhichNobodyNeedBeTold() {
    try (small) {
      small.table.map(0, 0, REGION, Access.READ_WRITE);
      try (IotlbFlushQueue queue = queue(2, 2, FOREVER)) {
        var _ = small.table.split(0, REGION, 12, queue.gather());
        queue.owes(0, 0);
        assertEquals(1, queue.outstanding());
      }
      assertEquals(List.of("flush 0-1fffff"), happened);
    }
  }

  @Test
  void aFlushThatFailsIsDoneAgainAndLosesNothing() {
    AtomicBoolean fails = new AtomicBoolean(true);
    try (small) {
      map(1, 2, 3, 9);
      IotlbFlush flush =
          (_, gather) -> {
            if (fails.get()) {
              throw new IllegalStateException("the hardware is gone");
            }
            happened.add("flush " + text(gather));
          };
      try (IotlbFlushQueue queue =
          new IotlbFlushQueue(
              small.table, flush, 1, 2, FOREVER, (iova, _) -> happened.add("free " + iova))) {
        var _ = queue.unmap(PAGE, PAGE);
        assertThrows(IllegalStateException.class, () -> queue.unmap(2 * PAGE, PAGE));
        assertEquals(2, queue.outstanding());
        assertThrows(IllegalStateException.class, () -> queue.unmap(3 * PAGE, PAGE));
        assertEquals(3 * PAGE, small.table.translate(3 * PAGE), "nothing was done");
        assertThrows(IllegalStateException.class, queue::flush);
        fails.set(false);
        var _ = queue.unmap(3 * PAGE, PAGE);
      }
      assertEquals(
          List.of(
              "flush 1000-1fff",
              "free 4096",
              "flush 2000-2fff",
              "free 8192",
              "flush 3000-3fff",
              "free 12288"),
          happened);
    }
  }

  @Test
  void tablesOfABatchGoBackWithIt() {
    try (small) {
      long before = small.memory.usedBytes();
      for (int i = 0; i < 100; i++) {
        small.table.map(i * REGION + PAGE, PAGE, PAGE, Access.READ_WRITE);
      }
      try (IotlbFlushQueue queue = queue(64, 4, FOREVER)) {
        for (int i = 0; i < 100; i++) {
          var _ = queue.unmap(i * REGION + PAGE, PAGE);
        }
        assertTrue(small.memory.usedBytes() > before, "they wait");
      }
      assertEquals(before, small.memory.usedBytes());
      assertEquals(2, happened.stream().filter(line -> line.startsWith("flush")).count());
    }
  }

  @Test
  @Timeout(60)
  void anyThreadMayFlushBesideTheWriter() throws Exception {
    AtomicLong freed = new AtomicLong();
    AtomicBoolean isDone = new AtomicBoolean();
    int pages = 50_000;
    try (small) {
      try (IotlbFlushQueue queue =
          new IotlbFlushQueue(
              small.table, (_, _) -> {}, 16, 4, 1, (iova, _) -> freed.addAndGet(iova))) {
        Thread flusher =
            Thread.ofPlatform()
                .start(() -> {
                  while (!isDone.get()) {
                    queue.flushIfDue();
                  }
                });
        for (long page = 1; page <= pages; page++) {
          small.table.map(page * PAGE, page * PAGE, PAGE, Access.READ_WRITE);
          var _ = queue.unmap(page * PAGE, PAGE);
        }
        isDone.set(true);
        flusher.join();
      }
      assertEquals(LongStream.rangeClosed(1, pages).sum() * PAGE, freed.get());
      assertEquals(PAGE, small.memory.usedBytes(), "the top is left");
    }
  }

  @ParameterizedTest
  @CsvSource({"0, 2, 1, entries", "1, 1, 1, batches", "1, 2, 0, maxDelayNanos"})
  void aQueueThatCannotBeIsRefused(int entries, int batches, long delay, String word) {
    try (small) {
      IllegalArgumentException refused =
          assertThrows(
              IllegalArgumentException.class, () -> queue(entries, batches, delay).close());
      assertTrue(refused.toString().contains(word), refused.toString());
    }
  }
}
