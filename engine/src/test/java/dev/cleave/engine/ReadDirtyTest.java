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
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
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
  @CsvSource({
    "12, 0", "13, 1", "16, 0", "16, 7", "16, 15", "19, 100", "20, 255", "21, 0", "22, 1", "24, 5"
  })
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

  /** Pages, leaves that fill less than a word of the bitmap, and leaves that fill several. */
  @Test
  void leavesOfAllSizesSideBySideAreReportedOnceEach() {
    try (DirtyRun run = new DirtyRun(3 * REGION, 20)) {
      run.table.split(page(300), 16 * PAGE, 12, run.gather);
      run.table.split(page(600), PAGE, 12, run.gather);
      for (int replica = 0; replica < 256; replica += 50) {
        run.hardware.setInReplica(page(0), replica, DIRTY);
        run.hardware.setInReplica(page(1024), replica, DIRTY);
      }
      run.hardware.set(page(301), DIRTY);
      run.hardware.set(page(600), DIRTY);
      List<Long> dirty = pages(0, 256);
      dirty.addAll(List.of(301L, 600L));
      dirty.addAll(pages(1024, 1280));
      assertEquals(dirty, run.look(IOVA, 3 * REGION));
      assertEquals(dirty, run.take(IOVA, 3 * REGION));
      assertEquals(List.of(), run.look(IOVA, 3 * REGION));
    }
  }

  @Test
  void everyWayToCutARangeOfPagesReportsThoseInside() {
    try (DirtyRun run = new DirtyRun(2 * REGION, 12)) {
      TreeSet<Long> dirty = new TreeSet<>();
      for (long page = 1; page < 1024; page += 1 + page / 3) {
        dirty.add(page);
        run.hardware.set(page(page), DIRTY);
      }
      for (long from = 0; from < 1024; from += 37) {
        for (long to = from + 1; to <= 1024; to += 53) {
          List<Long> inside = List.copyOf(dirty.subSet(from, to));
          assertEquals(inside, run.look(page(from), (to - from) * PAGE), from + " to " + to);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4, 9})
  void aBitmapThatBeginsAnywhereGetsTheSamePages(int shift) {
    try (DirtyRun run = new DirtyRun(2 * REGION, 12)) {
      for (long page : List.of(60L, 63L, 64L, 511L, 512L, 1023L)) {
        run.hardware.set(page(page), DIRTY);
      }
      DirtyBitmap early = new DirtyBitmap(page(-shift), (1024 + shift) * PAGE, 12);
      assertEquals(6 * PAGE, run.table.readDirty(IOVA, 2 * REGION, early));
      for (long page : List.of(60L, 63L, 64L, 511L, 512L, 1023L)) {
        assertTrue(early.isDirty(page(page)), "page " + page);
      }
      assertEquals(6, early.dirtyPages());
    }
  }

  /** The top is the home of what is mapped beside it. */
  @Test
  @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void aPassOverWhatOneDirectoryHasKeepsNobodyOutOfTheTableAbove() {
    long gib = 1L << 30;
    try (DirtyRun run = new DirtyRun(REGION, 12)) {
      run.hardware.set(IOVA, DIRTY);
      DirtyBitmap bitmap = new DirtyBitmap(IOVA, gib, 12);
      boolean[] isMapped = {false};
      run.pages.afterStore(() -> {
        if (!isMapped[0]) { // the bit has just been cleared
          isMapped[0] = true;
          run.table.map(IOVA + gib, 0, 2 * gib, Access.READ_WRITE, SizeRule.atMost(30));
        }
      });
      assertEquals(PAGE, run.table.readAndClearDirty(IOVA, gib, bitmap, run.gather));
      run.pages.afterStore(() -> {});
      assertTrue(isMapped[0]);
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
      run.take(IOVA, 1L << 16);
      run.hardware.setInReplica(IOVA, 0, DIRTY);
      assertEquals(pages(6, 9), run.look(page(6), 3 * PAGE));
    }
  }

  /** More than are looked at in one go, one behind the other and not. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void ofManyTablesEachIsFoundThatHasSomethingDirty(boolean isScattered) {
    int regions = 70;
    try (DirtyRun run = new DirtyRun(regions * REGION, 12)) {
      for (int hole = 1; isScattered && hole < regions; hole += 5) {
        run.table.unmap(page(hole * 512L), REGION, run.gather);
        run.gather.complete();
        run.table.map(
            page(hole * 512L), 0, REGION, Access.READ_WRITE, SizeRule.atMost(21 - hole % 2 * 9));
      }
      for (int region = 0; region < regions; region++) {
        boolean isLarge = run.sizeAt(page(region * 512L)) == 21;
        long page = region * 519L + 3;
        run.hardware.set(page(page), DIRTY);
        List<Long> dirty = isLarge ? pages(region * 512L, region * 512L + 512) : List.of(page);
        assertEquals(dirty, run.look(IOVA, regions * REGION), "region " + region);
        assertEquals(dirty, run.take(page(1), regions * REGION - PAGE), "region " + region);
      }
      assertEquals(List.of(), run.take(IOVA, regions * REGION));
    }
  }

  /** A map after an unmap takes the pages of the tables in the opposite order. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void ofTablesThatLieUpwardOrDownwardInMemoryEachHasItsOwnPages(int unmaps) {
    int regions = 70;
    try (DirtyRun run = new DirtyRun(regions * REGION, 12)) {
      for (int i = 0; i < unmaps; i++) {
        run.table.unmap(IOVA, regions * REGION, run.gather);
        run.gather.complete();
        run.table.map(IOVA, 0, regions * REGION, Access.READ_WRITE, SizeRule.atMost(12));
      }
      List<Long> dirty = new ArrayList<>();
      for (long region = 0; region < regions; region++) {
        dirty.add(region * 513 + 3);
        run.hardware.set(page(region * 513 + 3), DIRTY);
      }
      assertEquals(dirty, run.look(IOVA, regions * REGION));
      assertEquals(dirty, run.take(IOVA, regions * REGION));
      assertEquals(List.of(), run.look(IOVA, regions * REGION));
    }
  }

  @Test
  void whatIsClearedCountsAsStores() {
    try (DirtyRun run = new DirtyRun(2 * REGION, 12)) {
      for (long page = 0; page < 1024; page += 100) {
        run.hardware.set(page(page), DIRTY);
      }
      long before = run.table.statistics().entryStores();
      assertEquals(11, run.look(IOVA, 2 * REGION).size());
      assertEquals(before, run.table.statistics().entryStores());
      assertEquals(11, run.take(IOVA, 2 * REGION).size());
      assertEquals(before + 11, run.table.statistics().entryStores());
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
