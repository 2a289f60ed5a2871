package dev.cleave.engine;

import static dev.cleave.engine.fixture.DirtyRun.IOVA;
import static dev.cleave.engine.fixture.DirtyRun.PAGE;
import static dev.cleave.engine.fixture.DirtyRun.REGION;
import static dev.cleave.engine.fixture.DirtyRun.page;
import static dev.cleave.engine.fixture.DirtyRun.pages;
import static dev.cleave.engine.oracle.StatusHardware.ACCESSED;
import static dev.cleave.engine.oracle.StatusHardware.DIRTY;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.fixture.DirtyRun;
import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.oracle.TableSnapshot;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Dirty pages are reported exactly, and each is reported until it has been cleared. */
class ReadDirtyTest {
  @Test
  void onlyTheLeavesThatWereWrittenToAreReported() {
    try (DirtyRun run = new DirtyRun(2 * REGION, 12)) {
      for (long page : List.of(0L, 1L, 63L, 64L, 511L, 512L, 1023L)) {
        run.hardware.set(page(page), DIRTY);
      }
      run.hardware.set(page(7), ACCESSED);
      assertEquals(List.of(1L, 63L, 64L, 511L, 512L), run.take(page(1), 1022 * PAGE));
      assertEquals(List.of(0L, 1023L), run.take(IOVA, 2 * REGION));
    }
  }

  @ParameterizedTest
  @CsvSource({"12, 0", "13, 1", "16, 0", "16, 7", "16, 15", "20, 255", "21, 0", "22, 1", "24, 5"})
  void aLeafIsReportedWholeWhicheverReplicaIsDirty(int sizeLog2, int replica) {
    try (DirtyRun run = new DirtyRun(1L << sizeLog2, sizeLog2)) {
      run.hardware.setInReplica(IOVA, replica, DIRTY);
      assertEquals(pages(0, 1L << (sizeLog2 - 12)), run.take(IOVA, 1L << sizeLog2));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {12, 13, 16, 20, 21, 22, 24})
  void aLeafThatIsDirtyInEveryReplicaIsCleanAfterwards(int sizeLog2) {
    try (DirtyRun run = new DirtyRun(1L << sizeLog2, sizeLog2)) {
      for (int replica = 0; replica < 256; replica++) {
        run.hardware.setInReplica(IOVA, replica, DIRTY | ACCESSED);
      }
      run.take(IOVA, 1L << sizeLog2);
      assertEquals(List.of(), run.take(IOVA, 1L << sizeLog2));
      assertEquals(ACCESSED, run.hardware.status(IOVA));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {12, 16, 21, 22})
  void theWholeOfADirtyLeafIsToBeFlushed(int sizeLog2) {
    try (DirtyRun run = new DirtyRun(1L << sizeLog2, sizeLog2)) {
      run.hardware.set(IOVA, DIRTY);
      run.take(IOVA, 1L << sizeLog2);
      assertEquals(1, run.gather.rangeCount());
      assertEquals(IOVA, run.gather.rangeFirst(0));
      assertEquals(IOVA + (1L << sizeLog2) - 1, run.gather.rangeLast(0));
    }
  }

  @Test
  void cleanLeavesOweNothing() {
    try (DirtyRun run = new DirtyRun(2 * REGION, 16)) {
      run.hardware.set(IOVA, ACCESSED);
      assertEquals(List.of(), run.take(IOVA, 2 * REGION));
      assertTrue(run.gather.isEmpty());
    }
  }

  @Test
  void aLeafThatReachesOverAnEndIsSplitAndStaysDirtyOutside() {
    try (DirtyRun run = new DirtyRun(4 * REGION, 23)) {
      run.hardware.set(page(600), DIRTY);
      assertEquals(pages(100, 1300), run.take(page(100), 1200 * PAGE));
      List<Long> outside = pages(0, 100);
      outside.addAll(pages(1300, 2048));
      assertEquals(outside, run.look(IOVA, 4 * REGION));
      assertEquals(IOVA, run.gather.rangeFirst(0));
      assertEquals(IOVA + 4 * REGION - 1, run.gather.rangeLast(0));
    }
  }

  @Test
  void aSizedLeafThatReachesOverAnEndIsSplitAndStaysDirtyOutside() {
    try (DirtyRun run = new DirtyRun(1L << 16, 16)) {
      run.hardware.setInReplica(IOVA, 15, DIRTY);
      assertEquals(pages(3, 5), run.take(page(3), 2 * PAGE));
      List<Long> outside = pages(0, 3);
      outside.addAll(pages(5, 16));
      assertEquals(outside, run.take(IOVA, 1L << 16));
    }
  }

  @Test
  void aSplitThatFindsNoTableMemoryRefusesAndClearsNothing() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(0, 0, REGION, Access.READ_WRITE);
      small.table.setDirty(0, REGION);
      DirtyBitmap bitmap = new DirtyBitmap(0, REGION, 12);
      long free = SmallTable.PAGES - small.memory.usedBytes() / PAGE;
      assertTrue(small.pages.tryReserve(free));
      small.assertRefused(
          Reason.OUT_OF_TABLE_MEMORY,
          0,
          "must have 1 free pages",
          () -> small.table.readAndClearDirty(0, PAGE, bitmap, small.gather));
      small.pages.unreserve(free);
      assertEquals(0, bitmap.dirtyPages());
    }
  }

