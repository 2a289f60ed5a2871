package dev.cleave.bench.jmh;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import java.util.concurrent.TimeUnit;
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
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.infra.ThreadParams;

/**
 * Two writers on disjoint halves of one table, against one that does the work of both. An operation
 * of two threads is one on a thread's own half, one of a single thread is one on each half: 0.5 is
 * twice as fast.
 *
 * <p>The halves share the top table and the memory's pool of pages; the tables below the top stay,
 * but for the leaf table of a run of 2 MiB, which comes and goes.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class TwoThreads {
  private static final int HALVES = 2;
  private static final int REGIONS = 64;
  private static final long PADDR = 1L << 40;
  private static final int OPERATIONS = 1 << 12;

  /** The table of both. */
  @State(Scope.Benchmark)
  public static class Shared {
    /** Levels of the table; the halves divide its top. */
    @Param({"3", "4"})
    public int levels;

    TableMemory memory;
    PageTable table;

    /** Makes the tables of both halves. */
    @Setup(Level.Trial)
    public void make() {
      memory = Tables.memory();
      table = Tables.table(memory, levels, Tables.SIZES_4K);
      for (int half = 0; half < HALVES; half++) {
        for (int region = 0; region < REGIONS; region++) {
          long last = start(half) + (region + 1) * REGION_BYTES - Tables.PAGE_BYTES;
          table.map(last, PADDR, Tables.PAGE_BYTES, Access.READ_WRITE);
        }
      }
    }

    /** First address of a half: half of what the table reaches. */
    long start(int half) {
      return (long) half << (11 + 9 * levels);
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      table.close();
      memory.close();
    }
  }

  /** What a thread has for itself. */
  @State(Scope.Thread)
  public static class Own {
    private final long[] pages = new long[OPERATIONS];
    private PageTable table;
    private IotlbGather gather;
    private long first;
    private long second;
    private int next;

    /** Which half is the thread's, and pages to map. */
    @Setup(Level.Trial)
    public void make(Shared shared, ThreadParams thread) {
      table = shared.table;
      gather = table.newGather();
      first = shared.start(thread.getThreadIndex() % HALVES);
      second = shared.start(1);
      var random = Tables.random();
      for (int i = 0; i < OPERATIONS; i++) {
        long region = random.nextInt(REGIONS) * REGION_BYTES;
        pages[i] = region + random.nextInt(511) * Tables.PAGE_BYTES;
      }
    }

    private long page(long half) {
      long iova = half + pages[next++ & (OPERATIONS - 1)];
      return mapThenUnmap(iova, Tables.PAGE_BYTES);
    }

    private long run(long half) {
      return mapThenUnmap(half + REGIONS * REGION_BYTES, REGION_BYTES);
    }

    private long mapThenUnmap(long iova, long length) {
      table.map(iova, PADDR, length, Access.READ_WRITE);
      long bytes = table.unmap(iova, length, gather);
      gather.complete();
      return bytes;
    }
  }

  /** A page in the thread's half, mapped and unmapped. */
  @Benchmark
  @Threads(2)
  public long pagesByTwo(Own state) {
    return state.page(state.first);
  }

  /** A page in each half, mapped and unmapped. */
  @Benchmark
  @Threads(1)
  public long pagesByOne(Own state) {
    return state.page(state.first) + state.page(state.second);
  }

  /** 2 MiB of 4 KiB leaves in the thread's half, mapped and unmapped. */
  @Benchmark
  @Threads(2)
  public long runsByTwo(Own state) {
    return state.run(state.first);
  }

  /** The same in each half. */
  @Benchmark
  @Threads(1)
  public long runsByOne(Own state) {
    return state.run(state.first) + state.run(state.second);
  }
}
