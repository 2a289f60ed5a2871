package dev.cleave.engine.interleaving;

import static dev.cleave.engine.interleaving.Interleaved.PADDR;
import static dev.cleave.engine.interleaving.Interleaved.PAGE;
import static dev.cleave.engine.interleaving.Interleaved.REGION;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.interleaving.Explorer.Scenario;
import java.lang.foreign.MemorySegment;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A device that remembers a leaf table, a writer that empties it, one that maps near by and whoever
 * flushes and completes, in every interleaving: what a map has returned the device sees at once,
 * and every page goes back exactly once.
 */
class DeferredFlushInterleavedTest {
  private static final long PLACE = 5 * PAGE;
  private static final long OTHER = 1L << 41;

  private static Interleaved table(ScheduledPages pages, int threads, int levels) {
    Interleaved run = new Interleaved(pages, threads, levels);
    run.table.map(0, PADDR, PAGE, Access.READ_WRITE);
    assertEquals(PADDR, run.device.write(0)); // it remembers the leaf table
    return run;
  }

  private static long unmapAndSettle(Interleaved run, long iova, IotlbGather gather) {
    run.table.unmap(iova, PAGE, gather);
    return settle(run, gather);
  }

  private static long settle(Interleaved run, IotlbGather gather) {
    run.device.flush(gather);
    gather.complete();
    return 0;
  }

  private static void mapAndLook(Interleaved run, long iova, long bytes) {
    run.table.map(iova, OTHER + iova, bytes, Access.READ_WRITE);
    look(run, iova + bytes - PAGE);
  }

  private static void look(Interleaved run, long iova) {
    assertEquals(OTHER + iova, run.device.write(iova), "what was mapped is seen at once");
  }

  private static void explore(int threads, Function<ScheduledPages, Scenario> scenario) {
    assertTrue(Explorer.explore(threads, scenario).runs() > 1, "there are several interleavings");
  }

  // ---- scenarios -----------------------------------------------------------------------------

