package dev.cleave.engine.ioas;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** Writers on disjoint ranges, on overlapping ones, readers, and tables that come and go. */
class SpaceThreadsTest {
  private static final long PAGE = 4096;
  private static final long SLICE = 8L << 20;
  private static final long DELTA = 1L << 40;
  private static final int WRITERS = 3;
  private static final int ROUNDS = 400;

  private final TableMemory memory = TableMemory.builder().build();
  private final IoAddressSpace space = new IoAddressSpace();
  private final HardwarePageTable stays = table(PageTableConfig.of(AmdV1.LINUX));
  private final HardwarePageTable moves = table(PageTableConfig.of(X86.LINUX));

  private HardwarePageTable table(PageTableConfig config) {
    return HardwarePageTable.create(memory, config, (_, _) -> Thread.onSpinWait());
  }

  private void run(List<Runnable> workers, Runnable beside) throws Exception {
    AtomicBoolean isOver = new AtomicBoolean();
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      List<Future<?>> running = new ArrayList<>();
      workers.forEach(worker -> running.add(threads.submit(worker)));
      Future<?> reader =
          threads.submit(() -> {
            while (!isOver.get()) {
              beside.run();
            }
          });
      try {
        for (Future<?> worker : running) {
          worker.get();
        }
      } catch (ExecutionException e) {
        throw new AssertionError(e.getCause());
      } finally {
        isOver.set(true);
      }
      reader.get();
    }
  }

  /** Maps, changes and unmaps in a slice, at the end leaves one area that fills it. */
  private void churn(int slice) {
    Random random = new Random(slice);
    long first = (slice + 1) * SLICE;
    for (int i = 0; i < ROUNDS; i++) {
      space.map(first, DELTA + first, SLICE, Access.READ_WRITE);
      long at = first + random.nextInt((int) (SLICE / PAGE)) * PAGE;
      space.setGranularity(at, PAGE, 12);
      space.setGranularity(first, SLICE, IoAddressSpace.UNLIMITED);
      assertEquals(PAGE, space.unmap(at, PAGE));
      space.map(at, DELTA + at, PAGE, Access.READ);
      if (i + 1 < ROUNDS) {
        assertEquals(SLICE, space.unmap(first, SLICE));
      }
    }
  }

  private void lookAtTables() {
    LeafCursor leaf = stays.table().leaves();
    while (leaf.advance()) {
      assertEquals(leaf.iova() + DELTA, leaf.paddr());
    }
    AreaCursor area = space.areas();
    long end = 0;
    while (area.advance()) {
      assertTrue(area.last() >= end, "areas in order");
      assertEquals(area.first() + DELTA, area.offset());
      end = area.last() + 1;
    }
  }

  @Test
  void disjointWritersDoNotMeet() throws Exception {
    space.attach(stays);
    List<Runnable> workers = new ArrayList<>();
    for (int i = 0; i < WRITERS; i++) {
      int slice = i;
      workers.add(() -> churn(slice));
    }
    workers.add(() -> {
      for (int i = 0; i < 60; i++) {
        space.attach(moves);
        space.detach(moves);
        assertTrue(!moves.table().leaves().advance(), "a detached table is empty");
      }
    });
    run(workers, this::lookAtTables);
    space.attach(moves);
    for (PageTable table : List.of(stays.table(), moves.table())) {
      for (long iova = SLICE; iova < (WRITERS + 1) * SLICE; iova += PAGE) {
        assertEquals(iova + DELTA, table.translate(iova));
      }
      assertEquals(PageTable.NOT_MAPPED, table.translate(SLICE - PAGE));
    }
    assertEquals(WRITERS * SLICE, space.statistics().mappedBytes());
    close();
  }

  @Test
  void chosenPlacesAreNobodyElses() throws Exception {
    space.attach(stays);
    space.attach(moves);
    List<Runnable> workers = new ArrayList<>();
    for (int i = 0; i < WRITERS; i++) {
      long paddr = (i + 1L) << 32;
      workers.add(() -> {
        for (int round = 0; round < 3 * ROUNDS; round++) {
          long bytes = (1 + round % 1200) * PAGE;
          long iova = space.mapAnywhere(paddr, bytes, Access.READ_WRITE);
          assertEquals(paddr, stays.table().translate(iova));
          assertEquals(paddr + bytes - PAGE, moves.table().translate(iova + bytes - PAGE));
          assertEquals(bytes, space.unmap(iova, bytes));
        }
      });
    }
    run(workers, Thread::onSpinWait);
    assertEquals(0, space.statistics().areas());
    assertTrue(!stays.table().leaves().advance());
    close();
  }

  @Test
  void whoComesToARangeWaitsForItsTurn() throws Exception {
    space.attach(stays);
    List<Runnable> workers = new ArrayList<>();
    for (int i = 0; i < WRITERS; i++) {
      workers.add(() -> {
        for (int round = 0; round < ROUNDS; round++) {
          try {
            space.map(SLICE, DELTA + SLICE, 2 * SLICE, Access.READ_WRITE);
          } catch (IoasException e) {
            assertEquals(Errno.EEXIST, e.errno());
          }
          try {
            var _ = space.unmap(SLICE + round % 7 * PAGE, SLICE);
          } catch (IoasException e) {
            assertEquals(Errno.ENOENT, e.errno());
          }
          space.setGranularity(SLICE, SLICE, round % 2 == 0 ? 12 : 21);
        }
      });
    }
    run(workers, this::lookAtTables);
    AreaCursor area = space.areas();
    LeafCursor leaf = stays.table().leaves();
    long mapped = 0;
    while (leaf.advance()) {
      mapped += 1L << leaf.sizeLog2();
    }
    long areas = 0;
    while (area.advance()) {
      areas += area.last() - area.first() + 1;
    }
    assertEquals(areas, mapped);
    close();
  }

  @Test
  void aPageIsNotFreeBeforeItsFlushIsOver() throws Exception {
    Semaphore begun = new Semaphore(0);
    Semaphore mayEnd = new Semaphore(0);
    HardwarePageTable slow =
        HardwarePageTable.create(
            memory,
            PageTableConfig.of(AmdV1.LINUX),
            (_, _) -> {
              begun.release();
              mayEnd.acquireUninterruptibly();
            });
    space.attach(slow);
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      try {
        for (long page : new long[] {5, 9, 2, 7}) {
          long iova = page * PAGE;
          space.map(iova, DELTA + iova, PAGE, Access.READ_WRITE);
          Future<?> unmap = threads.submit(() -> space.unmap(iova, PAGE));
          assertTrue(begun.tryAcquire(10, TimeUnit.SECONDS));
          space.map(iova + PAGE, DELTA, PAGE, Access.READ_WRITE); // beside it
          Future<?> map = threads.submit(() -> space.map(iova, DELTA, PAGE, Access.READ_WRITE));
          assertThrows(TimeoutException.class, () -> map.get(20, TimeUnit.MILLISECONDS));
          mayEnd.release();
          unmap.get();
          map.get();
        }
      } finally {
        mayEnd.release(100);
      }
    }
    space.close();
    slow.close();
    close();
  }

  private void close() {
    space.close();
    stays.close();
    moves.close();
    assertEquals(0, memory.usedBytes());
    memory.close();
  }
}
