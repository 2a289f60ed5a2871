package dev.cleave.engine.ioas;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Changes of a space leave no garbage: what a thread allocates does not grow with their number. */
class SpaceAllocationTest {
  private static final long PAGE = 4096;
  private static final long REGION = 1L << 21;
  private static final long GUEST = 1L << 30;
  private static final int WARM = 300;
  private static final int ROUNDS = 2000;
  private static final int SERIES = 5;

  /** Room for what the measuring itself allocates; one object a round would be far more. */
  private static final long MOST_BYTES = 8L * ROUNDS;

  private final TableMemory memory = TableMemory.builder().build();
  private final IoAddressSpace space = new IoAddressSpace();
  private final List<HardwarePageTable> tables =
      List.of(
          HardwarePageTable.create(memory, PageTableConfig.of(AmdV1.LINUX), (_, _) -> {}),
          HardwarePageTable.create(memory, PageTableConfig.of(X86.LINUX), (_, _) -> {}));

  @BeforeEach
  void attach() {
    tables.forEach(space::attach);
    space.map(GUEST, 0, GUEST, Access.READ_WRITE);
    for (long i = 0; i < 1000; i++) {
      space.map(8 * GUEST + 2 * i * PAGE, i * PAGE, PAGE, Access.READ);
    }
  }

  @AfterEach
  void close() {
    space.close();
    tables.forEach(HardwarePageTable::close);
    memory.close();
  }

  /** By reflection: the engine's module, which the tests are part of, needs no management. */
  private static long allocated() {
    try {
      Class<?> factory = Class.forName("java.lang.management.ManagementFactory");
      Object bean = factory.getMethod("getThreadMXBean").invoke(null);
      return (long)
          Class.forName("com.sun.management.ThreadMXBean")
              .getMethod("getCurrentThreadAllocatedBytes")
              .invoke(bean);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("this JVM does not count what threads allocate", e);
    }
  }

  /**
   * What an operation allocates it allocates in every series; vectors that C2 has not got to yet
   * are boxed in the first ones only.
   */
  private static void assertNoGarbage(Runnable round) {
    for (int i = 0; i < WARM; i++) {
      round.run();
    }
    long least = Long.MAX_VALUE;
    for (int series = 0; series < SERIES && least >= MOST_BYTES; series++) {
      long before = allocated();
      for (int i = 0; i < ROUNDS; i++) {
        round.run();
      }
      least = Math.min(least, allocated() - before);
    }
    assertTrue(least < MOST_BYTES, least + " bytes in " + ROUNDS + " rounds");
  }

  @Test
  void mapAndUnmapAllocateNothing() {
    long at = 8 * GUEST + 501 * PAGE;
    assertNoGarbage(() -> {
      space.map(at, 0, PAGE, Access.READ_WRITE);
      var _ = space.unmap(at, PAGE);
      space.map(4 * GUEST, 0, 4 * REGION + PAGE, Access.READ_WRITE);
      var _ = space.unmap(4 * GUEST + 3 * PAGE, REGION);
      var _ = space.unmap(4 * GUEST, 4 * REGION + PAGE);
    });
  }

  @Test
  void choosingAPlaceAllocatesNothing() {
    assertNoGarbage(() -> {
      long iova = space.mapAnywhere(REGION, 3 * PAGE, Access.READ_WRITE);
      var _ = space.unmap(iova, 3 * PAGE);
    });
  }

  @Test
  void scatteredMemoryAllocatesNothing() {
    Backing frames = Backing.ofFrames(1, 2, 3, 9, 8, 7, 100, 101);
    assertNoGarbage(() -> {
      space.map(4 * GUEST, frames, 0, 8 * PAGE, Access.READ_WRITE);
      var _ = space.unmap(4 * GUEST, 8 * PAGE);
    });
  }

  @Test
  void granularityAllocatesNothing() {
    assertNoGarbage(() -> {
      space.setGranularity(GUEST + 5 * REGION + PAGE, PAGE, 12);
      space.setGranularity(GUEST + 5 * REGION, REGION, IoAddressSpace.UNLIMITED);
      space.adjust(GUEST, 4 * REGION);
    });
  }

  @Test
  void dirtyTrackingAllocatesNothing() {
    DirtyBitmap bitmap = new DirtyBitmap(GUEST, REGION, 12);
    assertNoGarbage(() -> {
      space.startDirtyTracking(GUEST, REGION, 12);
      space.readAndClearDirty(GUEST, REGION, bitmap);
      space.stopDirtyTracking(GUEST, REGION);
    });
  }

  @Test
  void copiesAllocateNothing() {
    assertNoGarbage(() -> {
      space.copy(space, GUEST + PAGE, REGION, 4 * GUEST, Access.READ);
      var _ = space.unmap(4 * GUEST, REGION);
    });
  }

  /** What a refusal leaves is its exception, which is garbage: heap that stays would not be. */
  @Test
  void whatIsRefusedIsNotKept() {
    Runnable refused =
        () ->
            assertThrows(
                IoasException.class, () -> space.copy(space, 0, PAGE, 4 * GUEST, Access.READ));
    refused.run();
    int made = space.operationsMade();
    for (int i = 0; i < 100; i++) {
      refused.run();
      assertThrows(IoasException.class, () -> space.map(GUEST, 0, PAGE, Access.READ));
      assertThrows(IoasException.class, () -> space.unmap(0, PAGE));
      assertThrows(IoasException.class, () -> space.mapAnywhere(0, PAGE + 1, Access.READ));
      assertThrows(IoasException.class, () -> space.setGranularity(1, PAGE, 12));
      assertThrows(IoasException.class, () -> space.cut(GUEST + 1));
      assertThrows(IoasException.class, () -> space.attach(tables.getFirst()));
      assertThrows(IoasException.class, () -> space.setAllowed(List.of(new IovaRange(1, 1))));
      assertThrows(IoasException.class, () -> space.startDirtyTracking(GUEST, PAGE, 13));
    }
    assertEquals(made, space.operationsMade());
  }
}
