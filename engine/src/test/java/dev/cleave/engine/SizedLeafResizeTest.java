package dev.cleave.engine;

import static dev.cleave.engine.fixture.DirtyRun.IOVA;
import static dev.cleave.engine.fixture.DirtyRun.PAGE;
import static dev.cleave.engine.fixture.DirtyRun.page;
import static dev.cleave.engine.oracle.StatusHardware.ACCESSED;
import static dev.cleave.engine.oracle.StatusHardware.DIRTY;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.fixture.DirtyRun;
import dev.cleave.engine.format.Access;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Leaves of 64 KiB change their size inside their table, replica by replica. Hardware writes to
 * each page after each single store; none of it is lost.
 */
class SizedLeafResizeTest {
  private static final long BYTES = 1L << 16;
  private static final int PAGES = 16;

  private static void keepsEveryBit(int largestLog2, Consumer<DirtyRun> operation) {
    int stores = storesUntil(largestLog2, operation, -1, 0);
    assertTrue(stores > 0, "the operation stored something");
    for (int moment = 1; moment <= stores; moment++) {
      for (int page = 0; page < PAGES; page++) {
        storesUntil(largestLog2, operation, moment, page);
      }
    }
  }

  /** Runs the operation with a write to a page after so many stores; returns how many there are. */
  private static int storesUntil(
      int largestLog2, Consumer<DirtyRun> operation, int moment, int page) {
    try (DirtyRun run = new DirtyRun(BYTES, largestLog2)) {
      int[] stores = {0};
      run.pages.afterStore(() -> {
        if (++stores[0] == moment) {
          run.hardware.set(page(page), DIRTY | ACCESSED);
        }
      });
      operation.accept(run);
      run.pages.afterStore(() -> {});
      if (moment > 0) {
        assertEquals(
            DIRTY | ACCESSED,
            run.hardware.status(page(page)),
            () -> "page " + page + " written after store " + moment);
      }
      return stores[0];
    }
  }

  @ParameterizedTest
  @CsvSource({"16, 15", "16, 13", "16, 12", "14, 13", "13, 12"})
  void splitInPlaceKeepsEveryBit(int from, int to) {
    keepsEveryBit(from, run -> run.table.split(IOVA, BYTES, to, run.gather));
  }

  @ParameterizedTest
  @CsvSource({"0, 1", "5, 3", "15, 1", "4, 8"})
  void splitOfAPieceInPlaceKeepsEveryBit(int first, int pages) {
    keepsEveryBit(16, run -> run.table.split(page(first), pages * PAGE, 12, run.gather));
  }

  @ParameterizedTest
  @CsvSource({"12, 13", "12, 16", "13, 16", "15, 16"})
  void mergeInPlaceKeepsEveryBit(int from, int to) {
    keepsEveryBit(from, run -> run.table.merge(IOVA, BYTES, to, run.gather));
  }

  @Test
  void protectOfAPieceKeepsEveryBit() {
    keepsEveryBit(16, run -> run.table.protect(page(5), 3 * PAGE, Access.READ, run.gather));
  }

  @Test
  void fitThereAndBackKeepsEveryBit() {
    keepsEveryBit(
        16,
        run -> {
          run.table.fit(page(4), 2 * PAGE, SizeRule.atMost(12), run.gather);
          run.table.fit(IOVA, BYTES, SizeRule.atMost(16), run.gather);
        });
  }
}
