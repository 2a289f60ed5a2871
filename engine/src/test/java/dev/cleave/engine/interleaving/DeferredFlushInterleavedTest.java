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

  /** A leaf of 2 MiB over a table whose wait somebody ends. */
  private static Interleaved overlaid(ScheduledPages pages) {
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
  }

  @Test
  void aLargeLeafBesideTheEndOfTheWaitIsSeenAtOnce() {
    explore(2, DeferredFlushInterleavedTest::overlaid);
  }

  /** A table is taken back, emptied under another gather, and taken back again. */
  private static Interleaved takenBackAndEmptiedAgain(ScheduledPages pages) {
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
  }

  @Test
  void aTableThatIsTakenBackAndEmptiedAgainIsFreedByTheRightGather() {
    explore(2, DeferredFlushInterleavedTest::takenBackAndEmptiedAgain);
  }

  /** A table of level 2 waits with two leaf tables that go with it. */
  private static Interleaved droppedWhole(ScheduledPages pages, long... iovas) {
    Interleaved run = table(pages, 2, 3);
    run.table.map(3 * REGION, PADDR, PAGE, Access.READ_WRITE);
    IotlbGather owed = run.table.newGather();
    run.table.unmap(0, 1L << 30, owed);
    owed.seal();
    run.and(_ -> settle(run, owed));
    return run.and(_ -> {
      for (long iova : iovas) {
        mapAndLook(run, iova, PAGE);
      }
      return 0;
    });
  }

  @Test
  void aMapBesideTheEndOfAWaitOfSeveralLevelsIsSeenAtOnce() {
    explore(2, pages -> droppedWhole(pages, PLACE));
  }

  @Test
  void aTableIsTakenBackOutOfOneThatWasTakenBackBefore() {
    explore(2, pages -> droppedWhole(pages, 5 * REGION, PLACE));
  }

  /** Whoever calls so should have ordered the two; all the same each page goes back once. */
  @Test
  void anUnmapOfOnePageBesideOneOfAllAroundItLosesNoPage() {
    explore(
        2,
        pages -> {
          Interleaved run = table(pages, 2, 3);
          run.table.map(3 * REGION, PADDR, PAGE, Access.READ_WRITE);
          run.and(gather -> unmapAndSettle(run, 0, gather));
          return run.and(gather -> run.table.unmap(0, 1L << 30, gather));
        });
  }

  /** The device begins its walks at a top that another was put above, and that becomes empty. */
  private static Interleaved belowAnOldTop(ScheduledPages pages) {
    Interleaved run = table(pages, 2, 2);
    run.device.keepTop();
    run.table.map(1L << 30, PADDR, PAGE, Access.READ_WRITE);
    run.and(gather -> unmapAndSettle(run, 0, gather));
    return run.and(
            _ -> {
              mapAndLook(run, PLACE, PAGE);
              return 0;
            })
        .finallyHolds(() -> {
          look(run, PLACE);
          run.table.topExchanged(run.table.top(), run.table.newGather());
        });
  }

  @Test
  void aMapBesideTheUnmapThatEmptiesAnOldTopIsSeenThroughThatTop() {
    explore(2, DeferredFlushInterleavedTest::belowAnOldTop);
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

  /** A table that was taken back is put back as well by whoever ends a wait next. */
  private static final class FreedByOldGather extends ScheduledPages {
    private long takenBack = NONE;

    FreedByOldGather(Schedule schedule, MemorySegment segment) {
      super(schedule, segment);
    }

    @Override
    public void reuse(long table, long place) {
      super.reuse(table, place);
      takenBack = table;
    }

    @Override
    public void releaseAll(long first) {
      super.releaseAll(first);
      if (takenBack != NONE) {
        release(takenBack);
        takenBack = NONE;
      }
    }
  }

  @Test
  void aTableThatIsFreedByTheWrongGatherIsFound() {
    assertFound(FreedByOldGather::new, DeferredFlushInterleavedTest::takenBackAndEmptiedAgain);
  }

  /** A table that was taken back is handed out once more. */
  private static final class TakenBackTwice extends ScheduledPages {
    private long takenBack = NONE;

    TakenBackTwice(Schedule schedule, MemorySegment segment) {
      super(schedule, segment);
    }

    @Override
    public void reuse(long table, long place) {
      super.reuse(table, place);
      takenBack = table;
    }

    @Override
    public long take(int level, boolean zeroed, long place) {
      long table = takenBack;
      takenBack = NONE;
      if (table == NONE || level(table) != level || tryLock(table, place(table)) < 0) {
        return super.take(level, zeroed, place);
      }
      unreserve(1);
      setPlace(table, place);
      return table;
    }
  }

  @Test
  void aTableThatIsTakenBackTwiceIsFound() {
    assertFound(TakenBackTwice::new, DeferredFlushInterleavedTest::takenBackAndEmptiedAgain);
  }

  /** What waits below a larger leaf does not say what the leaf says. */
  private static final class NoShadow extends ScheduledPages {
    NoShadow(Schedule schedule, MemorySegment segment) {
      super(schedule, segment);
    }

    @Override
    public void setShadow(long table) {
      super.setShadow(table);
      zero(table, 0, 512);
    }
  }

  @Test
  void aWaitingTableThatIsNotFilledIsFound() {
    assertFound(NoShadow::new, DeferredFlushInterleavedTest::overlaid);
  }

  /** A top is forgotten when another is put above it. */
  private static final class TopNotHeld extends ScheduledPages {
    TopNotHeld(Schedule schedule, MemorySegment segment) {
      super(schedule, segment);
    }

    @Override
    public void setHeld(long table, boolean isHeld) {}
  }

  @Test
  void aTopThatIsNotHeldIsFound() {
    assertFound(TopNotHeld::new, DeferredFlushInterleavedTest::belowAnOldTop);
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
