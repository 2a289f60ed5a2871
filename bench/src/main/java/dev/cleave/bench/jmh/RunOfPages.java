package dev.cleave.bench.jmh;

import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.rival.RewalkingTable;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.memory.TablePages;
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

/**
 * 256 leaves in one call, mapped and unmapped, in a table that is present.
 *
 * <p>The run lies in the first half of its table; a page beyond it stays, so that no table comes or
 * goes.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class RunOfPages {
  private static final int LEAVES = 256;
  private static final long PADDR = 1L << 40;

  /** The engine's table. */
  @State(Scope.Thread)
  public static class Engine {
    /** The leaf: 4K runs are 1 MiB, 2M runs 512 MiB. */
    @Param({"4K", "2M"})
    public String leaf;

    /** Levels that a call walks. */
    @Param({"3", "4"})
    public int levels;

    TableMemory memory;
    PageTable table;
    IotlbGather gather;
    long length;

    /** Makes the table. */
    @Setup(Level.Trial)
    public void make() {
      long leafBytes = Numbers.parse(leaf);
      length = LEAVES * leafBytes;
      memory = Tables.memory();
      table = Tables.table(memory, levels, Tables.SIZES_4K | leafBytes);
      gather = table.newGather();
      table.map(length, 0, leafBytes, Access.READ_WRITE);
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      table.close();
      memory.close();
    }
  }

  /** The table that is walked from the root for every leaf. */
  @State(Scope.Thread)
  public static class Rewalked {
    /** As {@link Engine#leaf}. */
    @Param({"4K", "2M"})
    public String leaf;

    /** As {@link Engine#levels}. */
    @Param({"3", "4"})
    public int levels;

    TablePages memory;
    RewalkingTable table;
    long length;

    /** Makes the table. */
    @Setup(Level.Trial)
    public void make() {
      long leafBytes = Numbers.parse(leaf);
      length = LEAVES * leafBytes;
      memory = Tables.pages();
      table = new RewalkingTable(memory, levels, Tables.SIZES_4K | leafBytes);
      table.map(length, 0, leafBytes, Access.READ_WRITE);
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      table.close();
      memory.close();
    }
  }

  /** One call each, and the debt settled. */
  @Benchmark
  public long mapThenUnmap(Engine state) {
    state.table.map(0, PADDR, state.length, Access.READ_WRITE);
    long bytes = state.table.unmap(0, state.length, state.gather);
    state.gather.complete();
    return bytes;
  }

  /** The same, from the root for every leaf. */
  @Benchmark
  public long mapThenUnmapRewalking(Rewalked state) {
    state.table.map(0, PADDR, state.length, Access.READ_WRITE);
    return state.table.unmap(0, state.length);
  }
}
