package dev.cleave.engine.ioas;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Areas that are joined and cut. */
@Timeout(60)
class AreaSeamsTest {
  private static final long PAGE = 4096;
  private static final long REGION = 1L << 21;
  private static final long PADDR = 1L << 40;

  private final TableMemory memory = TableMemory.builder().build();
  private final IoAddressSpace space = new IoAddressSpace();
  private final HardwarePageTable table =
      HardwarePageTable.create(memory, PageTableConfig.of(AmdV1.LINUX), this::flush);

  /** Until when a flush of each of two regions takes. */
  private final @Nullable CountDownLatch[] flushes = new CountDownLatch[2];

  private final CountDownLatch isFlushing = new CountDownLatch(1);

  private void flush(PageTable of, IotlbGather gather) {
    boolean isFirst = gather.rangeCount() == 0 || gather.rangeFirst(0) < REGION;
    CountDownLatch end = flushes[isFirst ? 0 : 1];
    if (end != null) {
      isFlushing.countDown();
      try {
        assertTrue(end.await(20, TimeUnit.SECONDS));
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }

  @AfterEach
  void close() {
    for (CountDownLatch end : flushes) {
      if (end != null) {
        end.countDown();
      }
    }
    space.close();
    table.close();
    memory.close();
  }

  private long areas() {
    return space.statistics().areas();
  }

  private int sizeAt(long iova) {
    LeafCursor leaf = table.table().leaves();
    return table.table().leafAt(iova, leaf) ? leaf.sizeLog2() : 0;
  }

  @Test
  void areasThatAreJoinedMayHaveOneLeaf() {
    space.attach(table);
    space.map(0, PADDR, REGION / 2, Access.READ_WRITE);
    space.map(REGION / 2, PADDR + REGION / 2, REGION / 2, Access.READ_WRITE);
    space.adjust(0, REGION);
    assertEquals(20, sizeAt(0));
    space.join(REGION / 2);
    assertEquals(1, areas());
    assertEquals(20, sizeAt(0), "leaves stay");
    space.adjust(0, REGION);
    assertEquals(21, sizeAt(0));
    AreaCursor area = space.areas();
    assertTrue(area.advance());
    assertEquals(REGION - 1, area.last());
    assertEquals(PADDR, area.offset());
  }

  @Test
  void anAreaThatWasCutAndJoinedIsAsItWas() {
    Backing frames = Backing.ofFrames(5, 6, 7, 8);
    space.map(8 * PAGE, frames, PAGE, 3 * PAGE, Access.READ);
    space.cut(9 * PAGE);
    space.cut(10 * PAGE);
    assertEquals(3, areas());
    space.join(10 * PAGE);
    space.join(9 * PAGE);
    assertEquals(1, areas());
    space.attach(table);
    assertEquals(8 * PAGE, table.table().translate(10 * PAGE));
    assertEquals(3 * PAGE, space.unmapAll());
  }

  @Test
  void areasThatDoNotGoOnInEachOtherStayTwo() {
    Backing frames = Backing.ofFrames(1, 2, 3, 4);
    Backing alike = Backing.ofFrames(1, 2, 3, 4);
    space.map(0, 0, PAGE, Access.READ_WRITE);
    space.map(PAGE, PAGE, PAGE, Access.READ); // other access
    space.map(2 * PAGE, 3 * PAGE, PAGE, Access.READ); // other memory
    space.map(3 * PAGE, frames, 4 * PAGE, PAGE, Access.READ); // another backing
    space.map(4 * PAGE, alike, 5 * PAGE, PAGE, Access.READ); // and another
    space.map(6 * PAGE, 6 * PAGE, PAGE, Access.READ); // a hole before it
    space.copy(space, 0, PAGE, 7 * PAGE, Access.READ);
    space.map(8 * PAGE, PAGE, PAGE, Access.READ); // was not mapped to be written
    for (long iova = 0; iova <= 9 * PAGE; iova += PAGE / 2) {
      space.join(iova);
    }
    assertEquals(8, areas());
  }

  /** What waits for a writer finds areas that have grown or shrunk. */
  @Test
  void areasAreJoinedAndCutBesideWritersInThem() throws Exception {
    space.attach(table);
    space.map(0, PADDR, REGION, Access.READ_WRITE);
    try (ExecutorService threads = Executors.newFixedThreadPool(3)) {
      Future<?> seams =
          threads.submit(() -> {
            for (int i = 0; i < 20_000; i++) {
              long iova = (1 + i % 511) * PAGE;
              space.cut(iova);
              space.join(iova);
              space.join(iova ^ 64 * PAGE);
            }
          });
      List<Future<?>> writers = new ArrayList<>();
      for (int number = 0; number < 2; number++) {
        long first = (100 + 200L * number) * PAGE;
        writers.add(
            threads.submit(() -> {
              for (int i = 0; i < 5_000; i++) {
                long iova = first + i % 50 * PAGE;
                assertEquals(7 * PAGE, space.unmap(iova, 7 * PAGE));
                space.map(iova, PADDR + iova, 7 * PAGE, Access.READ_WRITE);
              }
            }));
      }
      seams.get();
      for (Future<?> writer : writers) {
        writer.get();
      }
    }
    for (long iova = 0; iova < REGION; iova += PAGE) {
      space.join(iova);
    }
    assertEquals(1, areas());
    space.adjust(0, REGION);
    assertEquals(21, sizeAt(0));
    assertEquals(REGION, space.unmapAll());
  }

  /** Starts an operation, and returns when so many are under way. */
  private Thread start(int underWay, Runnable work) throws InterruptedException {
    Thread thread = Thread.ofPlatform().start(work);
    while (space.operationsMade() < underWay) {
      assertTrue(thread.isAlive());
      Thread.sleep(1);
    }
    return thread;
  }

  /** Who waited for its area finds a larger one, and waits for who is at work in the rest. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void anAreaThatGrowsMeanwhileIsWaitedForAsAWhole(boolean isCut) throws Exception {
    space.attach(table);
    space.map(0, PADDR, REGION / 2, Access.READ_WRITE);
    space.map(REGION / 2, PADDR + REGION / 2, REGION / 2, Access.READ_WRITE);
    space.map(REGION, PADDR + REGION, REGION, Access.READ_WRITE);
    flushes[0] = new CountDownLatch(1);
    flushes[1] = new CountDownLatch(1);
    List<Thread> threads = new ArrayList<>();
    threads.add(start(1, () -> space.inTables().split(REGION / 2, REGION / 2, 12)));
    assertTrue(isFlushing.await(20, TimeUnit.SECONDS));
    threads.add(start(2, () -> space.join(REGION)));
    Thread waiting =
        start(3, isCut ? () -> space.cut(3 * REGION / 4) : () -> space.join(REGION / 2));
    threads.add(start(4, () -> space.unmap(3 * REGION / 2, PAGE)));
    flushes[0].countDown();
    waiting.join(200);
    assertTrue(waiting.isAlive(), "the unmap has not been flushed");
    flushes[1].countDown();
    waiting.join(20_000);
    for (Thread thread : threads) {
      thread.join(20_000);
    }
    assertEquals(isCut ? 4 : 2, areas());
  }
}
