package dev.cleave.engine.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.cleave.engine.format.Geometry;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pages are promised, taken, counted and put back. */
class TableMemoryTest {
  private static final long PAGE = 4096;

  private static TableMemory memory(long pages) {
    return TableMemory.builder().capacityBytes(pages * PAGE).build();
  }

  private static long take(TableMemory memory, int level) {
    assertTrue(memory.tryReserve(1));
    return memory.take(level, true);
  }

  private static boolean isZero(TableMemory memory, long table) {
    return memory.orAll(table) == 0;
  }

  @Test
  void noMoreIsPromisedThanThereIs() {
    try (TableMemory memory = memory(4)) {
      assertTrue(memory.tryReserve(3));
      assertFalse(memory.tryReserve(2));
      assertTrue(memory.tryReserve(1));
      memory.unreserve(4);
    }
  }

  @Test
  void noMoreIsPromisedThanTheLimit() {
    try (TableMemory memory =
        TableMemory.builder().capacityBytes(100 * PAGE).limitBytes(2 * PAGE).build()) {
      assertFalse(memory.tryReserve(3));
      assertTrue(memory.tryReserve(2));
      memory.unreserve(2);
    }
  }

  @Test
  void aPromiseTakenBackCanBeGivenAgain() {
    try (TableMemory memory = memory(2)) {
      assertTrue(memory.tryReserve(2));
      memory.unreserve(2);
      assertTrue(memory.tryReserve(2));
      memory.unreserve(2);
    }
  }

  @Test
  void aPageThatWasPutBackCanBeTakenAgain() {
    try (TableMemory memory = memory(1)) {
      long page = take(memory, 1);
      memory.release(page);
      assertEquals(page, take(memory, 2));
      memory.release(page);
    }
  }

  @Test
  void pagesAreCountedByLevel() {
    try (TableMemory memory = memory(8)) {
      long one = take(memory, 1);
      long two = take(memory, 2);
      long other = take(memory, 2);
      assertEquals(1, memory.pages(1));
      assertEquals(2, memory.pages(2));
      memory.relevel(other, 3, 3);
      assertEquals(1, memory.pages(2));
      assertEquals(1, memory.pages(3));
      assertEquals(3 * PAGE, memory.usedBytes());
      memory.release(one);
      memory.release(two);
      memory.release(other);
      assertEquals(0, memory.pages(1) + memory.pages(2) + memory.pages(3));
    }
  }

  @Test
  void thePeakStaysWhenPagesArePutBack() {
    try (TableMemory memory = memory(8)) {
      long one = take(memory, 1);
      long two = take(memory, 1);
      memory.release(one);
      memory.release(two);
      assertEquals(2 * PAGE, memory.peakBytes());
      assertEquals(0, memory.usedBytes());
    }
  }

  @Test
  void aPageUsedBeforeReadsAsZerosWhenAskedFor() {
    try (TableMemory memory = memory(1)) {
      long page = take(memory, 1);
      memory.fill(page, 0, 512, -1, 0, 0);
      memory.release(page);
      take(memory, 1);
      assertTrue(isZero(memory, page));
      memory.release(page);
    }
  }

