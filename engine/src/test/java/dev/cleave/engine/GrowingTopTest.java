package dev.cleave.engine;

import static dev.cleave.engine.OutOfTableMemoryTest.pagesNeeded;
import static dev.cleave.engine.fixture.SmallTable.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.oracle.SpecWalker;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A top that grows with the addresses it is asked for, as only that of AMD v1 does. */
class GrowingTopTest {
  private static final int RW = Access.READ_WRITE;
  private static final long PADDR = 0x8000_0000L;
  private static final PageTableConfig LINUX = PageTableConfig.of(AmdV1.LINUX);

  private static void mapPage(SmallTable small) {
    small.table.map(0, 0, PAGE, RW);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 3",
    "7ffffff000, 3",
    "8000000000, 4",
    "fffffffff000, 4",
    "1000000000000, 5",
    "1fffffffffff000, 5",
    "200000000000000, 6",
    "fffffffffffff000, 6"
  })
  void theTopGrowsAsFarAsAnAddressNeeds(String iova, int levels) {
    try (SmallTable small = new SmallTable()) {
      small.table.map(0x1000, 0x5000, PAGE, RW);
      long at = Long.parseUnsignedLong(iova, 16);
      small.table.map(at, 0x7000, PAGE, RW);
      assertEquals(levels, small.table.levels());
      assertEquals(0x7000, small.table.translate(at));
      assertEquals(0x5000, small.table.translate(0x1000));
    }
  }

  @Test
  void anEmptyTopThatNobodyAskedForGrowsWithoutAnotherPage() {
    try (SmallTable small = new SmallTable(LINUX.withLevels(1))) {
      small.table.map(-(1L << 51), 0, 1L << 51, RW); // at level 5 below the top
      assertEquals(6, small.table.levels());
      assertEquals(2 * PAGE, small.memory.usedBytes());
      assertFalse(small.table.isTopHeld());
    }
  }

  @Test
  void anEmptyTopThatSomebodyAskedForStaysBelowTheNewOneUntilItIsExchanged() {
    try (SmallTable small = new SmallTable(LINUX.withLevels(1))) {
      long root = small.table.root();
      small.table.map(-(1L << 51), 0, 1L << 51, RW);
      assertTrue(small.table.isTopHeld());
      small.table.map(0, 0x7000, PAGE, RW);
      assertEquals(0x7003, SpecWalker.of(small.pages, small.table).walk(root, 1, 0));
      small.table.unmap(0, PAGE, small.gather);
      small.gather.complete();
      assertEquals(7 * PAGE, small.memory.usedBytes(), "the old top, five above it, one beside");
      small.table.topExchanged(small.table.top(), small.gather);
      assertFalse(small.table.isTopHeld());
      small.gather.complete();
      assertEquals(2 * PAGE, small.memory.usedBytes());
    }
  }

  @Test
  void anEmptyTopThatNobodyAskedForGetsTheLevelOfALeafThatFillsIt() {
    try (SmallTable small = new SmallTable(LINUX.withLevels(2))) {
      small.table.map(0, 0, 1L << 30, RW);
      assertEquals(PAGE, small.memory.usedBytes());
      assertEquals(3, small.table.levels());
      assertEquals(1, small.leaves().size());
    }
  }

  @Test
  void aRuleThatForbidsTheLeafThatFillsTheTopLeavesTheTopAsItIs() {
    try (SmallTable small = new SmallTable(LINUX.withLevels(2))) {
      small.table.map(0, 0, 1L << 30, RW, SizeRule.atMost(21));
      assertEquals(2, small.table.levels());
      assertEquals(512, small.leaves().size());
    }
  }

  @Test
  void leavesBesideATopThatIsHeldAreAsLargeAsAnywhere() {
    try (SmallTable small = new SmallTable(LINUX.withLevels(3))) {
      long _ = small.table.root();
      small.table.map(0, 0, 1L << 41, RW);
      assertEquals(5, small.leaves().size(), "four of 2^38, of which two below it, and 2^40");
    }
  }

  @Test
  void noLeafCoversATopThatIsHeld() {
    try (SmallTable small = new SmallTable(LINUX.withLevels(3))) {
      long root = small.table.root();
      small.table.map(0, 0, 1L << 40, RW); // one leaf of 1 TiB, if nothing were held
      long last = (1L << 39) - PAGE;
      assertEquals(last | 3, SpecWalker.of(small.pages, small.table).walk(root, 3, last));
      assertEquals(1L << 39, small.table.translate(1L << 39));
      small.table.topExchanged(small.table.top(), small.gather);
      small.table.merge(0, 1L << 40, 40, small.gather);
      small.gather.complete();
      assertEquals(PAGE, small.memory.usedBytes());
    }
  }

  @Test
  void unmappingAllOfAHeldTopLeavesItInPlace() {
    try (SmallTable small = new SmallTable(LINUX.withLevels(1))) {
      small.table.map(0, 0, 8 * PAGE, RW);
      long root = small.table.root();
      small.table.map(1L << 39, 0, PAGE, RW);
      small.table.unmap(0, 1L << 39, small.gather);
      small.gather.complete();
      small.table.map(PAGE, 0x9000, PAGE, RW);
      assertEquals(0x9003, SpecWalker.of(small.pages, small.table).walk(root, 1, PAGE));
    }
  }

  @Test
  void aNewTopPointsAtTheOldOneFromItsFirstEntry() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(0, 0, PAGE, RW);
      long root = small.table.root();
      small.table.map(1L << 39, 0, PAGE, RW);
      assertEquals(0x6000000000000601L | root, small.pages.loadAcquire(small.table.root()));
    }
  }

  @Test
  void theTopDoesNotShrink() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(1L << 39, 0, PAGE, RW);
      small.table.unmap(1L << 39, PAGE, small.gather);
      assertEquals(4, small.table.levels());
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1L << 39, 1L << 48, 1L << 63, -PAGE, -1})
  void translateBeyondTheTopFindsNothing(long iova) {
    try (SmallTable small = new SmallTable()) {
      small.table.map(0, PADDR, PAGE, RW);
      small.table.map((1L << 39) - PAGE, PADDR, PAGE, RW);
      assertEquals(PageTable.NOT_MAPPED, small.table.translate(iova));
    }
  }

  @Test
  void aRangeThatEndsAtTheEndOfAllAddressesIsMapped() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(-PAGE, PADDR, PAGE, RW);
      assertEquals(PADDR + 0xfff, small.table.translate(-1));
    }
  }

  @Test
  void mapFarAwayNeedsTablesAboveAndBelow() {
    // levels 4, 5 and 6 above the old top, then 5 to 1 below the new one
    assertEquals(
        8,
        pagesNeeded(LINUX, GrowingTopTest::mapPage, small -> small.table.map(-PAGE, 0, PAGE, RW)));
  }

  @Test
  void mapOverTheEndOfTheOldTopNeedsBothSides() {
    // a new top of level 4, then two tables on each side of 2^39
    assertEquals(
        1 + 2 + 3,
        pagesNeeded(
            LINUX,
            GrowingTopTest::mapPage,
            small -> small.table.map((1L << 39) - PAGE, 0, 2 * PAGE, RW)));
  }

  @Test
  void aRangeBeyondTheWidthOfIovasIsRefused() {
    try (SmallTable small = new SmallTable(LINUX.withWidths(40, 52))) {
      small.assertRefused(
          Reason.OUT_OF_RANGE,
          (1L << 40) + PAGE - 1,
          "a range must end at or below 2^40, iova=0xfffffff000, length=0x2000",
          () -> small.table.map((1L << 40) - PAGE, PADDR, 2 * PAGE, RW));
    }
  }

  @Test
  void aRangeThatEndsAtTheWidthOfIovasIsMapped() {
    try (SmallTable small = new SmallTable(LINUX.withWidths(40, 52))) {
      small.table.map((1L << 40) - PAGE, PADDR, PAGE, RW);
      assertEquals(PADDR, small.table.translate((1L << 40) - PAGE));
    }
  }
}
