package dev.cleave.engine.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Several threads take and put back pages of a memory that is nearly exhausted. */
class TablePagesThreadsTest {
  private static final int THREADS = 4;
  private static final int STEPS = 20_000;
  private static final int PAGES = 24;

  /** Takes pages, marks each as its own, and finds its mark again before it puts one back. */
  private static int takeAndPutBack(TablePages memory, long mark) {
    Random random = new Random(mark);
    List<Long> own = new ArrayList<>();
    int strangers = 0;
    for (int step = 0; step < STEPS; step++) {
      if (random.nextBoolean() && memory.tryReserve(1)) {
        long page = memory.take(1 + random.nextInt(6), random.nextBoolean());
        memory.storeRelease(page, mark);
        own.add(page);
      } else if (!own.isEmpty()) {
        long page = own.remove(random.nextInt(own.size()));
        strangers += memory.loadAcquire(page) == mark ? 0 : 1;
        memory.release(page);
      }
    }
    for (long page : own) {
      strangers += memory.loadAcquire(page) == mark ? 0 : 1;
      memory.release(page);
    }
    return strangers;
  }

  private static int trim(TablePages memory) {
    for (int step = 0; step < STEPS / 20; step++) {
      memory.trim();
    }
    return 0;
  }

  private static void run(boolean isTrimming) throws Exception {
    try (TablePages memory = TablePages.reserve(PAGES * 4096L, PAGES * 4096L, 0, false);
        ExecutorService threads = Executors.newFixedThreadPool(THREADS + 1)) {
      List<Callable<Integer>> tasks = new ArrayList<>();
      for (int thread = 1; thread <= THREADS; thread++) {
        long mark = thread;
        tasks.add(() -> takeAndPutBack(memory, mark));
      }
      if (isTrimming) {
        tasks.add(() -> trim(memory));
      }
      for (Future<Integer> strangers : threads.invokeAll(tasks)) {
        assertEquals(0, strangers.get(), "a page had two owners");
      }
      assertEquals(0, memory.usedBytes());
    }
  }

  @Test
  void noPageIsHandedOutTwice() throws Exception {
    run(false);
  }

  @Test
  void noPageIsHandedOutTwiceBesideTrim() throws Exception {
    run(true);
  }
}
