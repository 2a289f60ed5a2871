package dev.cleave.engine.interleaving;

import static dev.cleave.engine.interleaving.Interleaved.PADDR;
import static dev.cleave.engine.interleaving.Interleaved.PAGE;
import static dev.cleave.engine.interleaving.Interleaved.REGION;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTable;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.interleaving.Explorer.Scenario;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Addresses translated in one call, beside a writer, in every interleaving. */
class ListsInterleavedTest {
  private static final long OTHER = 1L << 41;

  private static void explore(Function<ScheduledPages, Scenario> scenario) {
    assertTrue(Explorer.explore(2, scenario).runs() > 1, "there are several interleavings");
  }

  private static long[] translate(Interleaved run, long... iovas) {
    long[] paddrs = new long[iovas.length];
    int mapped = run.table.translate(iovas, 0, iovas.length, paddrs);
    int counted = 0;
    for (long paddr : paddrs) {
      counted += paddr == PageTable.NOT_MAPPED ? 0 : 1;
    }
    assertEquals(counted, mapped);
    return paddrs;
  }

  @ParameterizedTest
  @ValueSource(longs = {PAGE, REGION})
  void noneLeadsWhereAReusedPageSays(long unmapped) {
    explore(pages -> {
      Interleaved run = new Interleaved(pages, 2, 2);
      run.table.map(0, PADDR, PAGE, Access.READ_WRITE);
      run.table.map(2 * REGION, PADDR, PAGE, Access.READ_WRITE);
      run.and(gather -> {
        run.table.unmap(0, unmapped, gather);
        gather.complete();
        run.table.map(REGION, OTHER, PAGE, Access.READ_WRITE);
        return 0;
      });
      return run.and(_ -> {
        long[] paddrs = translate(run, 0, 2 * REGION);
        assertTrue(
            paddrs[0] == PADDR || paddrs[0] == PageTable.NOT_MAPPED,
            () -> "translated to " + Long.toHexString(paddrs[0]));
        assertEquals(PADDR, paddrs[1]);
        return 0;
      });
    });
  }

  @Test
  void noneTakesTheEntriesOfAnEmptyTopThatGrewForItsOwn() {
    explore(pages -> {
      Interleaved run = new Interleaved(pages, 2, 1);
      run.and(_ -> {
        run.table.map(3 * REGION, OTHER, REGION, Access.READ_WRITE);
        return 0;
      });
      return run.and(_ -> {
        assertEquals(PageTable.NOT_MAPPED, translate(run, 3 * PAGE, 4 * PAGE)[0]);
        return 0;
      });
    });
  }
}