  @Test
  void lookingReportsWhatLiesInTheRangeAndChangesNothing() {
    try (DirtyRun run = new DirtyRun(2 * REGION, 21)) {
      run.hardware.set(page(600), DIRTY);
      TableSnapshot before = TableSnapshot.of(run.pages, run.table, run.gather);
      assertEquals(pages(512, 700), run.look(page(500), 200 * PAGE));
      assertEquals(before, TableSnapshot.of(run.pages, run.table, run.gather));
    }
  }

  @Test
  void lookingAtASizedLeafFindsAReplicaOutsideTheRange() {
    try (DirtyRun run = new DirtyRun(1L << 16, 16)) {
      run.hardware.setInReplica(IOVA, 15, DIRTY);
      DirtyBitmap coarse = new DirtyBitmap(IOVA, 1L << 16, 13);
      assertEquals(1L << 16, run.table.readDirty(IOVA, 1L << 16, coarse));
      assertEquals(8, coarse.dirtyPages());
      coarse.clear();
      assertEquals(4 * PAGE, run.table.readDirty(IOVA, 4 * PAGE, coarse));
    }
  }

  @Test
  void holesAreSkippedAndARangeWithNothingInItHasNothingDirty() {
    try (DirtyRun run = new DirtyRun(2 * REGION, 12)) {
      run.hardware.set(page(3), DIRTY);
      run.hardware.set(page(900), DIRTY);
      run.table.unmap(page(100), 500 * PAGE, run.gather);
      assertEquals(List.of(), run.take(page(100), 500 * PAGE));
      assertEquals(List.of(3L, 900L), run.take(IOVA, 2 * REGION));
      DirtyBitmap far = new DirtyBitmap(-REGION, REGION, 12);
      assertEquals(0, run.table.readAndClearDirty(-REGION, REGION, far, run.gather));
    }
  }

  @Test
  void marksOfEarlierPassesStayAndCountForNothing() {
    try (DirtyRun run = new DirtyRun(REGION, 12)) {
      run.hardware.set(page(3), DIRTY);
      assertEquals(PAGE, run.table.readAndClearDirty(IOVA, REGION, run.bitmap, run.gather));
      run.hardware.set(page(9), DIRTY);
      assertEquals(PAGE, run.table.readAndClearDirty(IOVA, REGION, run.bitmap, run.gather));
      assertEquals(2, run.bitmap.dirtyPages());
    }
  }

