package dev.cleave.bench.jmh;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * 64 GiB where large leaves fit, in one call, against one store for each leaf and each new table.
 *
 * <p>One call is too short for its own invocation, so an invocation maps 64 GiB at seven places of
 * every 512 GiB; the eighth holds a page that keeps the upper tables where they are. 64 GiB are
 * 32768 leaves of 2 MiB in 64 new tables, or 64 leaves of 1 GiB in none.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class LargeLeaves {
  private static final long MAPPED_BYTES = 64 * Tables.GIB;
  private static final int LEVELS = 4;
  private static final long ENTRY = 1L << 60 | 1;

  private static final int PLACES_IN_PIECE = 7;
  private static final int PLACES_2M = PLACES_IN_PIECE;
  private static final int PLACES_1G = 128 * PLACES_IN_PIECE;

  /** Places to map 64 GiB at. */
  @State(Scope.Thread)
  public abstract static class Places {
    private final TableMemory memory = Tables.memory();
    private final PageTable table;
    private final IotlbGather gather;
    private final long[] places;

    Places(int count, long pageSizes) {
      table = Tables.table(memory, LEVELS, pageSizes);
      gather = table.newGather();
      places = new long[count];
      for (int i = 0; i < count; i++) {
        int slots = i / PLACES_IN_PIECE * (PLACES_IN_PIECE + 1) + i % PLACES_IN_PIECE;
        places[i] = slots * MAPPED_BYTES;
      }
      for (long piece = 1; piece <= count / PLACES_IN_PIECE; piece++) {
        long last = piece * (PLACES_IN_PIECE + 1) * MAPPED_BYTES - Tables.PAGE_BYTES;
        table.map(last, 0, Tables.PAGE_BYTES, Access.READ_WRITE);
      }
    }

    void map() {
      for (long place : places) {
        table.map(place, 0, MAPPED_BYTES, Access.READ_WRITE);
      }
    }

    /** Makes room again. */
    @TearDown(Level.Invocation)
    public void empty() {
      for (long place : places) {
        var _ = table.unmap(place, MAPPED_BYTES, gather);
        gather.complete();
      }
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      table.close();
      memory.close();
    }
  }

  /** Where leaves of 2 MiB fit. */
  public static class Places2m extends Places {
    /** Makes a table without 1 GiB leaves. */
    public Places2m() {
      super(PLACES_2M, Tables.SIZES_4K_2M);
    }
  }

  /** Where leaves of 1 GiB fit. */
  public static class Places1g extends Places {
    /** Makes a table with leaves of 1 GiB, but no sized ones. */
    public Places1g() {
      super(PLACES_1G, Tables.SIZES_4K_2M_1G);
    }
  }

  /** Memory for the same stores. */
  @State(Scope.Thread)
  public static class Entries {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment entries =
        arena.allocate(4L << 20, Tables.PAGE_BYTES).fill((byte) 1);

    /** Stores a progression for each call, all behind one another. */
    MemorySegment store(int calls, int count, long step) {
      for (int call = 0; call < calls; call++) {
        long offset = 8L * call * count;
        for (int i = 0; i < count; i++) {
          entries.set(ValueLayout.JAVA_LONG, offset + 8L * i, ENTRY + i * step);
        }
      }
      return entries;
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      arena.close();
    }
  }

  /** Maps 64 GiB as 2 MiB leaves. */
  @Benchmark
  @OperationsPerInvocation(PLACES_2M)
  public void map2m(Places2m state) {
    state.map();
  }

  /** Stores 32768 leaves and 64 directories. */
  @Benchmark
  @OperationsPerInvocation(PLACES_2M)
  public MemorySegment stores2m(Entries state) {
    return state.store(PLACES_2M, 32768 + 64, REGION_BYTES);
  }

  /** Maps 64 GiB as 1 GiB leaves. */
  @Benchmark
  @OperationsPerInvocation(PLACES_1G)
  public void map1g(Places1g state) {
    state.map();
  }

  /** Stores 64 leaves. */
  @Benchmark
  @OperationsPerInvocation(PLACES_1G)
  public MemorySegment stores1g(Entries state) {
    return state.store(PLACES_1G, 64, Tables.GIB);
  }
}