  /** An unmap, its flush and its end beside a map that needs the table it empties. */
  private static Interleaved emptiedBesideAMap(ScheduledPages pages, int levels) {
    Interleaved run = table(pages, 2, levels);
    run.and(gather -> unmapAndSettle(run, 0, gather));
    return run.and(_ -> {
      mapAndLook(run, PLACE, PAGE);
      return 0;
    });
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void aMapBesideTheUnmapThatEmptiesItsTableIsSeenAtOnce(int levels) {
    explore(2, pages -> emptiedBesideAMap(pages, levels));
  }

  /** The table is empty and waits in a gather that somebody else ends. */
  private static Interleaved waiting(
      ScheduledPages pages, int threads, int levels, Interleaved.Body... others) {
    Interleaved run = table(pages, threads, levels);
    IotlbGather owed = run.table.newGather();
    run.table.unmap(0, PAGE, owed);
    owed.seal();
    run.and(_ -> settle(run, owed));
    for (Interleaved.Body other : others) {
      run.and(other);
    }
    return run;
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void aMapBesideTheEndOfTheWaitIsSeenAtOnce(int levels) {
    explore(
        2,
        pages -> {
          Interleaved[] run = new Interleaved[1];
          run[0] =
              waiting(
                  pages,
                  2,
                  levels,
                  _ -> {
                    mapAndLook(run[0], PLACE, PAGE);
                    return 0;
                  });
          return run[0];
        });
  }

  @Test
  void aLargeLeafBesideTheEndOfTheWaitIsSeenAtOnce() {
    explore(
        2,
        pages -> {
          Interleaved[] run = new Interleaved[1];
          run[0] =
              waiting(
                  pages,
                  2,
                  2,
                  _ -> {
                    mapAndLook(run[0], 0, REGION);
                    return 0;
                  });
          return run[0].finallyHolds(() -> look(run[0], PLACE));
        });
  }

  @Test
  void aTableThatIsTakenBackAndEmptiedAgainIsFreedByTheRightGather() {
    explore(
        2,
        pages -> {
          Interleaved[] run = new Interleaved[1];
          run[0] =
              waiting(
                  pages,
                  2,
                  2,
                  gather -> {
                    mapAndLook(run[0], PLACE, PAGE);
                    run[0].table.unmap(PLACE, PAGE, gather);
                    run[0].table.map(
                        REGION, PADDR, PAGE, Access.READ_WRITE); // takes a page, if one is free
                    mapAndLook(run[0], 2 * PAGE, PAGE);
                    return settle(run[0], gather);
                  });
          return run[0].finallyHolds(() -> look(run[0], 2 * PAGE));
        });
  }

  @Test
  void twoMapsNeedTheSameWaitingTable() {
    explore(
        2,
        pages -> {
          Interleaved run = table(pages, 2, 2);
          IotlbGather owed = run.table.newGather();
          run.table.unmap(0, PAGE, owed);
          for (long iova : new long[] {PLACE, 2 * PAGE}) {
            run.and(_ -> {
              mapAndLook(run, iova, PAGE);
              return 0;
            });
          }
          return run.finallyHolds(() -> {
            settle(run, owed);
            look(run, PLACE);
            look(run, 2 * PAGE);
          });
        });
  }

  @Test
  void twoUnmapsEmptyATableBesideAMapOfThree() {
    explore(
        2,
        pages -> {
          Interleaved run = table(pages, 2, 2);
          run.table.map(PAGE, PADDR + PAGE, PAGE, Access.READ_WRITE);
          run.and(gather -> unmapAndSettle(run, 0, gather));
          run.and(gather -> {
            run.table.unmap(PAGE, PAGE, gather);
            mapAndLook(run, PLACE, PAGE);
            return settle(run, gather);
          });
          return run.finallyHolds(() -> look(run, PLACE));
        });
  }

  @Test
  void aRefusedMapLeavesTheWaitingTableToItsGather() {
    explore(
        2,
        pages -> {
          Interleaved[] run = new Interleaved[1];
          run[0] =
              waiting(
                  pages,
                  2,
                  2,
                  _ -> {
                    run[0].table.map(REGION, OTHER, PAGE, Access.READ_WRITE);
                    assertThrows(
                        PageTableException.class,
                        () -> run[0].table.map(0, OTHER, 2 * REGION, Access.READ_WRITE));
                    return 0;
                  });
          return run[0];
        });
  }

  // ---- planted faults ------------------------------------------------------------------------

  private static void assertFound(
      BiFunction<Schedule, MemorySegment, ScheduledPages> memories,
      Function<ScheduledPages, Scenario> scenario) {
    AssertionError found =
        assertThrows(AssertionError.class, () -> Explorer.explore(2, memories, scenario));
    assertTrue(String.valueOf(found.getMessage()).contains("schedule:"), found::toString);
  }

  /** A table that was taken back counts what it had before. */
  private static final class StaleCount extends ScheduledPages {
    StaleCount(Schedule schedule, MemorySegment segment) {
      super(schedule, segment);
    }

    @Override
    public void reuse(long table, long place) {
      super.reuse(table, place);
      count(table, 1, 0);
    }
  }

  @Test
  void aStaleCountOfLiveEntriesIsFound() {
    assertFound(StaleCount::new, pages -> emptiedBesideAMap(pages, 2));
  }

  /** Whoever ends a wait does not keep others from the table that the waiting one stood in. */
  private static final class NoTag extends ScheduledPages {
    NoTag(Schedule schedule, MemorySegment segment) {
      super(schedule, segment);
    }

    @Override
    public void abandon(long table, long tag) {
      super.abandon(table, tag ^ REGION); // found by nobody: as if it could not be taken back
    }
  }

  @Test
  void aWaitingTableThatCannotBeFoundIsFound() {
    assertFound(NoTag::new, pages -> emptiedBesideAMap(pages, 2));
  }
}
