package dev.cleave.engine;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.rmp.RmpBitmap;
import dev.cleave.engine.rmp.RmpFollower;
import dev.cleave.engine.rmp.RmpPort;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** Operations leave no garbage: what a thread allocates does not grow with their number. */
@ParameterizedClass
@EnumSource(TableKind.class)
@Tag("slow")
class AllocationTest {
  private static final int WARM = 200;
  private static final int ROUNDS = 2000;

  /** Room for what the measuring itself allocates; one object a round would be far more. */
  private static final long MOST_BYTES = 8L * ROUNDS;

  private static final long GIGABYTE = 1L << 30;

  private final TableKind kind;
  private final long iova;

  AllocationTest(TableKind kind) {
    this.kind = kind;
    this.iova = kind.base() + GIGABYTE;
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

  private static void assertNoGarbage(Runnable round) {
    for (int i = 0; i < WARM; i++) {
      round.run();
    }
    long before = allocated();
    for (int i = 0; i < ROUNDS; i++) {
      round.run();
    }
    long bytes = allocated() - before;
    assertTrue(bytes < MOST_BYTES, () -> bytes + " bytes in " + ROUNDS + " rounds");
  }

  @Test
  void mapAndUnmapAllocateNothing() {
    try (SmallTable small = new SmallTable(kind)) {
      assertNoGarbage(() -> {
        small.table.map(iova, 0, (4 << 20) + 4096, Access.READ_WRITE);
        small.table.unmap(iova + 4096, 8192, small.gather);
        small.table.clear(small.gather);
        small.gather.complete();
      });
    }
  }

  @Test
  void mapScatteredAllocatesNothing() {
    long[] frames = {1, 2, 3, 9, 8, 7, 100, 101};
    try (SmallTable small = new SmallTable(kind)) {
      assertNoGarbage(() -> {
        small.table.mapScattered(iova, frames, 0, frames.length, Access.READ_WRITE);
        small.table.clear(small.gather);
        small.gather.complete();
      });
    }
  }

  @Test
  void splitMergeProtectAndFitAllocateNothing() {
    try (SmallTable small = new SmallTable(kind);
        RmpBitmap bitmap = new RmpBitmap(2L << 30)) {
      small.table.map(iova, GIGABYTE, GIGABYTE, Access.READ_WRITE);
      SizeRule rule = bitmap.ruleAt(-kind.base());
      bitmap.setLarge(0, 2L << 30, true);
      assertNoGarbage(() -> {
        small.table.split(iova + 4096, 8192, 12, small.gather);
        small.table.protect(iova + 4096, 8192, Access.READ, small.gather);
        small.table.protect(iova + 4096, 8192, Access.READ_WRITE, small.gather);
        small.table.merge(iova, GIGABYTE, 30, small.gather);
        small.table.fit(iova, 4 << 20, rule, small.gather);
        small.gather.complete();
      });
    }
  }

  @Test
  void dirtyOperationsAllocateNothing() {
    long bytes = 4 << 20;
    try (SmallTable small = new SmallTable(kind)) {
      small.table.map(iova, GIGABYTE, bytes, Access.READ_WRITE);
      DirtyBitmap bitmap = new DirtyBitmap(iova, bytes, 12);
      SizeRule rule = SizeRule.atMost(30);
      assertNoGarbage(() -> {
        small.table.startDirtyTracking(iova, bytes, 12, small.gather);
        small.table.setDirty(iova + 8192, 4096);
        var _ = small.table.readDirty(iova, bytes, bitmap);
        var _ = small.table.readAndClearDirty(iova, bytes, bitmap, small.gather);
        var _ = bitmap.nextDirty(iova);
        bitmap.clear();
        small.table.setDirty(iova + 4096, 4096);
        small.table.stopDirtyTracking(iova, bytes, rule, small.gather);
        small.gather.seal();
        small.gather.complete();
      });
    }
  }

  @Test
  void rangeLockAllocatesNothing() {
    RangeLock lock = new RangeLock();
    assertNoGarbage(() -> {
      int held = lock.lock(iova, 4096);
      lock.unlock(lock.lock(iova + 4096, 4096));
      lock.unlock(held);
    });
  }

  @Test
  void translateAndCursorsAllocateNothing() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.map(iova, GIGABYTE, (4 << 20) + 4096, Access.READ_WRITE);
      LeafCursor cursor = small.table.leaves();
      long[] iovas = {iova, iova + 4097, iova - 1, iova + (4 << 20)};
      long[] paddrs = new long[iovas.length];
      assertNoGarbage(() -> {
        var _ = small.table.translate(iova + 4097);
        var _ = small.table.translate(iovas, 0, iovas.length, paddrs);
        cursor.over(0, -1L);
        while (cursor.advance()) {
          var _ = cursor.paddr();
        }
      });
    }
  }

  @Test
  void shareAndUnshareAllocateNothing() {
    followerAllocatesNothing(false);
  }

  @Test
  void shareAndUnshareWithoutMergeAllocateNothing() {
    followerAllocatesNothing(true);
  }

  private void followerAllocatesNothing(boolean isLazy) {
    try (TableMemory memory = TableMemory.builder().capacityBytes(16 << 20).build();
        PageTable table = PageTable.create(memory, kind.config());
        RmpBitmap bitmap = new RmpBitmap(16 << 20);
        RmpFollower follower =
            new RmpFollower(
                table, bitmap, new Agreeing(), (_, _) -> {}, RmpFollower.Order.ATOMIC, isLazy)) {
      bitmap.setLarge(0, 16 << 20, true);
      table.map(0, 0, 16 << 20, Access.READ_WRITE);
      assertNoGarbage(() -> {
        follower.share(5 << 20, 4096);
        follower.share((6 << 20) - 4096, 8192);
        follower.unshare(4 << 20, 4 << 20);
      });
    }
  }

  /** An RMP that lets everything happen. */
  private static final class Agreeing implements RmpPort {
    @Override
    public void smash(long gpa) {}

    @Override
    public boolean unsmash(long gpa) {
      return true;
    }

    @Override
    public void unassign(long gpa, long length) {}

    @Override
    public void assign(long gpa, long length, boolean isLarge) {}

    @Override
    public boolean canBeLarge(long gpa, long length) {
      return true;
    }

    @Override
    public void stalled(Runnable change) {
      change.run();
    }
  }
}