  @Test
  void aPageInMemoryOfTheCallerReadsAsZerosWhenAskedFor() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment dirty = arena.allocate(4 * PAGE, PAGE).fill((byte) 0xa5);
      try (TableMemory memory = TableMemory.over(dirty, 0)) {
        long page = take(memory, 1);
        assertTrue(isZero(memory, page));
        memory.release(page);
      }
    }
  }

  @Test
  void trimGivesTheMemoryOfFreePagesBack() {
    assumeTrue(TableMemory.isLazy(), "only where memory is backed page by page");
    try (TableMemory memory = memory(8)) {
      long one = take(memory, 1);
      long two = take(memory, 1);
      long kept = take(memory, 1);
      memory.release(one);
      memory.release(two);
      assertEquals(2 * PAGE, memory.trim());
      memory.release(kept);
    }
  }

  @Test
  void pagesReadAsZerosAfterTrim() {
    try (TableMemory memory = memory(2)) {
      long page = take(memory, 1);
      memory.fill(page, 0, 512, -1, 0, 0);
      memory.release(page);
      memory.trim();
      take(memory, 1);
      assertTrue(isZero(memory, page));
      memory.release(page);
    }
  }

  @Test
  void trimLeavesPagesInUseAlone() {
    try (TableMemory memory = memory(2)) {
      long page = take(memory, 1);
      memory.store(page, 0x1234);
      memory.trim();
      assertEquals(0x1234, memory.load(page));
      memory.release(page);
    }
  }

  @Test
  void trimLeavesAllThatCanBePromisedAsItWas() {
    try (TableMemory memory = memory(4)) {
      long one = take(memory, 1);
      take(memory, 1);
      memory.release(one);
      memory.trim();
      assertTrue(memory.tryReserve(3));
      assertFalse(memory.tryReserve(1));
      memory.unreserve(3);
      memory.release(one + PAGE);
    }
  }

  @Test
  void closingWithPagesInUseComplains() {
    TableMemory memory = memory(4);
    take(memory, 1);
    IllegalStateException complaint = assertThrows(IllegalStateException.class, memory::close);
    assertEquals(
        "table memory closed with 1 table pages in use: close their tables first",
        complaint.getMessage());
  }

  @Test
  void accessAfterCloseFailsCleanly() {
    TableMemory memory = memory(4);
    long page = take(memory, 1);
    memory.release(page);
    memory.close();
    assertThrows(IllegalStateException.class, () -> memory.load(page));
    assertThrows(IllegalStateException.class, () -> memory.store(page, 1));
    assertThrows(IllegalStateException.class, () -> memory.live(page));
    assertThrows(IllegalStateException.class, memory::close);
  }

  @ParameterizedTest
  @CsvSource({"1, 4096", "-4096, 4096", "4503599627370496, 4096", "4503599627366400, 8192"})
  void aBaseThatIsNoPhysicalPageIsRefused(long base, long bytes) {
    TableMemory.Builder builder = TableMemory.builder().capacityBytes(bytes).base(base);
    assertThrows(IllegalArgumentException.class, builder::build);
  }

  @Test
  void memoryMayEndAtTheLastPhysicalAddress() {
    try (TableMemory memory =
        TableMemory.builder().capacityBytes(PAGE).base((1L << 52) - PAGE).build()) {
      assertTrue(memory.holds((1L << 52) - PAGE));
      assertFalse(memory.holds((1L << 52) - 2 * PAGE));
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -4096, 1, 4097})
  void aCapacityThatIsNotPagesIsRefused(long bytes) {
    TableMemory.Builder builder = TableMemory.builder().capacityBytes(bytes);
    assertThrows(IllegalArgumentException.class, builder::build);
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -4096, 1, 4097})
  void aLimitThatIsNotPagesIsRefused(long bytes) {
    TableMemory.Builder builder = TableMemory.builder().capacityBytes(1 << 20).limitBytes(bytes);
    assertThrows(IllegalArgumentException.class, builder::build);
  }

  @Test
  void hundredsOfGigabytesCanBeReserved() {
    assumeTrue(TableMemory.isLazy(), "only where memory is backed page by page");
    try (TableMemory memory = TableMemory.builder().capacityBytes(512L << 30).build()) {
      assertTrue(memory.tryReserve((512L << 30) / PAGE));
      memory.unreserve((512L << 30) / PAGE);
    }
  }

  @Test
  void whatIsKeptOfAPageIsLessThanAHundredthOfIt() {
    assertTrue(100 * TableMemory.metadataBytesPerPage() <= Geometry.PAGE_BYTES);
  }

  @Test
  void attachedMemoryRefusesWrites() {
    try (Arena arena = Arena.ofConfined()) {
      TableMemory memory = TableMemory.attach(arena.allocate(PAGE, PAGE), 0);
      assertThrows(RuntimeException.class, () -> memory.store(0, 1));
      assertThrows(IllegalStateException.class, () -> memory.tryReserve(1));
      memory.close();
    }
  }
}
