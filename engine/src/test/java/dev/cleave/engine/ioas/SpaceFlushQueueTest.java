package dev.cleave.engine.ioas;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Flushes of unmaps that are put off, with devices that remember all they have ever seen. */
class SpaceFlushQueueTest {
  private static final long PAGE = 4096;
  private static final long REGION = 1L << 21;
  private static final long PADDR = 1L << 40;
  private static final long NEVER = Long.MAX_VALUE;

  /** What devices of one table remember, page by page, until it is flushed. */
  private static final class Iotlb {
    private final ConcurrentHashMap<Long, Long> remembered = new ConcurrentHashMap<>();
    private int flushes;
    private boolean isBroken;

    void flush(IotlbGather gather) {
      if (isBroken) {
        throw new IllegalStateException("the flush failed");
      }
      flushes++;
      for (int i = 0; i < gather.rangeCount(); i++) {
        long first = gather.rangeFirst(i);
        long last = gather.rangeLast(i);
        remembered.keySet().removeIf(page -> page >= first && page <= last);
      }
    }

    /** Where a device comes out. */
    long access(HardwarePageTable table, long iova) {
      Long known = remembered.get(iova);
      if (known != null) {
        return known;
      }
      long paddr = table.table().translate(iova);
      if (paddr != PageTable.NOT_MAPPED) {
        remembered.put(iova, paddr);
      }
      return paddr;
    }

    boolean hasAny(long iova, long length) {
      return remembered.keySet().stream().anyMatch(page -> page >= iova && page < iova + length);
    }
  }

  private final TableMemory memory = TableMemory.builder().build();
  private final IoAddressSpace space = new IoAddressSpace();
  private final List<Iotlb> iotlbs = List.of(new Iotlb(), new Iotlb());
  private final List<HardwarePageTable> tables =
      List.of(
          HardwarePageTable.create(
              memory, PageTableConfig.of(AmdV1.LINUX), (_, gather) -> iotlbs.get(0).flush(gather)),
          HardwarePageTable.create(
              memory, PageTableConfig.of(X86.LINUX), (_, gather) -> iotlbs.get(1).flush(gather)));
  private final List<Long> freed = new ArrayList<>();
  private boolean wasFreedEarly;

  private SpaceFlushQueue defer(int unmaps, long maxDelayNanos) {
    return space.deferFlushes(
        unmaps,
        maxDelayNanos,
        (iova, length) -> {
          freed.add(iova);
          wasFreedEarly |= iotlbs.stream().anyMatch(iotlb -> iotlb.hasAny(iova, length));
        });
  }

  private void attachAll() {
    tables.forEach(space::attach);
  }

  /** Devices of every table see the memory. */
  private void assertSeen(long iova, long length, long paddr) {
    for (int i = 0; i < tables.size(); i++) {
      for (long at = 0; at < length; at += PAGE) {
        assertEquals(paddr + at, iotlbs.get(i).access(tables.get(i), iova + at));
      }
    }
  }

  private int flushes() {
    return iotlbs.stream().mapToInt(iotlb -> iotlb.flushes).sum();
  }

  @AfterEach
  void close() {
    iotlbs.forEach(iotlb -> iotlb.isBroken = false);
    space.close();
    tables.forEach(HardwarePageTable::close);
    assertEquals(0, memory.usedBytes());
    memory.close();
    assertFalse(wasFreedEarly, "an iova was handed back that a device remembers");
  }

  @Test
  void unmapsAreFlushedTogether() {
    attachAll();
    SpaceFlushQueue queue = defer(100, NEVER);
    for (long i = 0; i < 20; i++) {
      space.map(i * PAGE, PADDR + i * PAGE, PAGE, Access.READ_WRITE);
      assertSeen(i * PAGE, PAGE, PADDR + i * PAGE);
    }
    for (long i = 0; i < 20; i++) {
      assertEquals(PAGE, space.unmap(i * PAGE, PAGE));
    }
    assertEquals(0, flushes());
    assertEquals(List.of(), freed);
    assertEquals(20, queue.outstanding());
    queue.flush();
    assertEquals(2, flushes(), "one for each table");
    assertEquals(20, freed.size());
    assertEquals(0, queue.outstanding());
  }

