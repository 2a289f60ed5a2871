package dev.cleave.engine.memory;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
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
class TablePagesTest {
  private static final long PAGE = 4096;

  private static TablePages memory(long pages) {
    return TablePages.reserve(pages * PAGE, pages * PAGE, 1L << 32, false);
  }

  private static long take(TablePages memory, int level) {
    assertTrue(memory.tryReserve(1));
    return memory.take(level, true);
  }

  private static boolean isZero(TablePages memory, long table) {
    return memory.orAll(table) == 0;
  }

  @Test
  void noMoreIsPromisedThanThereIs() {
    try (TablePages memory = memory(4)) {
      assertTrue(memory.tryReserve(3));
      assertFalse(memory.tryReserve(2));
      assertTrue(memory.tryReserve(1));
      memory.unreserve(4);
    }
  }

  @Test
  void noMoreIsPromisedThanTheLimit() {
    try (TablePages memory = TablePages.reserve(100 * PAGE, 2 * PAGE, 0, false)) {
      assertFalse(memory.tryReserve(3));
      assertTrue(memory.tryReserve(2));
      memory.unreserve(2);
    }
  }

  @Test
  void aPromiseTakenBackCanBeGivenAgain() {
    try (TablePages memory = memory(2)) {
      assertTrue(memory.tryReserve(2));
      memory.unreserve(2);
      assertTrue(memory.tryReserve(2));
      memory.unreserve(2);
    }
  }

  @Test
  void aPageThatWasPutBackCanBeTakenAgain() {
    try (TablePages memory = memory(1)) {
      long page = take(memory, 1);
      memory.release(page);
      assertEquals(page, take(memory, 2));
      memory.release(page);
    }
  }

  /** 128 records fill a page of memory. */
  @ParameterizedTest
  @ValueSource(ints = {1, 127, 128, 129, 512})
  void recordsAreReadAheadAsFarAsThereAreAny(int count) {
    try (TablePages memory = memory(128)) {
      for (int page = 0; page < 128; page++) {
        long table = (1L << 32) + page * PAGE;
        assertDoesNotThrow(() -> memory.fetchRecords(table, count));
      }
    }
  }

  @Test
  void pagesAreCountedByLevel() {
    try (TablePages memory = memory(8)) {
      long one = take(memory, 1);
      long two = take(memory, 2);
      long other = take(memory, 2);
      assertEquals(1, memory.pagesAt(1));
      assertEquals(2, memory.pagesAt(2));
      memory.relevel(other, 3, 3);
      assertEquals(1, memory.pagesAt(2));
      assertEquals(1, memory.pagesAt(3));
      assertEquals(3 * PAGE, memory.usedBytes());
      memory.release(one);
      memory.release(two);
      memory.release(other);
      assertEquals(0, memory.pagesAt(1) + memory.pagesAt(2) + memory.pagesAt(3));
    }
  }

