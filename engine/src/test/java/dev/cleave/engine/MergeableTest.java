package dev.cleave.engine;

import static dev.cleave.engine.fixture.DirtyRun.IOVA;
import static dev.cleave.engine.fixture.DirtyRun.PADDR;
import static dev.cleave.engine.fixture.DirtyRun.PAGE;
import static dev.cleave.engine.fixture.DirtyRun.REGION;
import static dev.cleave.engine.fixture.DirtyRun.page;
import static dev.cleave.engine.oracle.StatusHardware.ACCESSED;
import static dev.cleave.engine.oracle.StatusHardware.DIRTY;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.fixture.DirtyRun;
import dev.cleave.engine.format.Access;
import org.junit.jupiter.api.Test;

/**
 * Who asks whether a region is mergeable, and merges it then, merges what is there: whatever others
 * have done in between.
 */
class MergeableTest {
  private static final int PAGES = 512;
  private static final int REGION_LOG2 = 21;
  private static final long ELSEWHERE = 1L << 45;

  private static DirtyRun regions(int count) {
    return new DirtyRun(count * REGION, 12);
  }

  private static void merge(DirtyRun run, long iova) {
    run.table.mergeToFit(iova, REGION, SizeRule.atMost(REGION_LOG2), run.gather);
    run.gather.complete();
  }

  @Test
  void whatIsMergeableIsMerged() {
    try (DirtyRun run = regions(1)) {
      assertTrue(run.table.isMergeable(IOVA, run.gather));
      merge(run, IOVA);
      assertEquals(REGION_LOG2, run.sizeAt(IOVA));
      assertEquals(PADDR + 7 * PAGE, run.table.translate(page(7)));
      assertFalse(run.table.isMergeable(IOVA, run.gather));
    }
  }

  @Test
  void aPageThatLiesElsewhereByThenIsNot() {
    try (DirtyRun run = regions(1)) {
      assertTrue(run.table.isMergeable(IOVA, run.gather));
      IotlbGather other = run.table.newGather();
      run.table.unmap(page(7), PAGE, other);
      other.complete();
      run.table.map(page(7), ELSEWHERE, PAGE, Access.READ_WRITE);
      merge(run, IOVA);
      assertEquals(12, run.sizeAt(page(7)));
      assertEquals(ELSEWHERE, run.table.translate(page(7)));
    }
  }

  @Test
  void aPageThatMayOnlyBeReadByThenIsNot() {
    try (DirtyRun run = regions(1)) {
      assertTrue(run.table.isMergeable(IOVA, run.gather));
      IotlbGather other = run.table.newGather();
      run.table.protect(page(7), PAGE, Access.READ, other);
      other.complete();
      merge(run, IOVA);
      assertEquals(12, run.sizeAt(page(7)));
    }
  }

  /** The same page becomes the same table, and as many entries are written to it. */
  @Test
  void aTableThatWasUsedAgainIsLookedAtAgain() {
    try (DirtyRun run = regions(2)) {
      assertTrue(run.table.isMergeable(IOVA, run.gather));
      long slot = run.remembered(0);
      IotlbGather other = run.table.newGather();
      run.table.unmap(IOVA, REGION, other);
      other.complete();
      run.table.mapScattered(IOVA, framesOfTwoSwapped(), 0, PAGES, Access.READ_WRITE);
      assertEquals(slot, run.remembered(0));
      merge(run, IOVA);
      assertEquals(12, run.sizeAt(page(7)));
      assertEquals(PADDR + 8 * PAGE, run.table.translate(page(7)));
    }
  }

  private static long[] framesOfTwoSwapped() {
    long[] frames = new long[PAGES];
    for (int i = 0; i < PAGES; i++) {
      frames[i] = PADDR / PAGE + i;
    }
    frames[7]++;
    frames[8]--;
    return frames;
  }

  @Test
  void bitsThatHardwareSetsInBetweenAreKept() {
    try (DirtyRun run = regions(1)) {
      assertTrue(run.table.isMergeable(IOVA, run.gather));
      run.hardware.set(page(7), DIRTY | ACCESSED);
      merge(run, IOVA);
      assertEquals(REGION_LOG2, run.sizeAt(IOVA));
      assertEquals(DIRTY | ACCESSED, run.hardware.status(page(7)));
    }
  }

  @Test
  void whatWasAskedLastIsNotTakenForAnotherRegion() {
    try (DirtyRun run = regions(3)) {
      for (int region = 0; region < 3; region++) {
        assertTrue(run.table.isMergeable(IOVA + region * REGION, run.gather));
      }
      run.table.mergeToFit(IOVA, 3 * REGION, SizeRule.atMost(REGION_LOG2), run.gather);
      run.gather.complete();
      for (int region = 0; region < 3; region++) {
        long iova = IOVA + region * REGION;
        assertEquals(REGION_LOG2, run.sizeAt(iova));
        assertEquals(PADDR + region * REGION, run.table.translate(iova));
      }
    }
  }

  @Test
  void aLeafBesideItIsLookedAtInBetween() {
    try (DirtyRun run = regions(2)) {
      merge(run, IOVA);
      assertTrue(run.table.isMergeable(IOVA + REGION, run.gather));
      run.table.mergeToFit(IOVA, 2 * REGION, SizeRule.atMost(REGION_LOG2 + 1), run.gather);
      run.gather.complete();
      assertEquals(REGION_LOG2 + 1, run.sizeAt(IOVA));
      assertEquals(PADDR + REGION, run.table.translate(IOVA + REGION));
    }
  }
}