  @Test
  void aFullBatchIsFlushedByTheUnmapThatNeedsItsPlace() {
    attachAll();
    SpaceFlushQueue queue = defer(2, NEVER);
    for (long i = 0; i < 6; i++) {
      space.map(i * PAGE, PADDR, PAGE, Access.READ_WRITE);
      assertEquals(PAGE, space.unmap(i * PAGE, PAGE));
    }
    assertEquals(List.of(0L, PAGE), freed, "the oldest of three batches");
    assertEquals(4, queue.outstanding());
  }

  @Test
  void anOldBatchIsDue() throws InterruptedException {
    attachAll();
    SpaceFlushQueue queue = defer(100, 1_000_000);
    space.map(0, PADDR, PAGE, Access.READ_WRITE);
    assertEquals(PAGE, space.unmap(0, PAGE));
    Thread.sleep(2);
    queue.flushIfDue();
    assertEquals(List.of(0L), freed);
  }

  @Test
  void aPlaceIsNotChosenBeforeItIsFlushed() {
    attachAll();
    SpaceFlushQueue queue = defer(100, NEVER);
    long iova = space.mapAnywhere(PADDR, REGION, Access.READ_WRITE);
    assertSeen(iova, REGION, PADDR);
    assertEquals(REGION, space.unmap(iova, REGION));
    long other = space.mapAnywhere(PADDR + REGION, REGION, Access.READ_WRITE);
    assertNotEquals(iova, other);
    assertSeen(other, REGION, PADDR + REGION);
    assertEquals(0, flushes());
    queue.flush();
    assertEquals(iova, space.mapAnywhere(PADDR, REGION, Access.READ_WRITE));
  }

  @Test
  void whereNoOtherPlaceIsLeftAllIsFlushed() {
    attachAll();
    space.setAllowed(List.of(new IovaRange(REGION, 2 * REGION - 1)));
    defer(100, NEVER);
    long iova = space.mapAnywhere(PADDR, REGION / 2, Access.READ_WRITE);
    assertSeen(iova, REGION / 2, PADDR);
    assertEquals(REGION / 2, space.unmap(iova, REGION / 2));
    space.map(REGION + REGION / 2, PADDR, REGION / 2, Access.READ_WRITE);
    assertEquals(0, flushes());
    assertEquals(iova, space.mapAnywhere(PADDR + REGION, REGION / 2, Access.READ_WRITE));
    assertSeen(iova, REGION / 2, PADDR + REGION);
    assertEquals(List.of(iova), freed);
  }

  @Test
  void aMapOverWhatDevicesRememberFlushesFirst() {
    attachAll();
    defer(100, NEVER);
    space.map(0, PADDR, REGION, Access.READ_WRITE);
    assertSeen(0, REGION, PADDR);
    assertEquals(4 * PAGE, space.unmap(8 * PAGE, 4 * PAGE));
    space.map(8 * PAGE, PADDR + REGION, PAGE, Access.READ_WRITE);
    assertSeen(8 * PAGE, PAGE, PADDR + REGION);
    assertSeen(0, 8 * PAGE, PADDR);
    assertEquals(List.of(8 * PAGE), freed);
  }

  @Test
  void anUnmapAcrossWhatRetiresFlushesFirst() {
    attachAll();
    SpaceFlushQueue queue = defer(100, NEVER);
    space.map(0, PADDR, REGION, Access.READ_WRITE);
    assertEquals(PAGE, space.unmap(8 * PAGE, PAGE));
    assertEquals(REGION - PAGE, space.unmapAll());
    assertEquals(List.of(8 * PAGE), freed);
    queue.flush();
    assertEquals(List.of(8 * PAGE, 0L), freed);
  }

