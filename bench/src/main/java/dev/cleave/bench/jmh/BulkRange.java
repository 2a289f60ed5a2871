package dev.cleave.bench.jmh;

import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
 * A whole guest as 4 KiB leaves in one call, and the same bytes filled and copied: what memory
 * allows. From tables that lie in the first-level cache to those of a terabyte.
 *
 * <p>Filled and copied are as many bytes as the table's pages have, in memory that was touched
 * before, like the table's.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class BulkRange {
  private static final long PADDR = 1L << 40;

  /** A table of 4 KiB leaves that is whole or empty. */
  @State(Scope.Thread)
  public static class Guest {
    /** Bytes mapped: 8M needs 16 KiB of leaf tables, 2G 4 MiB, 64G 128 MiB, 1T 2 GiB. */
    @Param({"8M", "512M", "2G", "64G", "1T"})
    public String guest;

    /** Levels of the table; the two or three at the top are walked once a call. */
    @Param({"3", "4"})
    public int levels;

    TableMemory memory;
    PageTable table;
    IotlbGather gather;
    long length;
    long tableBytes;

    /** Makes the table, and touches all the memory it will use. */
    @Setup(Level.Trial)
    public void make() {
      length = Numbers.parse(guest);
      memory = Tables.memory();
      table = Tables.table(memory, levels, Tables.SIZES_4K);
      gather = table.newGather();
      map();
      tableBytes = memory.usedBytes() - Tables.PAGE_BYTES; // the top stays when the rest goes
      unmap();
    }

    /** Maps all of it. */
    void map() {
      table.map(0, PADDR, length, Access.READ_WRITE);
    }

    /** Unmaps all of it and gives its pages back. */
    long unmap() {
      long bytes = table.unmap(0, length, gather);
      gather.complete();
      return bytes;
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      table.close();
      memory.close();
    }
  }

  /** Empty before every invocation. */
  @State(Scope.Thread)
  public static class Empty extends Guest {
    /** Makes room again; see the package about the cost of doing so. */
    @TearDown(Level.Invocation)
    public void empty() {
      unmap();
    }
  }

  /** Mapped before every invocation. */
  @State(Scope.Thread)
  public static class Whole extends Guest {
    /** Maps again; see the package about the cost of doing so. */
    @Setup(Level.Invocation)
    public void fill() {
      map();
    }
  }

  /** As many bytes as the table has, without a table. */
  @State(Scope.Thread)
  public static class Bytes {
    /** As {@link Guest#guest}. */
    @Param({"8M", "512M", "2G", "64G", "1T"})
    public String guest;

    Arena arena;
    MemorySegment to;
    MemorySegment from;

    /** Touches all of it. */
    @Setup(Level.Trial)
    public void make() {
      Guest like = new Guest();
      like.guest = guest;
      like.levels = 4;
      like.make();
      long bytes = like.tableBytes;
      like.close();
      arena = Arena.ofShared();
      to = arena.allocate(bytes, Tables.PAGE_BYTES).fill((byte) 1);
      prepare();
    }

    /** What a kind of this state does next; JMH promises no order among several setups. */
    void prepare() {}

    /** Gives it back. */
    @TearDown(Level.Trial)
    public void close() {
      arena.close();
    }
  }

  /** The same twice. */
  @State(Scope.Thread)
  public static class TwiceBytes extends Bytes {
    @Override
    void prepare() {
      from = arena.allocate(to.byteSize(), Tables.PAGE_BYTES).fill((byte) 2);
    }
  }

  /** Maps into empty space. For guests of 2G and more. */
  @Benchmark
  public void map(Empty state) {
    state.map();
  }

  /** Unmaps and settles the debt. For guests of 2G and more. */
  @Benchmark
  public long unmap(Whole state) {
    return state.unmap();
  }

  /** Both, for guests of any size. */
  @Benchmark
  public long mapThenUnmap(Guest state) {
    state.map();
    return state.unmap();
  }

  /** Memory written once. */
  @Benchmark
  public MemorySegment fill(Bytes state) {
    return state.to.fill((byte) 0);
  }

  /** Memory read and written once. */
  @Benchmark
  public MemorySegment copy(TwiceBytes state) {
    return state.to.copyFrom(state.from);
  }
}
