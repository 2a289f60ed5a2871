package dev.cleave.bench.jmh;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.io.Numbers;
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
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * One sized leaf a call, against as many stores of one value as it has slots. An invocation takes
 * one leaf in each of many tables that are present.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class SizedLeaves {
  private static final int TABLES = 2048;
  private static final long PADDR = 1L << 40;
  private static final long ENTRY = 1L << 60 | 1;

  /** Tables with one page each that stays. */
  @State(Scope.Thread)
  public static class Leaves {
    /** The leaf: 64K fills 16 slots, 1M 256. */
    @Param({"64K", "1M"})
    public String leaf;

    /** Levels that every call walks. */
    @Param({"3", "4"})
    public int levels;

    TableMemory memory;
    PageTable table;
    IotlbGather gather;
    long leafBytes;

    /** Makes the tables. */
    @Setup(Level.Trial)
    public void make() {
      leafBytes = Numbers.parse(leaf);
      memory = Tables.memory();
      table = Tables.table(memory, levels, Tables.SIZES_4K | leafBytes);
      gather = table.newGather();
      for (int i = 1; i <= TABLES; i++) {
        long last = i * REGION_BYTES - Tables.PAGE_BYTES;
        table.map(last, 0, Tables.PAGE_BYTES, Access.READ_WRITE);
      }
    }

    void mapAll() {
      for (int i = 0; i < TABLES; i++) {
        table.map(i * REGION_BYTES, PADDR, leafBytes, Access.READ_WRITE);
      }
    }

    long unmapAll() {
      long bytes = 0;
      for (int i = 0; i < TABLES; i++) {
        bytes += table.unmap(i * REGION_BYTES, leafBytes, gather);
        gather.complete();
      }
      return bytes;
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      table.close();
      memory.close();
    }
  }

  /** None of the leaves is mapped before an invocation. */
  @State(Scope.Thread)
  public static class Unmapped extends Leaves {
    /** Takes the leaves out again: an invocation maps {@value #TABLES}. */
    @TearDown(Level.Invocation)
    public void empty() {
      var _ = unmapAll();
    }
  }

  /** All of the leaves are mapped before an invocation. */
  @State(Scope.Thread)
  public static class Mapped extends Leaves {
    /** Maps the leaves again: an invocation unmaps {@value #TABLES}. */
    @Setup(Level.Invocation)
    public void fill() {
      mapAll();
    }
  }

  /** Tables without a tree. */
  @State(Scope.Thread)
  public static class Slots {
    /** As {@link Leaves#leaf}. */
    @Param({"64K", "1M"})
    public String leaf;

    private final Arena arena = Arena.ofShared();
    MemorySegment tables;
    int slots;

    /** Touches all of them. */
    @Setup(Level.Trial)
    public void make() {
      slots = (int) (Numbers.parse(leaf) / Tables.PAGE_BYTES);
      tables = arena.allocate(TABLES * Tables.PAGE_BYTES, Tables.PAGE_BYTES).fill((byte) 1);
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      arena.close();
    }
  }

  /** Maps one leaf. */
  @Benchmark
  @OperationsPerInvocation(TABLES)
  public void map(Unmapped state) {
    state.mapAll();
  }

  /** Unmaps one leaf and settles the debt. */
  @Benchmark
  @OperationsPerInvocation(TABLES)
  public long unmap(Mapped state) {
    return state.unmapAll();
  }

  /** Stores one value in as many slots. */
  @Benchmark
  @OperationsPerInvocation(TABLES)
  public MemorySegment stores(Slots state) {
    for (int i = 0; i < TABLES; i++) {
      long table = i * Tables.PAGE_BYTES;
      for (int slot = 0; slot < state.slots; slot++) {
        state.tables.set(ValueLayout.JAVA_LONG, table + 8L * slot, ENTRY + i);
      }
    }
    return state.tables;
  }
}