  @Test
  void thePeakStaysWhenPagesArePutBack() {
    try (TablePages memory = memory(8)) {
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
    try (TablePages memory = memory(1)) {
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
      try (TablePages memory = TablePages.over(dirty, 0, false)) {
        long page = take(memory, 1);
        assertTrue(isZero(memory, page));
        memory.release(page);
      }
    }
  }

  @Test
  void trimGivesTheMemoryOfFreePagesBack() {
    assumeTrue(TablePages.isLazy(), "only where memory is backed page by page");
    try (TablePages memory = memory(8)) {
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
    try (TablePages memory = memory(2)) {
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
    try (TablePages memory = memory(2)) {
      long page = take(memory, 1);
      memory.storeRelease(page, 0x1234);
      memory.trim();
      assertEquals(0x1234, memory.loadAcquire(page));
      memory.release(page);
    }
  }

  @Test
  void trimLeavesAllThatCanBePromisedAsItWas() {
    try (TablePages memory = memory(4)) {
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
    TablePages memory = memory(4);
    take(memory, 1);
    IllegalStateException complaint = assertThrows(IllegalStateException.class, memory::close);
    assertEquals(
        "table memory closed with 1 table pages in use: close their tables first",
        complaint.getMessage());
  }

  @Test
  void accessAfterCloseFailsCleanly() {
    TablePages memory = memory(4);
    long page = take(memory, 1);
    memory.release(page);
    memory.close();
    assertThrows(IllegalStateException.class, () -> memory.loadAcquire(page));
    assertThrows(IllegalStateException.class, () -> memory.storeRelease(page, 1));
    assertThrows(IllegalStateException.class, () -> memory.live(page));
    assertTrue(memory.isClosed());
    memory.close();
  }

  @ParameterizedTest
  @CsvSource({"1, 4096", "-4096, 4096", "4503599627370496, 4096", "4503599627366400, 8192"})
  void aBaseThatIsNoPhysicalPageIsRefused(long base, long bytes) {
    assertThrows(
        IllegalArgumentException.class, () -> TablePages.reserve(bytes, bytes, base, false));
  }

  @Test
  void memoryMayEndAtTheLastPhysicalAddress() {
    try (TablePages memory = TablePages.reserve(PAGE, PAGE, (1L << 52) - PAGE, false)) {
      assertTrue(memory.holds((1L << 52) - PAGE));
      assertFalse(memory.holds((1L << 52) - 2 * PAGE));
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -4096, 1, 4097})
  void aCapacityThatIsNotPagesIsRefused(long bytes) {
    assertThrows(IllegalArgumentException.class, () -> TablePages.reserve(bytes, PAGE, 0, false));
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -4096, 1, 4097})
  void aLimitThatIsNotPagesIsRefused(long bytes) {
    assertThrows(
        IllegalArgumentException.class, () -> TablePages.reserve(1 << 20, bytes, 0, false));
  }

  @Test
  void hundredsOfGigabytesCanBeReserved() {
    assumeTrue(TablePages.isLazy(), "only where memory is backed page by page");
    try (TablePages memory = TablePages.reserve(512L << 30, 512L << 30, 0, false)) {
      assertTrue(memory.tryReserve((512L << 30) / PAGE));
      memory.unreserve((512L << 30) / PAGE);
    }
  }

  @Test
  void whatIsKeptOfAPageIsLessThanAHundredthOfIt() {
    assertTrue(100 * TablePages.metadataBytesPerPage() <= Geometry.PAGE_BYTES);
  }

  @Test
  void aTableThatWasWrittenEverSoOftenCanBeLocked() {
    try (TablePages memory = memory(1)) {
      long table = take(memory, 1);
      long place = memory.place(table);
      assertTrue(memory.lock(table, place));
      for (int i = 0; i <= 1 << 16; i++) { // 2^47 and more
        memory.count(table, 0, Integer.MAX_VALUE);
      }
      memory.unlock(table, 3, 0);
      long state = memory.tryLock(table, place);
      assertTrue(state >= 0, Long.toHexString(state));
      memory.unlock(table, state, -2, Integer.MAX_VALUE);
      assertEquals(1, memory.live(table));
      state = memory.tryLock(table, place);
      assertFalse(memory.unlockIfLive(table, state, -1, Integer.MAX_VALUE), "it is empty");
      assertTrue(memory.tryLock(table, place) < 0, "it is locked still");
      memory.unlock(table);
      assertTrue(memory.tryLock(table, place) >= 0);
      memory.release(table);
    }
  }

  @Test
  void attachedMemoryRefusesWrites() {
    try (Arena arena = Arena.ofConfined()) {
      TablePages memory = TablePages.attach(arena.allocate(PAGE, PAGE), 0);
      assertThrows(RuntimeException.class, () -> memory.storeRelease(0, 1));
      assertThrows(IllegalStateException.class, () -> memory.tryReserve(1));
      var noRecord = assertThrows(IllegalStateException.class, () -> memory.lock(0, 1));
      assertEquals("table memory attached to an image is read-only", noRecord.getMessage());
      memory.close();
    }
  }
}
