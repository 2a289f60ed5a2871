package dev.cleave.engine;

import static dev.cleave.engine.fixture.DirtyRun.IOVA;
import static dev.cleave.engine.fixture.DirtyRun.PADDR;
import static dev.cleave.engine.fixture.DirtyRun.PAGE;
import static dev.cleave.engine.fixture.DirtyRun.REGION;
import static dev.cleave.engine.fixture.DirtyRun.page;
import static dev.cleave.engine.fixture.DirtyRun.pages;
import static dev.cleave.engine.oracle.StatusHardware.ACCESSED;
import static dev.cleave.engine.oracle.StatusHardware.DIRTY;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.fixture.DirtyRun;
import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.oracle.TableSnapshot;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Several gathers of a table are under way at once and are completed in any order. */
@ParameterizedClass
@EnumSource(TableKind.class)
class GatherOrderTest {
  private final TableKind kind;

  GatherOrderTest(TableKind kind) {
    this.kind = kind;
  }

  private static void completeBoth(IotlbGather one, IotlbGather other, boolean inOrder) {
    (inOrder ? one : other).complete();
    (inOrder ? other : one).complete();
  }

  @ParameterizedTest
  @ValueSource(strings = {"abc", "acb", "bac", "bca", "cab", "cba"})
  void lateBitsOfTwoMergesOfTheSameRegionArriveInEveryOrder(String order) {
    try (DirtyRun run = new DirtyRun(kind, REGION, 12)) {
      List<IotlbGather> gathers =
          List.of(run.table.newGather(), run.table.newGather(), run.table.newGather());
      long early = run.remembered(300);
      run.table.merge(IOVA, REGION, 21, gathers.get(0));
      run.table.split(IOVA, REGION, 12, gathers.get(1));
      long late = run.remembered(10);
      run.table.merge(IOVA, REGION, 21, gathers.get(2));
      run.table.split(IOVA, REGION, 12, gathers.get(1));
      run.pages.or(early, DIRTY);
      run.pages.or(late, ACCESSED);
      long used = run.pages.usedBytes();
      for (int i = 0; i < order.length(); i++) {
        char which = order.charAt(i);
        gathers.get(which - 'a').complete();
        used -= which == 'b' ? 0 : PAGE;
        assertEquals(used, run.pages.usedBytes(), "each gather frees its own table");
      }
      for (long page = 0; page < 512; page++) {
        long expected = page == 300 ? DIRTY : page == 10 ? ACCESSED : 0;
        assertEquals(expected, run.hardware.status(page(page)), "page " + page);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aPassBetweenMergeAndCompletionLacksLateBitsAndTheNextHasThem(boolean inOrder) {
    try (DirtyRun run = new DirtyRun(kind, 2 * REGION, 12)) {
      IotlbGather merging = run.table.newGather();
      IotlbGather reading = run.table.newGather();
      long remembered = run.remembered(300);
      run.table.merge(IOVA, REGION, 21, merging);
      run.pages.or(remembered, DIRTY);
      assertEquals(List.of(), run.take(IOVA, 2 * REGION, reading));
      completeBoth(merging, reading, inOrder);
      assertEquals(pages(0, 512), run.take(IOVA, 2 * REGION));
    }
  }

  @Test
  void aPageThatWasDirtyBeforeTheMergeMayBeReportedOnceMoreButNotTwice() {
    try (DirtyRun run = new DirtyRun(kind, REGION, 12)) {
      IotlbGather merging = run.table.newGather();
      run.hardware.set(page(300), DIRTY);
      run.table.merge(IOVA, REGION, 21, merging);
      assertEquals(pages(0, 512), run.take(IOVA, REGION));
      merging.complete();
      assertEquals(pages(0, 512), run.take(IOVA, REGION));
      assertEquals(List.of(), run.take(IOVA, REGION));
    }
  }

  @Test
  void aLateBitOfASizedLeafReachesAllItsPagesAndNoOther() {
    try (DirtyRun run = new DirtyRun(REGION, 14)) {
      long remembered = run.remembered(7);
      run.table.merge(IOVA, REGION, 21, run.gather);
      run.table.split(IOVA, REGION, 12, run.gather);
      run.pages.or(remembered, DIRTY);
      run.gather.complete();
      assertEquals(pages(4, 8), run.look(IOVA, REGION));
    }
  }

  @Test
  void aLateBitTwoLevelsBelowReachesItsPageAndNoOther() {
    try (DirtyRun run = new DirtyRun(kind, 1L << 30, 30)) {
      run.table.split(IOVA, REGION, 12, run.gather);
      run.gather.complete();
      long small = run.remembered(300);
      long large = run.remembered(512);
      run.table.merge(IOVA, 1L << 30, 30, run.gather);
      run.table.split(IOVA, 2 * REGION, 12, run.gather);
      run.pages.or(small, DIRTY);
      run.pages.or(large, DIRTY);
      run.gather.complete();
      List<Long> expected = new ArrayList<>(List.of(300L));
      expected.addAll(pages(512, 1024));
      assertEquals(expected, run.look(IOVA, 1L << 30));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aLateBitIsDroppedWhereOtherMemoryIsMappedByNow(boolean inOrder) {
    try (DirtyRun run = new DirtyRun(kind, REGION, 12)) {
      IotlbGather merging = run.table.newGather();
      IotlbGather unmapping = run.table.newGather();
      long remembered = run.remembered(300);
      run.table.merge(IOVA, REGION, 21, merging);
      run.table.unmap(page(256), 128 * PAGE, unmapping);
      run.table.map(page(256), 0, 128 * PAGE, Access.READ_WRITE);
      run.pages.or(remembered, DIRTY);
      completeBoth(merging, unmapping, inOrder);
      assertEquals(List.of(), run.look(IOVA, REGION));
    }
  }

  @Test
  void aLateBitIsDroppedWhereNothingIsMappedByNow() {
    try (DirtyRun run = new DirtyRun(kind, REGION, 12)) {
      long remembered = run.remembered(300);
      run.table.merge(IOVA, REGION, 21, run.gather);
      run.table.unmap(page(256), 128 * PAGE, run.gather);
      run.pages.or(remembered, DIRTY);
      run.gather.complete();
      assertEquals(List.of(), run.look(IOVA, REGION));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aLateBitIsKeptWhereTheSameMemoryIsMappedAgain(boolean inOrder) {
    try (DirtyRun run = new DirtyRun(kind, REGION, 12)) {
      IotlbGather merging = run.table.newGather();
      IotlbGather unmapping = run.table.newGather();
      long remembered = run.remembered(300);
      run.table.merge(IOVA, REGION, 21, merging);
      run.table.unmap(IOVA, REGION, unmapping);
      run.table.map(page(256), PADDR + 256 * PAGE, 128 * PAGE, Access.READ);
      run.pages.or(remembered, DIRTY);
      completeBoth(merging, unmapping, inOrder);
      assertTrue(run.look(IOVA, REGION).contains(300L), "that memory was written to");
    }
  }

  @Test
  void aSealedGatherTakesNothingUntilItHasBeenCompleted() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.map(0, 0, REGION, Access.READ_WRITE);
      small.table.unmap(0, PAGE, small.gather);
      small.gather.seal();
      TableSnapshot before = small.snapshot();
      IllegalStateException refusal =
          assertThrows(
              IllegalStateException.class, () -> small.table.unmap(PAGE, PAGE, small.gather));
      assertEquals(
          "a gather must be completed before it takes more: its flush is under way",
          refusal.getMessage());
      assertEquals(before, small.snapshot());
      small.gather.complete();
      assertFalse(small.gather.isSealed());
      assertEquals(PAGE, small.table.unmap(PAGE, PAGE, small.gather));
    }
  }

  /** What the writer hands to the thread that flushes: a gather, and where a walker still is. */
  private record Flush(IotlbGather gather, long remembered) {}

  /** Late bits arrive from a thread that completes while the writer goes on in the same region. */
  @Test
  @Timeout(value = 60, unit = TimeUnit.SECONDS)
  void aThreadThatCompletesBesideTheWriterLosesNoBit() throws InterruptedException {
    try (DirtyRun run = new DirtyRun(kind, REGION, 12)) {
      BlockingQueue<Flush> flushes = new ArrayBlockingQueue<>(8);
      BlockingQueue<IotlbGather> idle = new ArrayBlockingQueue<>(8);
      for (int i = 0; i < 8; i++) {
        idle.add(run.table.newGather());
      }
      AtomicReference<Throwable> failure = new AtomicReference<>();
      Thread queue = Thread.ofPlatform().start(() -> complete(run, flushes, idle, failure));
      TreeSet<Long> reported = new TreeSet<>();
      for (long page = 0; page < 512; page++) {
        IotlbGather merging = idle.take();
        IotlbGather splitting = idle.take();
        long remembered = run.remembered(page);
        run.table.merge(IOVA, REGION, 21, merging);
        run.table.split(IOVA, REGION, 12, splitting);
        merging.seal();
        splitting.seal();
        flushes.put(new Flush(merging, remembered));
        flushes.put(new Flush(splitting, 0));
        reported.addAll(run.take(IOVA, REGION));
        run.gather.complete();
      }
      flushes.put(new Flush(run.gather, -1));
      queue.join();
      assertEquals(null, failure.get());
      reported.addAll(run.take(IOVA, REGION));
      assertEquals(new TreeSet<>(pages(0, 512)), reported);
    }
  }

  @SuppressWarnings("CatchingUnchecked") // whatever goes wrong is what is looked for
  private static void complete(
      DirtyRun run,
      BlockingQueue<Flush> flushes,
      BlockingQueue<IotlbGather> idle,
      AtomicReference<Throwable> failure) {
    try {
      Random random = new Random(1);
      boolean isOver = false;
      while (!isOver) {
        List<Flush> batch = new ArrayList<>(List.of(flushes.take()));
        flushes.drainTo(batch, 2);
        Collections.shuffle(batch, random);
        for (Flush flush : batch) {
          if (flush.remembered() == -1) {
            isOver = true;
          } else {
            if (flush.remembered() != 0) {
              run.pages.or(flush.remembered(), DIRTY);
            }
            flush.gather().complete();
            idle.put(flush.gather());
          }
        }
      }
      assertTrue(flushes.isEmpty(), "nothing comes behind the last");
    } catch (Exception | AssertionError e) {
      failure.set(e);
    }
  }
}