  @Test
  void aBitmapOfLargerPagesMarksThePageAroundEachDirtyOne() {
    try (DirtyRun run = new DirtyRun(2 * REGION, 12)) {
      DirtyBitmap regions = new DirtyBitmap(IOVA, 2 * REGION, 21);
      run.hardware.set(page(700), DIRTY);
      assertEquals(PAGE, run.table.readAndClearDirty(IOVA, 2 * REGION, regions, run.gather));
      assertEquals(IOVA + REGION, regions.nextDirty(IOVA));
      assertEquals(1, regions.dirtyPages());
    }
  }

  @Test
  void aBitmapThatLacksAPartOfTheRangeIsRefused() {
    try (DirtyRun run = new DirtyRun(2 * REGION, 21)) {
      DirtyBitmap half = new DirtyBitmap(IOVA, REGION, 12);
      PageTableException refusal =
          assertThrows(
              PageTableException.class,
              () -> run.table.readAndClearDirty(IOVA, 2 * REGION, half, run.gather));
      assertEquals(Reason.OUT_OF_RANGE, refusal.reason());
      assertThrows(
          PageTableException.class, () -> run.table.readDirty(IOVA - PAGE, 2 * PAGE, half));
    }
  }

  /**
   * Every page is written to once, at every possible moment, and must come in one of two passes.
   */
  @ParameterizedTest
  @ValueSource(ints = {12, 14, 16, 19})
  void whatHardwareSetsBetweenAnyTwoStoresComesNowOrInTheNextPass(int sizeLog2) {
    long bytes = 1L << 19;
    for (int moment = 0; moment < 48; moment++) {
      try (DirtyRun run = new DirtyRun(bytes, sizeLog2)) {
        for (long page = 0; page < 128; page += 3) {
          run.hardware.set(page(page), DIRTY);
        }
        int[] stores = {0};
        int chosen = moment;
        boolean[] isWriting = {false};
        run.pages.afterStore(() -> {
          if (!isWriting[0] && stores[0]++ == chosen) {
            isWriting[0] = true;
            for (int page = 1; page < 128; page += 3) {
              run.hardware.setInReplica(page(page), page * 7, DIRTY);
            }
            isWriting[0] = false;
          }
        });
        TreeSet<Long> seen = new TreeSet<>(run.take(IOVA, bytes));
        run.pages.afterStore(() -> {});
        boolean isOver = stores[0] <= moment;
        seen.addAll(run.take(IOVA, bytes));
        for (long page = isOver ? 3 : 1; page < 128; page += 3) {
          assertTrue(seen.contains(page), "page " + page + " after store " + moment);
        }
        assertEquals(List.of(), run.take(IOVA, bytes));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {12, 16, 21, 22})
  void setDirtyMarksEveryReplicaOfEveryLeafThatTheRangeTouches(int sizeLog2) {
    try (DirtyRun run = new DirtyRun(4 * REGION, sizeLog2)) {
      long leafPages = 1L << (sizeLog2 - 12);
      assertEquals(2 * PAGE, run.table.setDirty(page(1023), 2 * PAGE));
      assertTrue(run.gather.isEmpty());
      long first = 1023 / leafPages * leafPages;
      long end = (1024 / leafPages + 1) * leafPages;
      for (long page = first; page < end; page++) {
        long entry = run.pages.loadAcquire(run.remembered(page));
        assertEquals(DIRTY | ACCESSED, entry & (DIRTY | ACCESSED), "page " + page);
      }
      assertEquals(pages(first, end), run.take(IOVA, 4 * REGION));
    }
  }

  @Test
  void setDirtyOfAHoleIsRefused() {
    try (SmallTable small = new SmallTable()) {
      small.assertRefused(
          Reason.NOT_MAPPED, 0, "must have something mapped", () -> small.table.setDirty(0, PAGE));
    }
  }
}
