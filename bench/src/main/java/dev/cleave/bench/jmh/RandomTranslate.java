package dev.cleave.bench.jmh;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.rival.ExtentTable;
import dev.cleave.bench.rival.FlatHash;
import dev.cleave.bench.rival.HeapRadix;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import java.util.Arrays;
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
 * Random addresses of a guest mapped with 4 KiB leaves, one a call or as many as a scatter-gather
 * list has; the next address does not depend on the last result.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class RandomTranslate {
  private static final int ADDRESSES = 1 << 20;
  private static final int LIST = 64;
  private static final long PADDR = 1L << 40;

  /** Random addresses, more of them than caches remember. */
  @State(Scope.Thread)
  public abstract static class Addresses {
    /** Bytes mapped: tables of 8M lie in the first-level cache, those of 64G in memory. */
    @Param({"8M", "2G", "64G", "1T"})
    public String guest;

    private final long[] addresses = new long[ADDRESSES];
    private int next;
    long length;

    /** Makes the addresses, then the table. */
    @Setup(Level.Trial)
    public void makeAddresses() {
      length = Numbers.parse(guest);
      var random = Tables.random();
      for (int i = 0; i < ADDRESSES; i++) {
        addresses[i] = random.nextLong(length);
      }
      mapGuest();
    }

    /** Makes the table; JMH promises no order among several setups. */
    abstract void mapGuest();

    /** Another address. */
    long nextAddress() {
      return addresses[next++ & (ADDRESSES - 1)];
    }
  }

  /** The engine's table. */
  @State(Scope.Thread)
  public static class Engine extends Addresses {
    /** Levels that a call walks; 1T needs 4. */
    @Param({"3", "4"})
    public int levels;

    TableMemory memory;
    PageTable table;

    @Override
    void mapGuest() {
      memory = Tables.memory();
      table = Tables.table(memory, levels, Tables.SIZES_4K);
      table.map(0, PADDR, length, Access.READ_WRITE);
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      table.close();
      memory.close();
    }
  }

  /** The engine's table, and the addresses in lists. */
  @State(Scope.Thread)
  public static class Lists extends Engine {
    final long[] paddrs = new long[LIST];
    private final long[][] lists = new long[ADDRESSES / LIST][LIST];
    private int next;

    @Override
    void mapGuest() {
      super.mapGuest();
      for (long[] list : lists) {
        Arrays.setAll(list, _ -> nextAddress());
      }
    }

    /** Another list. */
    long[] nextList() {
      return lists[next++ & (lists.length - 1)];
    }
  }

  /** The table of arrays. */
  @State(Scope.Thread)
  public static class Radix extends Addresses {
    HeapRadix table;

    @Override
    void mapGuest() {
      table = new HeapRadix(length);
      table.map(0, PADDR, length, Access.READ_WRITE);
    }
  }

  /** The hash of pages. */
  @State(Scope.Thread)
  public static class Hash extends Addresses {
    FlatHash table;

    @Override
    void mapGuest() {
      table = new FlatHash();
      table.map(0, PADDR, length, Access.READ_WRITE);
    }
  }

  /** The map of extents, one for each region: neighbours do not continue each other. */
  @State(Scope.Thread)
  public static class Extents extends Addresses {
    ExtentTable table;

    @Override
    void mapGuest() {
      table = new ExtentTable();
      for (long at = 0; at < length; at += REGION_BYTES) {
        table.map(at, PADDR + 2 * at, REGION_BYTES, Access.READ_WRITE);
      }
    }
  }

  /** The engine. */
  @Benchmark
  public long engine(Engine state) {
    return state.table.translate(state.nextAddress());
  }

  /** The engine, a list of addresses a call. */
  @Benchmark
  @OperationsPerInvocation(LIST)
  public int batch(Lists state) {
    return state.table.translate(state.nextList(), 0, LIST, state.paddrs);
  }

  /** Arrays on the heap. */
  @Benchmark
  public long heapRadix(Radix state) {
    return state.table.translate(state.nextAddress());
  }

  /** The flat hash. Guests above 64G do not fit a small heap. */
  @Benchmark
  public long flatHash(Hash state) {
    return state.table.translate(state.nextAddress());
  }

  /** The extent map. */
  @Benchmark
  public long extentMap(Extents state) {
    return state.table.translate(state.nextAddress());
  }
}
