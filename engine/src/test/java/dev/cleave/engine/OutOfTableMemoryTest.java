package dev.cleave.engine;

import static dev.cleave.engine.fixture.SmallTable.PAGE;
import static dev.cleave.engine.fixture.SmallTable.PAGES;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.oracle.TableSnapshot;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** With every number of free pages below what an operation needs it is refused, whole. */
@ParameterizedClass
@EnumSource(TableKind.class)
class OutOfTableMemoryTest {
  private static final long GIGABYTE = 1L << 30;

  private final TableKind kind;

  /** Where the iovas begin, and a gigabyte further. */
  private final long base;

  private final long iova;

  /** Tables between the top and the one in which a gigabyte would be one leaf. */
  private final int between;

  OutOfTableMemoryTest(TableKind kind) {
    this.kind = kind;
    this.base = kind.base();
    this.iova = base + GIGABYTE;
    this.between = kind.config().levels() - 3;
  }

  /** Tries with 0, 1, 2 … free pages; returns with how many it worked. */
  static int pagesNeeded(
      PageTableConfig config, Consumer<SmallTable> prepare, Consumer<SmallTable> operation) {
    for (int free = 0; ; free++) {
      try (SmallTable small = new SmallTable(config)) {
        prepare.accept(small);
        long held = PAGES - small.memory.usedBytes() / PAGE - free;
        assertTrue(small.pages.tryReserve(held), "pages were lost before");
        TableSnapshot before = small.snapshot();
        long usedBefore = small.memory.usedBytes() / PAGE;
        boolean isDone = isDone(small, operation);
        if (!isDone) {
          assertEquals(before, small.snapshot());
        }
        long taken = small.memory.usedBytes() / PAGE - usedBefore;
        assertTrue(small.pages.tryReserve(free - taken), "pages were lost");
        assertTrue(!small.pages.tryReserve(1), "more was taken than was reserved");
        small.pages.unreserve(held + free - taken);
        if (isDone) {
          assertEquals(free, taken, "it asked for more than it needs");
          return free;
        }
      }
    }
  }

  private int pagesNeeded(Consumer<SmallTable> prepare, Consumer<SmallTable> operation) {
    return pagesNeeded(kind.config(), prepare, operation);
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

  private void mapGigabyte(SmallTable small) {
    small.table.map(iova, GIGABYTE, GIGABYTE, Access.READ_WRITE);
  }

  private void mapPage(SmallTable small) {
    small.table.map(base, 0, PAGE, Access.READ_WRITE);
  }

  @Test
  void mapOfOnePageNeedsATableForEachLevelBelowTheTop() {
    assertEquals(2 + between, pagesNeeded(small -> {}, this::mapPage));
  }

  @Test
  void mapOfMisalignedMemoryNeedsATableForEveryRegion() {
    // 4 MiB whose paddr is 4 KiB off: two whole tables of level 1, and one of level 2
    assertEquals(
        3 + between,
        pagesNeeded(small -> {}, small -> small.table.map(iova, PAGE, 4 << 20, Access.READ)));
  }

  @Test
  void mapOfScatteredPagesNeedsTheTablesTheyShareOnce() {
    long[] frames = {5, 6, 7, 100, 50, 51, 9};
    assertEquals(
        3 + between,
        pagesNeeded(
            small -> {},
            small ->
                small.table.mapScattered(
                    base + (2 << 20) - 3 * PAGE, frames, 0, frames.length, Access.READ)));
  }

  @Test
  void splitOfAGigabyteToTwoMegabytesNeedsOneTable() {
    assertEquals(
        1,
        pagesNeeded(
            this::mapGigabyte, small -> small.table.split(iova, GIGABYTE, 21, small.gather)));
  }

  @Test
  void splitOfAPieceOverTwoRegionsNeedsThreeTables() {
    assertEquals(
        3,
        pagesNeeded(
            this::mapGigabyte,
            small -> small.table.split(iova + (2 << 20) - PAGE, 2 * PAGE, 12, small.gather)));
  }

  @Test
  void unmapInsideOneLeafNeedsTwoTables() {
    assertEquals(
        2,
        pagesNeeded(
            this::mapGigabyte, small -> small.table.unmap(iova + 5 * PAGE, PAGE, small.gather)));
  }

  @Test
  void unmapFromTheMiddleOfOneLeafToTheMiddleOfAnotherNeedsTablesForBoth() {
    assertEquals(
        4,
        pagesNeeded(
            small -> small.table.map(iova, GIGABYTE, 3L << 30, Access.READ_WRITE),
            small -> small.table.unmap(iova + PAGE, 2L << 30, small.gather)));
  }

  @Test
  void protectInsideOneLeafNeedsTwoTables() {
    assertEquals(
        2,
        pagesNeeded(
            this::mapGigabyte,
            small -> small.table.protect(iova + 5 * PAGE, PAGE, Access.READ, small.gather)));
  }

  @Test
  void fitToSmallPagesNeedsWhatSplitNeeds() {
    assertEquals(
        3,
        pagesNeeded(
            this::mapGigabyte,
            small ->
                small.table.fit(
                    iova + (2 << 20) - PAGE, 2 * PAGE, SizeRule.atMost(12), small.gather)));
  }

  @Test
  void mergeNeedsNone() {
    assertEquals(
        0,
        pagesNeeded(
            small -> {
              mapGigabyte(small);
              small.table.split(iova, 2 << 20, 12, small.gather);
            },
            small -> small.table.merge(iova, GIGABYTE, 30, small.gather)));
  }

  @Test
  void aRefusalSaysHowManyPagesAreNeeded() {
    try (SmallTable small = new SmallTable(kind)) {
      long held = PAGES - small.memory.usedBytes() / PAGE - 1;
      assertTrue(small.pages.tryReserve(held), "pages were lost before");
      Executable map = () -> mapPage(small);
      small.assertRefused(
          Reason.OUT_OF_TABLE_MEMORY,
          base,
          "table memory must have %d free pages of 4096 bytes for iova=0x%x"
              .formatted(2 + between, base),
          map);
      small.pages.unreserve(held);
    }
  }
}