  @Test
  void tableMemoryThatWaitsIsFreedForAMap() {
    try (TableMemory small = TableMemory.builder().capacityBytes(5 * PAGE).build();
        HardwarePageTable table =
            HardwarePageTable.create(
                small, PageTableConfig.of(AmdV1.LINUX).withLevels(3), (_, _) -> {})) {
      space.attach(table);
      SpaceFlushQueue queue = defer(100, NEVER);
      space.map(0, PADDR, PAGE, Access.READ_WRITE);
      space.map(1L << 30, PADDR, PAGE, Access.READ_WRITE);
      assertEquals(PAGE, space.unmap(0, PAGE));
      space.map(2L << 30, PADDR, PAGE, Access.READ_WRITE);
      assertEquals(List.of(0L), freed, "the tables that it had");
      assertEquals(0, queue.outstanding());
      IoasException e =
          assertThrows(
              IoasException.class, () -> space.map(3L << 30, PADDR, PAGE, Access.READ_WRITE));
      assertEquals(Errno.ENOMEM, e.errno());
      space.detach(table);
    }
  }

  @Test
  void aTableThatGoesIsFlushedAndOneThatComesIsPutOff() {
    space.attach(tables.get(0));
    SpaceFlushQueue queue = defer(100, NEVER);
    space.attach(tables.get(1));
    space.map(0, PADDR, PAGE, Access.READ_WRITE);
    space.map(PAGE, PADDR + PAGE, PAGE, Access.READ_WRITE);
    assertSeen(0, 2 * PAGE, PADDR);
    assertEquals(PAGE, space.unmap(0, PAGE));
    assertEquals(0, flushes());
    space.detach(tables.get(0));
    assertFalse(iotlbs.get(0).hasAny(0, PAGE));
    assertEquals(List.of(), freed, "the other table has not been flushed");
    queue.flush();
    assertEquals(List.of(0L), freed);
    assertEquals(PAGE, space.unmap(PAGE, PAGE));
    assertTrue(iotlbs.get(1).hasAny(PAGE, PAGE));
  }

  @Test
  void withoutATableThereIsNothingToWaitFor() {
    SpaceFlushQueue queue = defer(100, NEVER);
    space.map(0, PADDR, PAGE, Access.READ_WRITE);
    assertEquals(PAGE, space.unmap(0, PAGE));
    assertEquals(List.of(0L), freed);
    assertEquals(0, queue.outstanding());
  }

  @Test
  void aClosedQueueHasFlushedAndPutsNothingOff() {
    attachAll();
    SpaceFlushQueue queue = defer(100, NEVER);
    assertThrows(IllegalStateException.class, () -> defer(100, NEVER));
    space.map(0, PADDR, 2 * PAGE, Access.READ_WRITE);
    assertSeen(0, 2 * PAGE, PADDR);
    assertEquals(PAGE, space.unmap(0, PAGE));
    queue.close();
    assertEquals(List.of(0L), freed);
    assertEquals(PAGE, space.unmap(PAGE, PAGE));
    assertFalse(iotlbs.get(0).hasAny(0, 2 * PAGE));
    queue.close();
    defer(1, 1).close();
  }

