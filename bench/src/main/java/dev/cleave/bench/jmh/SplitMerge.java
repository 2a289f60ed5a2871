package dev.cleave.bench.jmh;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.kernel.Kernels;
import dev.cleave.engine.kernel.TableKernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
 * One 2 MiB leaf replaced by 512 of 4 KiB, and the reverse, over as many regions; against the
 * kernels that write and compare one table, over as many tables. Debts are settled outside the
 * clock, but for the page that a split takes.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class SplitMerge {
  private static final int REGIONS = 1024;
  private static final long PADDR = 1L << 40;
  private static final long LENGTH = REGIONS * REGION_BYTES;
  private static final int REGION_LOG2 = 21;
  private static final int PAGE_LOG2 = 12;
  private static final long ENTRY = 1L << 60 | 1;

  /** Regions to split or merge, one a call. */
  @State(Scope.Thread)
  public static class Regions {
    /** Levels of the table. */
    @Param({"3", "4"})
    public int levels;

    TableMemory memory;
    PageTable table;
    IotlbGather gather;

    /** Maps the regions with one leaf each. */
    @Setup(Level.Trial)
    public void make() {
      memory = Tables.memory();
      table = Tables.table(memory, levels, Tables.SIZES_4K_2M);
      gather = table.newGather();
      table.map(0, PADDR, LENGTH, Access.READ_WRITE);
    }

    /** Splits every region by a call of its own. */
    long splitAll() {
      long bytes = 0;
      for (long at = 0; at < LENGTH; at += REGION_BYTES) {
        bytes += table.split(at, REGION_BYTES, PAGE_LOG2, gather);
      }
      return bytes;
    }

    /** Merges every region by a call of its own. */
    long mergeAll() {
      long bytes = 0;
      for (long at = 0; at < LENGTH; at += REGION_BYTES) {
        bytes += table.merge(at, REGION_BYTES, REGION_LOG2, gather);
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

  /** One leaf a region before every invocation. */
  @State(Scope.Thread)
  public static class Large extends Regions {
    /** Merges again: an invocation splits {@value #REGIONS} regions. */
    @TearDown(Level.Invocation)
    public void merge() {
      gather.complete();
      mergeAll();
      gather.complete();
    }
  }

  /** 512 leaves a region before every invocation. */
  @State(Scope.Thread)
  public static class Small extends Regions {
    /** Splits again: an invocation merges {@value #REGIONS} regions. */
    @Setup(Level.Invocation)
    public void split() {
      gather.complete();
      splitAll();
      gather.complete();
    }

    /** Settles the last debt. */
    @TearDown(Level.Iteration)
    public void settle() {
      gather.complete();
    }
  }

  /** Tables without a tree, for the kernels. */
  @State(Scope.Thread)
  public static class Kernel {
    private final Arena arena = Arena.ofShared();
    final TableKernels kernels = Kernels.chosen();
    MemorySegment tables;

    /** Each table the progression of a region. */
    @Setup(Level.Trial)
    public void make() {
      tables = arena.allocate(REGIONS * Tables.PAGE_BYTES, Tables.PAGE_BYTES);
      fillAll();
    }

    /** Fills every table by a call of its own. */
    void fillAll() {
      for (int i = 0; i < REGIONS; i++) {
        kernels.fill(tables, i * Tables.PAGE_BYTES, 512, first(i), Tables.PAGE_BYTES, 0);
      }
    }

    /** Compares every table by a call of its own. */
    int countProgressions() {
      long status = AmdV1.LINUX.statusMask();
      int found = 0;
      for (int i = 0; i < REGIONS; i++) {
        long offset = i * Tables.PAGE_BYTES;
        long bits =
            kernels.progressionBits(tables, offset, 512, first(i), Tables.PAGE_BYTES, 0, status);
        found += bits != TableKernels.NO_PROGRESSION ? 1 : 0;
      }
      return found;
    }

    private static long first(int table) {
      return ENTRY + table * REGION_BYTES;
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      arena.close();
    }
  }

  /** Splits one region, with the page it takes and its publication. */
  @Benchmark
  @OperationsPerInvocation(REGIONS)
  public long split(Large state) {
    return state.splitAll();
  }

  /** Merges one region. */
  @Benchmark
  @OperationsPerInvocation(REGIONS)
  public long merge(Small state) {
    return state.mergeAll();
  }

  /** Writes one table. */
  @Benchmark
  @OperationsPerInvocation(REGIONS)
  public MemorySegment fillKernel(Kernel state) {
    state.fillAll();
    return state.tables;
  }

  /** Finds that one table forms one leaf. */
  @Benchmark
  @OperationsPerInvocation(REGIONS)
  public int formsOneLeafKernel(Kernel state) {
    return state.countProgressions();
  }
}
