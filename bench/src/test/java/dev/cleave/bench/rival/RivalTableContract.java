package dev.cleave.bench.rival;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.cleave.engine.format.Access;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a rival must do, checked page by page against a map of pages. */
abstract class RivalTableContract {
  /** Everything happens below this address. */
  static final long LIMIT = 4L << 30;

  private static final long PAGE = 4096;
  private static final int WINDOW_PAGES = 1200;
  private static final int RUNS = 3000;

  /** A window over the border of two tables, so that collisions and carries happen. */
  private static final long WINDOW = (1L << 30) - 600 * PAGE;

  private final Map<Long, Long> model = new HashMap<>();
  private RivalTable table;

  abstract RivalTable create();

  @BeforeEach
  void make() {
    table = create();
  }

  @AfterEach
  void unmake() {
    table.close();
  }

  @Test
  void randomMapsAndUnmapsAgreeWithAMapOfPages() {
    Random random = new Random(5);
    for (int run = 0; run < RUNS; run++) {
      int first = random.nextInt(WINDOW_PAGES);
      int count = 1 + random.nextInt(random.nextBoolean() ? 8 : WINDOW_PAGES - first);
      count = Math.min(count, WINDOW_PAGES - first);
      long iova = WINDOW + first * PAGE;
      if (isFree(iova, count)) {
        long paddr = random.nextInt(1 << 20) * PAGE;
        table.map(iova, paddr, count * PAGE, 1 + random.nextInt(3));
        for (int i = 0; i < count; i++) {
          model.put(iova + i * PAGE, paddr + i * PAGE);
        }
      } else {
        assertEquals(forget(iova, count), table.unmap(iova, count * PAGE), "run " + run);
      }
      long probe = WINDOW + random.nextInt(WINDOW_PAGES) * PAGE + random.nextInt(4096);
      assertEquals(expected(probe), table.translate(probe), "run " + run);
      if (run % 100 == 0) {
        assertAllPagesAgree(run);
      }
    }
    assertAllPagesAgree(RUNS);
  }

  private boolean isFree(long iova, int count) {
    for (int i = 0; i < count; i++) {
      if (model.containsKey(iova + i * PAGE)) {
        return false;
      }
    }
    return true;
  }

  private long forget(long iova, int count) {
    long bytes = 0;
    for (int i = 0; i < count; i++) {
      bytes += model.remove(iova + i * PAGE) == null ? 0 : PAGE;
    }
    return bytes;
  }

  private long expected(long iova) {
    Long page = model.get(iova & -PAGE);
    return page == null ? RivalTable.NOT_MAPPED : page + (iova & (PAGE - 1));
  }

  private void assertAllPagesAgree(int run) {
    for (int i = -1; i <= WINDOW_PAGES; i++) {
      long iova = WINDOW + i * PAGE;
      assertEquals(expected(iova), table.translate(iova), "run " + run + ", page " + i);
    }
  }

  @Test
  void aMappedPageIsRefusedAndStaysAsItWas() {
    table.map(0x5000, 0x9000, PAGE, Access.READ_WRITE);
    assertThrows(
        IllegalStateException.class, () -> table.map(0x5000, 0x7000, PAGE, Access.READ_WRITE));
    assertEquals(0x9123, table.translate(0x5123));
  }

  @Test
  void theLastPageBelowTheLimitCanBeMapped() {
    table.map(LIMIT - PAGE, 0x3000, PAGE, Access.READ);
    assertEquals(0x3fff, table.translate(LIMIT - 1));
    assertEquals(PAGE, table.unmap(LIMIT - PAGE, PAGE));
    assertEquals(RivalTable.NOT_MAPPED, table.translate(LIMIT - PAGE));
  }

  @Test
  void aRangeWithNothingMappedUnmapsNothing() {
    assertEquals(0, table.unmap(0x10_0000, 16 * PAGE));
  }
}