  @Test
  void whatAFlushThatFailedOwesStaysOwed() {
    attachAll();
    SpaceFlushQueue queue = defer(1, NEVER);
    for (long i = 0; i < 4; i++) {
      space.map(i * PAGE, PADDR, PAGE, Access.READ_WRITE);
    }
    assertSeen(0, PAGE, PADDR);
    assertEquals(PAGE, space.unmap(0, PAGE));
    assertEquals(PAGE, space.unmap(PAGE, PAGE));
    iotlbs.forEach(iotlb -> iotlb.isBroken = true);
    assertThrows(IllegalStateException.class, () -> space.unmap(2 * PAGE, PAGE));
    assertEquals(1, space.statistics().areas(), "it was unmapped all the same");
    for (HardwarePageTable table : tables) {
      assertEquals(PageTable.NOT_MAPPED, table.table().translate(2 * PAGE));
    }
    iotlbs.forEach(iotlb -> iotlb.isBroken = false);
    queue.flush();
    assertEquals(List.of(0L, PAGE, 2 * PAGE), freed);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void devicesSeeEveryMapWhateverTheyRemember(long seed) {
    attachAll();
    SpaceFlushQueue queue = defer(8, NEVER);
    Random random = new Random(seed);
    long[] memoryAt = new long[128];
    for (int step = 0; step < 4000; step++) {
      int page = random.nextInt(memoryAt.length);
      int pages = Math.min(1 + random.nextInt(12), memoryAt.length - page);
      long paddr = PADDR + random.nextInt(1 << 20) * PAGE;
      switch (random.nextInt(5)) {
        case 0, 1 -> {
          if (isFree(memoryAt, page, pages)) {
            space.map(page * PAGE, paddr, pages * PAGE, Access.READ_WRITE);
            note(memoryAt, page, pages, paddr);
          }
        }
        case 2 -> {
          long iova = space.mapAnywhere(paddr, pages * PAGE, Access.READ_WRITE);
          if (iova + pages * PAGE <= memoryAt.length * PAGE) {
            note(memoryAt, (int) (iova / PAGE), pages, paddr);
          } else {
            assertEquals(pages * PAGE, space.unmap(iova, pages * PAGE));
          }
        }
        case 3 -> {
          try {
            var _ = space.unmap(page * PAGE, pages * PAGE);
          } catch (IoasException e) {
            assertEquals(Errno.ENOENT, e.errno());
          }
          note(memoryAt, page, pages, 0);
        }
        default -> {
          if (step % 7 == 0) {
            queue.flush();
          }
        }
      }
      int looked = random.nextInt(memoryAt.length);
      if (memoryAt[looked] != 0) {
        assertSeen(looked * PAGE, PAGE, memoryAt[looked]);
      }
    }
    for (int page = 0; page < memoryAt.length; page++) {
      if (memoryAt[page] != 0) {
        assertSeen(page * PAGE, PAGE, memoryAt[page]);
      }
    }
    assertTrue(freed.size() > 100);
  }

  private static boolean isFree(long[] memoryAt, int page, int pages) {
    for (int i = page; i < page + pages; i++) {
      if (memoryAt[i] != 0) {
        return false;
      }
    }
    return true;
  }

  private static void note(long[] memoryAt, int page, int pages, long paddr) {
    for (int i = 0; i < pages; i++) {
      memoryAt[page + i] = paddr == 0 ? 0 : paddr + i * PAGE;
    }
  }

  @Test
  void writersAndFlushersMeet() throws Exception {
    attachAll();
    int writers = 3;
    int rounds = 1500;
    long[] handedBack = new long[1];
    SpaceFlushQueue queue =
        space.deferFlushes(
            16,
            50_000,
            (_, length) -> {
              synchronized (handedBack) {
                handedBack[0] += length;
              }
            });
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < writers; i++) {
        long paddr = PADDR + i * (1L << 36);
        running.add(
            threads.submit(() -> {
              for (int round = 0; round < rounds; round++) {
                long iova = space.mapAnywhere(paddr, 3 * PAGE, Access.READ_WRITE);
                assertSeen(iova, 3 * PAGE, paddr);
                assertEquals(3 * PAGE, space.unmap(iova, 3 * PAGE));
                if (round % 50 == 0) {
                  queue.flushIfDue();
                }
              }
            }));
      }
      for (Future<?> writer : running) {
        writer.get();
      }
    }
    queue.flush();
    assertEquals(3L * PAGE * writers * rounds, handedBack[0]);
    assertEquals(0, queue.outstanding());
  }
}
