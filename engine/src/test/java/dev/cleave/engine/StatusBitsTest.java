package dev.cleave.engine;

import static dev.cleave.engine.HitlessRun.IOVA;
import static dev.cleave.engine.StatusHardware.ACCESSED;
import static dev.cleave.engine.StatusHardware.DIRTY;
import static dev.cleave.engine.Window.ALL;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.engine.format.Access;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Who inherits accessed and dirty bits, one case at a time. */
class StatusBitsTest {
  private static StatusHardware hardware(HitlessRun run) {
    return new StatusHardware(run.memory, run.table);
  }

  @ParameterizedTest
  @ValueSource(longs = {ACCESSED, DIRTY, ACCESSED | DIRTY})
  void splitHandsStatusToEveryChildAndInventsNone(long status) {
    try (HitlessRun run = new HitlessRun(ALL, 1L << 21)) {
      hardware(run).set(IOVA, status);
      run.table.split(IOVA, 1L << 21, 12, run.gather);
      for (long offset = 0; offset < 1L << 21; offset += 4096) {
        assertEquals(status, hardware(run).status(IOVA + offset));
      }
    }
  }

  @Test
  void splitOfACleanLeafMakesCleanChildren() {
    try (HitlessRun run = new HitlessRun(ALL, 1L << 21)) {
      run.table.split(IOVA, 1L << 21, 12, run.gather);
      for (long offset = 0; offset < 1L << 21; offset += 4096) {
        assertEquals(0, hardware(run).status(IOVA + offset));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"13, 0", "13, 1", "16, 0", "16, 7", "16, 15", "20, 255", "20, 128", "22, 1"})
  void splitFindsTheDirtyBitInAnyReplica(int sizeLog2, int replica) {
    try (HitlessRun run = new HitlessRun(ALL, 1L << sizeLog2)) {
      hardware(run).setInReplica(IOVA, replica, DIRTY);
      run.table.split(IOVA, run.bytes, 12, run.gather);
      for (long offset = 0; offset < run.bytes; offset += 4096) {
        assertEquals(DIRTY, hardware(run).status(IOVA + offset));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 200, 510, 511})
  void mergeFindsTheDirtyBitInAnyLeaf(int page) {
    try (HitlessRun run = new HitlessRun(ALL, 1L << 21, 12)) {
      hardware(run).set(IOVA + 4096L * page, DIRTY);
      run.table.merge(IOVA, run.bytes, 21, run.gather);
      assertEquals(DIRTY, hardware(run).status(IOVA));
    }
  }

  @Test
  void mergeFindsTheDirtyBitTwoLevelsBelow() {
    try (HitlessRun run = new HitlessRun(ALL, 1L << 30)) {
      run.table.split(IOVA + (5L << 21), 1L << 21, 12, run.gather);
      hardware(run).set(IOVA + (5L << 21) + 77 * 4096, DIRTY);
      run.table.merge(IOVA, run.bytes, 30, run.gather);
      assertEquals(DIRTY, hardware(run).status(IOVA));
    }
  }

  @Test
  void aBitSetInAMergedTableBeforeTheFlushCompletesIsCarriedOver() {
    try (HitlessRun run = new HitlessRun(ALL, 1L << 21, 12)) {
      long remembered = hardware(run).entryOf(IOVA + 300 * 4096);
      run.table.merge(IOVA, run.bytes, 21, run.gather);
      run.memory.or(remembered, DIRTY);
      run.gather.complete();
      assertEquals(DIRTY, hardware(run).status(IOVA));
    }
  }

  @Test
  void aBitSetInAMergedTableTwoLevelsBelowIsCarriedOver() {
    try (HitlessRun run = new HitlessRun(ALL, 1L << 30)) {
      run.table.split(IOVA + (5L << 21), 1L << 21, 12, run.gather);
      long remembered = hardware(run).entryOf(IOVA + (5L << 21) + 300 * 4096);
      run.table.merge(IOVA, run.bytes, 30, run.gather);
      run.memory.or(remembered, DIRTY);
      run.gather.complete();
      assertEquals(DIRTY, hardware(run).status(IOVA));
    }
  }

  @Test
  void aBitSetInAMergedTableReachesThePageWhenTheLeafWasSplitAgainMeanwhile() {
    try (HitlessRun run = new HitlessRun(ALL, 1L << 21, 12)) {
      long remembered = hardware(run).entryOf(IOVA + 300 * 4096);
      run.table.merge(IOVA, run.bytes, 21, run.gather);
      run.table.split(IOVA, run.bytes, 12, run.gather);
      run.memory.or(remembered, DIRTY);
      run.gather.complete();
      assertEquals(DIRTY, hardware(run).status(IOVA + 300 * 4096));
    }
  }

  @Test
  void protectKeepsStatus() {
    try (HitlessRun run = new HitlessRun(ALL, 1L << 16)) {
      hardware(run).setInReplica(IOVA, 9, DIRTY | ACCESSED);
      run.table.protect(IOVA, run.bytes, Access.READ, run.gather);
      assertEquals(DIRTY | ACCESSED, hardware(run).status(IOVA));
    }
  }

  @Test
  void aBitSetWhileProtectLooksIsNotOverwritten() {
    try (HitlessRun run = new HitlessRun(ALL, 4096)) {
      boolean[] once = {true};
      run.memory.beforeCompareAndSet(() -> {
        if (once[0]) {
          once[0] = false;
          hardware(run).set(IOVA, DIRTY);
        }
      });
      run.table.protect(IOVA, run.bytes, Access.READ, run.gather);
      assertEquals(DIRTY, hardware(run).status(IOVA));
    }
  }
}
