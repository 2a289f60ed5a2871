package dev.cleave.bench.jmh;

import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import java.util.concurrent.Exchanger;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * A guest of many gigabytes as 4 KiB leaves by one call, and by two calls for its halves on two
 * threads: the recipe of {@code docs/library.md}, but that the other thread waits to be handed its
 * half. An executor would put a task on the heap for each, and what this does is measured too.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class BulkByTwo {
  private static final long PADDR = 1L << 40;
  private static final int LEVELS = 4;

  /** A table that is empty before every invocation. */
  @State(Scope.Thread)
  public static class Guest {
    /** Bytes mapped: 256G needs 512 MiB of leaf tables. */
    @Param("256G")
    public String guest;

    private final Exchanger<Boolean> handing = new Exchanger<>();
    private final Thread other =
        Thread.ofPlatform().daemon().name("other half").unstarted(this::serve);
    private volatile @Nullable RuntimeException failure;
    private TableMemory memory;
    private PageTable table;
    private IotlbGather gather;
    private long length;

    /** Makes the table, and touches all the memory it will use. */
    @Setup(Level.Trial)
    public void make() {
      length = Numbers.parse(guest);
      memory = Tables.memory();
      table = Tables.table(memory, LEVELS, Tables.SIZES_4K);
      gather = table.newGather();
      map(0, length);
      empty();
      other.start();
    }

    private void map(long iova, long bytes) {
      table.map(iova, PADDR + iova, bytes, Access.READ_WRITE);
    }

    void whole() {
      map(0, length);
    }

    void halves() throws InterruptedException {
      var _ = handing.exchange(true);
      try {
        map(0, length / 2);
      } finally {
        var _ = handing.exchange(true);
      }
      if (failure != null) {
        throw failure;
      }
    }

    /** Maps the other half whenever it is handed over. */
    private void serve() {
      try {
        while (handing.exchange(true)) {
          try {
            map(length / 2, length / 2);
          } catch (RuntimeException e) {
            failure = e;
          }
          var _ = handing.exchange(true);
        }
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      }
    }

    /** Makes room again. */
    @TearDown(Level.Invocation)
    public void empty() {
      var _ = table.unmap(0, length, gather);
      gather.complete();
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() throws InterruptedException {
      var _ = handing.exchange(false);
      other.join();
      table.close();
      memory.close();
    }
  }

  /** By one thread. */
  @Benchmark
  public void byOne(Guest state) {
    state.whole();
  }

  /** By two. */
  @Benchmark
  public void byTwo(Guest state) throws InterruptedException {
    state.halves();
  }
}
