package dev.cleave.engine;

import static dev.cleave.engine.fixture.DirtyRun.IOVA;
import static dev.cleave.engine.fixture.DirtyRun.PAGE;
import static dev.cleave.engine.fixture.DirtyRun.REGION;
import static dev.cleave.engine.fixture.DirtyRun.page;
import static dev.cleave.engine.oracle.StatusHardware.DIRTY;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.fixture.DirtyRun;
import dev.cleave.engine.fixture.HitlessRun;
import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Start, pass after pass, stop: every page that was written to is reported, and no other. */
class DirtyTrackingTest {
  private static final long BYTES = 4 * REGION;
  private static final SizeRule LARGE = SizeRule.atMost(23);

  @ParameterizedTest
  @ValueSource(ints = {12, 16, 21})
  void trackingBeginsWithCleanPagesOfTheSizeThatWasAskedFor(int pageLog2) {
    try (DirtyRun run = new DirtyRun(BYTES, 23)) {
      run.hardware.set(IOVA, DIRTY);
      assertEquals(BYTES, run.table.startDirtyTracking(IOVA, BYTES, pageLog2, run.gather));
      assertEquals(List.of(), run.look(IOVA, BYTES));
      for (long page = 0; page < BYTES / PAGE; page++) {
        assertEquals(pageLog2, run.sizeAt(page(page)));
      }
      assertEquals(IOVA, run.gather.rangeFirst(0));
      assertEquals(IOVA + BYTES - 1, run.gather.rangeLast(0));
    }
  }

  @Test
  void whatLiesOutsideKeepsItsDirtyBit() {
    try (DirtyRun run = new DirtyRun(BYTES, 23)) {
      run.hardware.set(IOVA, DIRTY);
      run.table.startDirtyTracking(page(512), REGION, 12, run.gather);
      List<Long> outside = new ArrayList<>(DirtyRun.pages(0, 512));
      outside.addAll(DirtyRun.pages(1024, 2048));
      assertEquals(outside, run.look(IOVA, BYTES));
    }
  }

  @Test
  void startingLeavesNoGap() {
    try (HitlessRun run = new HitlessRun(TableKind.AMD_V1, REGION)) {
      run.table.setDirty(run.iova, REGION);
      run.storesOf(
          () -> run.table.startDirtyTracking(run.iova, REGION, 12, run.gather),
          HitlessRun.Verdict.SAME);
    }
  }

  @Test
  void aRangeThatCutsATrackedPageIsRefused() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(0, 0, REGION, Access.READ_WRITE);
      small.assertRefused(
          Reason.MISALIGNED,
          PAGE,
          "whole pages of 2^16 bytes, iova=0x1000, length=0x10000",
          () -> small.table.startDirtyTracking(PAGE, 1 << 16, 16, small.gather));
    }
  }

  @Test
  void startingWithoutTableMemoryChangesNothing() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(0, 0, BYTES, Access.READ_WRITE);
      small.table.setDirty(0, BYTES);
      long free = SmallTable.PAGES - small.memory.usedBytes() / PAGE;
      assertTrue(small.pages.tryReserve(free - 3));
      small.assertRefused(
          Reason.OUT_OF_TABLE_MEMORY,
          0,
          "must have 4 free pages",
          () -> small.table.startDirtyTracking(0, BYTES, 12, small.gather));
      small.pages.unreserve(free - 3);
    }
  }

  /** A device writes at any moment, also inside the operations; the copy must be complete. */
  @Test
  void aMigrationCopiesEveryPageAfterItsLastWrite() {
    for (int seed = 0; seed < 6; seed++) {
      Random random = new Random(seed);
      try (DirtyRun run = new DirtyRun(BYTES, 23)) {
        TreeSet<Long> owed = new TreeSet<>();
        boolean[] isWriting = {false};
        Runnable device =
            () -> {
              if (!isWriting[0] && random.nextInt(40) == 0) {
                isWriting[0] = true;
                long page = random.nextLong(BYTES / PAGE);
                run.hardware.setInReplica(page(page), random.nextInt(256), DIRTY);
                owed.add(page);
                isWriting[0] = false;
              }
            };
        run.table.startDirtyTracking(IOVA, BYTES, 12, run.gather);
        run.gather.complete();
        for (int pass = 0; pass < 5; pass++) {
          run.pages.afterStore(device);
          for (int i = 0; i < 2000; i++) {
            device.run();
          }
          TreeSet<Long> before = new TreeSet<>(owed);
          List<Long> copied = run.take(IOVA, BYTES);
          run.gather.complete();
          assertTrue(copied.containsAll(before), "seed " + seed);
          assertTrue(owed.containsAll(copied), "nothing else is reported, seed " + seed);
          run.pages.afterStore(() -> {});
          owed.removeAll(copied);
          owed.addAll(run.look(IOVA, BYTES)); // written twice: once before, once behind the clear
        }
        List<Long> rest = run.take(IOVA, BYTES);
        assertEquals(List.copyOf(owed), rest);
      }
    }
  }

  @Test
  void stoppingMergesAndKeepsWhatWasNotRead() {
    try (DirtyRun run = new DirtyRun(BYTES, 23)) {
      run.table.startDirtyTracking(IOVA, BYTES, 12, run.gather);
      run.gather.complete();
      run.hardware.set(page(700), DIRTY);
      run.table.stopDirtyTracking(IOVA, BYTES, SizeRule.atMost(21), run.gather);
      run.gather.complete();
      assertEquals(21, run.sizeAt(IOVA));
      assertEquals(DirtyRun.pages(512, 1024), run.look(IOVA, BYTES));
      run.table.stopDirtyTracking(IOVA, BYTES, LARGE, run.gather);
      assertEquals(23, run.sizeAt(IOVA));
    }
  }
}
