package dev.cleave.bench.jmh;

import dev.cleave.bench.machine.GuestFrames;
import dev.cleave.bench.machine.ModelMachine;
import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.infra.ThreadParams;

/**
 * Two threads that read and clear the halves of 64 GiB of 4 KiB leaves, against one that does both,
 * while a device of the hardware model sets dirty bits in all of it. An operation of two threads is
 * a pass over a thread's own half, one of a single thread is one over each half: 0.5 is twice as
 * fast.
 *
 * <p>A half is read GiB by GiB: an operation keeps others out of its home, which is the top for
 * more.
 *
 * <p>The device is a third thread that sleeps most of the time, so that two processors do.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class DirtySweepByTwo {
  private static final long LENGTH = 64 * Tables.GIB;
  private static final long HALF = LENGTH / 2;
  private static final long CAPACITY_BYTES = 1L << 30;
  private static final int LEVELS = 3;
  private static final int PAGES = (int) (LENGTH / Tables.PAGE_BYTES);

  /** So many pages are written at once, */
  private static final int BURST = 64;

  /** and then none for so long. */
  private static final long PAUSE_NANOS = 100_000;

  /** The table of both, and the device. */
  @State(Scope.Benchmark)
  public static class Shared {
    TableMemory memory;
    PageTable table;
    private ModelMachine machine;
    private Thread device;
    private volatile boolean isOver;

    /** Maps the guest and lets the device begin. */
    @Setup(Level.Trial)
    public void make() {
      memory =
          TableMemory.builder()
              .capacityBytes(CAPACITY_BYTES)
              .base(ModelMachine.TABLE_BASE)
              .hugePages(true)
              .build();
      table = Tables.table(memory, LEVELS, Tables.SIZES_4K);
      table.map(0, 0, LENGTH, Access.READ_WRITE);
      machine = ModelMachine.marking(LENGTH, new GuestFrames(), memory, false);
      machine.attach(table);
      device = Thread.ofPlatform().name("device").daemon().start(this::write);
    }

    private void write() {
      Random random = Tables.random();
      while (!isOver) {
        for (int i = 0; i < BURST; i++) {
          var _ = machine.translate(random.nextInt(PAGES) * Tables.PAGE_BYTES, true);
        }
        LockSupport.parkNanos(PAUSE_NANOS);
      }
    }

    /** Stops the device and gives the memory back. */
    @TearDown(Level.Trial)
    public void close() throws InterruptedException {
      isOver = true;
      device.join();
      machine.close();
      table.close();
      memory.close();
    }
  }

  /** What a thread has for itself. */
  @State(Scope.Thread)
  public static class Own {
    private PageTable table;
    private IotlbGather gather;
    private DirtyBitmap first;
    private DirtyBitmap second;

    /** Which half is the thread's. */
    @Setup(Level.Trial)
    public void make(Shared shared, ThreadParams thread) {
      table = shared.table;
      gather = table.newGather();
      first = new DirtyBitmap(thread.getThreadIndex() % 2 * HALF, HALF, 12);
      second = new DirtyBitmap(HALF, HALF, 12);
    }

    private long pass(DirtyBitmap half) {
      half.clear();
      long bytes = 0;
      for (long at = 0; at < HALF; at += Tables.GIB) {
        bytes += table.readAndClearDirty(half.firstIova() + at, Tables.GIB, half, gather);
      }
      gather.complete();
      return bytes;
    }
  }

  /** A pass over the thread's half. */
  @Benchmark
  @Threads(2)
  public long passByTwo(Own state) {
    return state.pass(state.first);
  }

  /** A pass over each half. */
  @Benchmark
  @Threads(1)
  public long passByOne(Own state) {
    return state.pass(state.first) + state.pass(state.second);
  }
}
