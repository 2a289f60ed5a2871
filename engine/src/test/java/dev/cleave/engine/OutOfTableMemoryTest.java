package dev.cleave.engine;

import static dev.cleave.engine.SmallTable.PAGE;
import static dev.cleave.engine.SmallTable.PAGES;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.format.Access;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** With every number of free pages below what an operation needs it is refused, whole. */
class OutOfTableMemoryTest {
  private static final long IOVA = 1L << 30;

  /** Tries with 0, 1, 2 … free pages; returns with how many it worked. */
  private static int pagesNeeded(Consumer<SmallTable> prepare, Consumer<SmallTable> operation) {
    for (int free = 0; ; free++) {
      try (SmallTable small = new SmallTable()) {
        prepare.accept(small);
        long held = PAGES - small.memory.usedBytes() / PAGE - free;
        assertTrue(small.memory.tryReserve(held), "pages were lost before");
        TableSnapshot before = small.snapshot();
        long usedBefore = small.memory.usedBytes() / PAGE;
        boolean isDone = isDone(small, operation);
        if (!isDone) {
          assertEquals(before, small.snapshot());
        }
        long taken = small.memory.usedBytes() / PAGE - usedBefore;
        assertTrue(small.memory.tryReserve(free - taken), "pages were lost");
        assertTrue(!small.memory.tryReserve(1), "more was taken than was reserved");
        small.memory.unreserve(held + free - taken);
        if (isDone) {
          assertEquals(free, taken, "it asked for more than it needs");
          return free;
        }
      }
    }
  }

  private static boolean isDone(SmallTable small, Consumer<SmallTable> operation) {
    try {
      operation.accept(small);
      return true;
    } catch (PageTableException e) {
      assertEquals(Reason.OUT_OF_TABLE_MEMORY, e.reason());
      return false;
    }
  }

  private static void mapGigabyte(SmallTable small) {
    small.table.map(IOVA, IOVA, IOVA, Access.READ_WRITE);
  }

  private static void mapPage(SmallTable small) {
    small.table.map(0, 0, PAGE, Access.READ_WRITE);
  }

  @Test
  void mapOfOnePageNeedsTwoTables() {
    assertEquals(2, pagesNeeded(small -> {}, OutOfTableMemoryTest::mapPage));
  }

  @Test
  void mapFarAwayNeedsTablesAboveAndBelow() {
    // levels 4, 5 and 6 above the old top, then 5 to 1 below the new one
    assertEquals(
        8,
        pagesNeeded(
            OutOfTableMemoryTest::mapPage,
            small -> small.table.map(-PAGE, 0, PAGE, Access.READ_WRITE)));
  }

  @Test
  void mapOverTheEndOfTheOldTopNeedsBothSides() {
    // a new top of level 4, then two tables on each side of 2^39
    assertEquals(
        1 + 2 + 3,
        pagesNeeded(
            OutOfTableMemoryTest::mapPage,
            small -> small.table.map((1L << 39) - PAGE, 0, 2 * PAGE, Access.READ_WRITE)));
  }

  @Test
  void mapOfMisalignedMemoryNeedsATableForEveryRegion() {
    // 4 MiB whose paddr is 4 KiB off: two whole tables of level 1, and one of level 2
    assertEquals(
        3, pagesNeeded(small -> {}, small -> small.table.map(IOVA, PAGE, 4 << 20, Access.READ)));
  }

  @Test
  void mapOfScatteredPagesNeedsTheTablesTheyShareOnce() {
    long[] frames = {5, 6, 7, 100, 50, 51, 9};
    assertEquals(
        3,
        pagesNeeded(
            small -> {},
            small ->
                small.table.mapScattered(
                    (2 << 20) - 3 * PAGE, frames, 0, frames.length, Access.READ)));
  }

  @Test
  void splitOfAGigabyteToTwoMegabytesNeedsOneTable() {
    assertEquals(
        1,
        pagesNeeded(
            OutOfTableMemoryTest::mapGigabyte,
            small -> small.table.split(IOVA, IOVA, 21, small.gather)));
  }

  @Test
  void splitOfAPieceOverTwoRegionsNeedsThreeTables() {
    assertEquals(
        3,
        pagesNeeded(
            OutOfTableMemoryTest::mapGigabyte,
            small -> small.table.split(IOVA + (2 << 20) - PAGE, 2 * PAGE, 12, small.gather)));
  }

  @Test
  void unmapInsideOneLeafNeedsTwoTables() {
    assertEquals(
        2,
        pagesNeeded(
            OutOfTableMemoryTest::mapGigabyte,
            small -> small.table.unmap(IOVA + 5 * PAGE, PAGE, small.gather)));
  }

  @Test
  void unmapFromTheMiddleOfOneLeafToTheMiddleOfAnotherNeedsTablesForBoth() {
    assertEquals(
        4,
        pagesNeeded(
            small -> small.table.map(IOVA, IOVA, 3L << 30, Access.READ_WRITE),
            small -> small.table.unmap(IOVA + PAGE, 2L << 30, small.gather)));
  }

  @Test
  void protectInsideOneLeafNeedsTwoTables() {
    assertEquals(
        2,
        pagesNeeded(
            OutOfTableMemoryTest::mapGigabyte,
            small -> small.table.protect(IOVA + 5 * PAGE, PAGE, Access.READ, small.gather)));
  }

  @Test
  void fitToSmallPagesNeedsWhatSplitNeeds() {
    assertEquals(
        3,
        pagesNeeded(
            OutOfTableMemoryTest::mapGigabyte,
            small ->
                small.table.fit(
                    IOVA + (2 << 20) - PAGE, 2 * PAGE, SizeRule.atMost(12), small.gather)));
  }

  @Test
  void mergeNeedsNone() {
    assertEquals(
        0,
        pagesNeeded(
            small -> {
              mapGigabyte(small);
              small.table.split(IOVA, 2 << 20, 12, small.gather);
            },
            small -> small.table.merge(IOVA, IOVA, 30, small.gather)));
  }

  @Test
  void aRefusalSaysHowManyPagesAreNeeded() {
    try (SmallTable small = new SmallTable()) {
      long held = PAGES - small.memory.usedBytes() / PAGE - 1;
      assertTrue(small.memory.tryReserve(held), "pages were lost before");
      Executable map = () -> mapPage(small);
      small.assertRefused(
          Reason.OUT_OF_TABLE_MEMORY,
          0,
          "table memory must have 2 free pages of 4096 bytes for iova=0x0",
          map);
      small.memory.unreserve(held);
    }
  }
}
