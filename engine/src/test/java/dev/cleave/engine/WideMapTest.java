package dev.cleave.engine;

import static dev.cleave.engine.PageTable.NOT_MAPPED;
import static dev.cleave.engine.fixture.SmallTable.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.fixture.SteppedPages;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A map over several tables of level 2: it fills them while their home is free for others. */
class WideMapTest {
  private static final long REGION = 1L << 21;
  private static final long GIB = 1L << 30;
  private static final long FIRST = GIB - 2 * REGION;
  private static final long LENGTH = 4 * REGION;

  /** So much more than its iova that all leaves are pages. */
  private static final long PADDR = (1L << 40) + PAGE;

  private final SteppedPages pages = new SteppedPages(1L << 22, 1L << 32);
  private final TableMemory memory = TableMemory.of(pages);
  private final PageTable table = PageTable.create(memory, PageTableConfig.of(AmdV1.LINUX));
  private int stores;

  @AfterEach
  void close() {
    pages.afterStore(() -> {});
    table.close();
    memory.close();
  }

  private void map(long iova, long length) {
    map(table, iova, length);
  }

  private static void map(PageTable in, long iova, long length) {
    in.map(iova, PADDR + iova, length, Access.READ_WRITE);
  }

  private void onceInTheFirstLeafTable(Runnable hook) {
    pages.afterStore(() -> {
      if (++stores == 100) {
        hook.run();
      }
    });
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 4})
  void anotherMapBelowTheSameHomeNeedNotWait(int levels) {
    PageTableConfig config = PageTableConfig.of(AmdV1.LINUX).withLevels(levels);
    try (PageTable deep = PageTable.create(memory, config)) {
      onceInTheFirstLeafTable(() -> map(deep, FIRST + 2 * GIB, LENGTH));
      assertTimeoutPreemptively(Duration.ofSeconds(30), () -> map(deep, FIRST, LENGTH));
      for (long iova = FIRST; iova < FIRST + LENGTH; iova += PAGE) {
        assertEquals(PADDR + iova, deep.translate(iova));
        assertEquals(PADDR + iova + 2 * GIB, deep.translate(iova + 2 * GIB));
      }
      long tops = levels - 1L; // and that of the other table
      assertEquals(PAGE * (tops + 2 * (2 + 4)), memory.usedBytes(), "twice two, with two each");
    }
  }

  @Test
  void aPageThatHeldSomethingElseIsEmptyBeforeOthersSeeIt() {
    map(FIRST + 4 * GIB, LENGTH);
    IotlbGather gather = table.newGather();
    table.unmap(FIRST + 4 * GIB, LENGTH, gather);
    gather.complete();
    map(FIRST, LENGTH);
    long leaves = 0;
    for (LeafCursor leaf = table.leaves(); leaf.advance(); leaves++) {
      assertEquals(PADDR + leaf.iova(), leaf.paddr());
    }
    assertEquals(LENGTH / PAGE, leaves);
  }

  @Test
  void whatIsMappedAlreadyTranslatesAndTheRestIsAHole() {
    long[] mapped = new long[1];
    pages.afterStore(() -> {
      long translated = 0;
      for (long iova = FIRST; iova < FIRST + LENGTH; iova += REGION / 2) {
        long paddr = table.translate(iova);
        assertTrue(paddr == NOT_MAPPED || paddr == PADDR + iova, "translates right or not");
        translated += paddr == NOT_MAPPED ? 0 : 1;
      }
      assertTrue(translated >= mapped[0], "a hole where something was mapped");
      mapped[0] = translated;
    });
    map(FIRST, LENGTH);
    assertEquals(8, mapped[0]);
  }

  @Test
  void aPageInTheMiddleRefusesAllOfIt() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(2 * GIB + 5 * PAGE, 0, PAGE, Access.READ);
      small.assertRefused(
          Reason.ALREADY_MAPPED,
          2 * GIB + 5 * PAGE,
          "is mapped",
          () -> small.table.map(FIRST, PADDR, 3 * GIB, Access.READ));
    }
  }

  @Test
  void withoutMemoryForTheLastTableNothingIsMapped() {
    try (TableMemory little =
            TableMemory.builder().capacityBytes(1L << 20).limitBytes(6 * PAGE).build();
        PageTable small = PageTable.create(little, PageTableConfig.of(AmdV1.LINUX))) {
      PageTableException refusal =
          assertThrows(
              PageTableException.class, () -> small.map(FIRST, PADDR, LENGTH, Access.READ));
      assertEquals(Reason.OUT_OF_TABLE_MEMORY, refusal.reason());
      assertEquals(PAGE, little.usedBytes());
      small.map(FIRST, PADDR, 2 * REGION, Access.READ);
      assertEquals(PADDR, small.translate(FIRST));
    }
  }

  @Test
  void leavesOfTheHomeItselfStandBesideTables() {
    table.map(GIB - REGION, GIB - REGION, 2 * GIB + 2 * REGION, Access.READ_WRITE);
    LeafCursor leaf = table.leaves();
    long[] sizes = {21, 30, 30, 21};
    for (long size : sizes) {
      assertTrue(leaf.advance());
      assertEquals(size, leaf.sizeLog2());
      assertEquals(leaf.iova(), leaf.paddr());
    }
    assertEquals(false, leaf.advance());
  }

  @Test
  void tablesThatWaitForAFlushAreTakenBack() {
    map(FIRST, LENGTH);
    IotlbGather gather = table.newGather();
    assertEquals(LENGTH, table.unmap(FIRST, LENGTH, gather));
    assertEquals(6, gather.tablePages());
    map(FIRST, LENGTH);
    assertEquals(0, gather.tablePages());
    assertEquals(PADDR + FIRST, table.translate(FIRST));
    gather.complete();
    assertEquals(PADDR + FIRST + LENGTH - 1, table.translate(FIRST + LENGTH - 1));
  }
}
