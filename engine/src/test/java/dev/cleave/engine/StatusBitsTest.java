package dev.cleave.engine;

import static dev.cleave.engine.oracle.StatusHardware.ACCESSED;
import static dev.cleave.engine.oracle.StatusHardware.DIRTY;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.engine.fixture.HitlessRun;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.oracle.SpecWalker;
import dev.cleave.engine.oracle.SpecWalker.Slot;
import dev.cleave.engine.oracle.StatusHardware;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Who inherits accessed and dirty bits, one case at a time. */
@ParameterizedClass
@EnumSource(TableKind.class)
class StatusBitsTest {
  private final TableKind kind;

  StatusBitsTest(TableKind kind) {
    this.kind = kind;
  }

  private static StatusHardware hardware(HitlessRun run) {
    return new StatusHardware(run.pages, run.table);
  }

  @ParameterizedTest
  @ValueSource(longs = {ACCESSED, DIRTY, ACCESSED | DIRTY})
  void splitHandsStatusToEveryChildAndInventsNone(long status) {
    try (HitlessRun run = new HitlessRun(kind, 1L << 21)) {
      hardware(run).set(run.iova, status);
      run.table.split(run.iova, 1L << 21, 12, run.gather);
      for (long offset = 0; offset < 1L << 21; offset += 4096) {
        assertEquals(status, hardware(run).status(run.iova + offset));
      }
    }
  }

  @Test
  void splitOfACleanLeafMakesCleanChildren() {
    try (HitlessRun run = new HitlessRun(kind, 1L << 21)) {
      run.table.split(run.iova, 1L << 21, 12, run.gather);
      for (long offset = 0; offset < 1L << 21; offset += 4096) {
        assertEquals(0, hardware(run).status(run.iova + offset));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 200, 510, 511})
  void mergeFindsTheDirtyBitInAnyLeaf(int page) {
    try (HitlessRun run = new HitlessRun(kind, 1L << 21, 12)) {
      hardware(run).set(run.iova + 4096L * page, DIRTY);
      run.table.merge(run.iova, run.bytes, 21, run.gather);
      assertEquals(DIRTY, hardware(run).status(run.iova));
    }
  }

  @Test
  void mergeFindsTheDirtyBitTwoLevelsBelow() {
    try (HitlessRun run = new HitlessRun(kind, 1L << 30)) {
      run.table.split(run.iova + (5L << 21), 1L << 21, 12, run.gather);
      hardware(run).set(run.iova + (5L << 21) + 77 * 4096, DIRTY);
      run.table.merge(run.iova, run.bytes, 30, run.gather);
      assertEquals(DIRTY, hardware(run).status(run.iova));
    }
  }

  @Test
  void aBitSetInAMergedTableBeforeTheFlushCompletesIsCarriedOver() {
    try (HitlessRun run = new HitlessRun(kind, 1L << 21, 12)) {
      Slot remembered = hardware(run).slotOf(run.iova + 300 * 4096);
      run.table.merge(run.iova, run.bytes, 21, run.gather);
      run.pages.or(remembered.paddr(), DIRTY);
      run.gather.complete();
      assertEquals(DIRTY, hardware(run).status(run.iova));
    }
  }

  @Test
  void aBitThatComesLateIsCarriedOverWhereTheLeafHasTheOther() {
    try (HitlessRun run = new HitlessRun(kind, 1L << 21, 12)) {
      Slot remembered = hardware(run).slotOf(run.iova + 300 * 4096);
      hardware(run).set(run.iova + 4096, ACCESSED);
      run.table.merge(run.iova, run.bytes, 21, run.gather);
      assertEquals(ACCESSED, hardware(run).status(run.iova));
      run.pages.or(remembered.paddr(), DIRTY);
      run.gather.complete();
      assertEquals(ACCESSED | DIRTY, hardware(run).status(run.iova));
    }
  }

  @Test
  void aBitSetInAMergedTableTwoLevelsBelowIsCarriedOver() {
    try (HitlessRun run = new HitlessRun(kind, 1L << 30)) {
      run.table.split(run.iova + (5L << 21), 1L << 21, 12, run.gather);
      Slot remembered = hardware(run).slotOf(run.iova + (5L << 21) + 300 * 4096);
      run.table.merge(run.iova, run.bytes, 30, run.gather);
      run.pages.or(remembered.paddr(), DIRTY);
      run.gather.complete();
      assertEquals(DIRTY, hardware(run).status(run.iova));
    }
  }

  @Test
  void aBitSetInAMergedTableReachesThePageWhenTheLeafWasSplitAgainMeanwhile() {
    try (HitlessRun run = new HitlessRun(kind, 1L << 21, 12)) {
      Slot remembered = hardware(run).slotOf(run.iova + 300 * 4096);
      run.table.merge(run.iova, run.bytes, 21, run.gather);
      run.table.split(run.iova, run.bytes, 12, run.gather);
      run.pages.or(remembered.paddr(), DIRTY);
      run.gather.complete();
      assertEquals(DIRTY, hardware(run).status(run.iova + 300 * 4096));
    }
  }

  @Test
  void protectKeepsStatus() {
    try (HitlessRun run = new HitlessRun(kind, 1L << 16)) {
      hardware(run).set(run.iova, DIRTY | ACCESSED);
      run.table.protect(run.iova, run.bytes, Access.READ, run.gather);
      assertEquals(DIRTY | ACCESSED, hardware(run).status(run.iova));
    }
  }

  @Test
  void aBitSetWhileProtectLooksIsNotOverwritten() {
    try (HitlessRun run = new HitlessRun(kind, 4096)) {
      boolean[] once = {true};
      run.pages.beforeCompareAndSet(() -> {
        if (once[0]) {
          once[0] = false;
          hardware(run).set(run.iova, DIRTY);
        }
      });
      run.table.protect(run.iova, run.bytes, Access.READ, run.gather);
      assertEquals(DIRTY, hardware(run).status(run.iova));
    }
  }

  @Test
  void aDirectoryThatHardwareMarkedGoesWithItsEmptyTable() {
    try (HitlessRun run = new HitlessRun(kind, 4096)) {
      for (int level = run.table.levels(); level > 1; level--) {
        run.pages.or(hardware(run).directoryOf(run.iova, level), ACCESSED);
      }
      run.table.unmap(run.iova, 4096, run.gather);
      assertEquals(
          List.of(),
          SpecWalker.of(run.pages, run.table).leaves(run.table.root(), run.table.levels()));
    }
  }
}
