package dev.cleave.bench.jmh;

import dev.cleave.bench.rival.HeapRadix;
import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.kernel.Kernels;
import dev.cleave.engine.kernel.TableKernels;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
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
 * One pass of dirty tracking over 64 GiB of 4 KiB leaves of which some, anywhere, are dirty: read,
 * clear, and gather what is to be flushed. Beside it the same table bytes read once, which any pass
 * must do, and the same pass over tables on the heap.
 *
 * <p>Pages are made dirty, and bitmaps clean, outside the clock.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class DirtySweep {
  private static final long LENGTH = 64 * Tables.GIB;
  private static final long PADDR = 1L << 40;
  private static final int LEVELS = 3;
  private static final int PAGES = (int) (LENGTH / Tables.PAGE_BYTES);
  private static final double PERCENT = 100;

  /** Which pages are dirty. */
  @State(Scope.Thread)
  public static class Pages {
    /** How many of a hundred pages. */
    @Param({"0", "0.1", "1", "10"})
    public String dirtyPercent;

    private BitSet dirty;

    /** Chooses them. */
    @Setup(Level.Trial)
    public void choose() {
      int wanted = (int) Math.round(PAGES * Double.parseDouble(dirtyPercent) / PERCENT);
      Random random = Tables.random();
      dirty = new BitSet(PAGES);
      for (int chosen = 0; chosen < wanted; ) {
        int page = random.nextInt(PAGES);
        if (!dirty.get(page)) {
          dirty.set(page);
          chosen++;
        }
      }
    }

    /** What to do with each. */
    interface Visitor {
      void visit(long iova);
    }

    void forEach(Visitor visitor) {
      for (int page = dirty.nextSetBit(0); page >= 0; page = dirty.nextSetBit(page + 1)) {
        visitor.visit(page * Tables.PAGE_BYTES);
      }
    }
  }

  /** A guest that is mapped. */
  @State(Scope.Thread)
  public static class Guest {
    TableMemory memory;
    PageTable table;
    IotlbGather gather;
    DirtyBitmap bitmap;
    MemorySegment view;
    int words;

    /** Maps it. */
    @Setup(Level.Trial)
    public void make() {
      memory = Tables.memory();
      table = Tables.table(memory, LEVELS, Tables.SIZES_4K);
      table.map(0, PADDR, LENGTH, Access.READ_WRITE);
      gather = table.newGather();
      bitmap = new DirtyBitmap(0, LENGTH, 12);
      view = memory.view();
      words = (int) (memory.usedBytes() / Long.BYTES);
    }

    /** Devices have written. */
    @Setup(Level.Invocation)
    public void write(Pages pages) {
      bitmap.clear();
      pages.forEach(iova -> table.setDirty(iova, Tables.PAGE_BYTES));
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      table.close();
      memory.close();
    }
  }

  /** The same guest in arrays. */
  @State(Scope.Thread)
  public static class HeapGuest {
    private final HeapRadix table = new HeapRadix(LENGTH);
    private final long[] bitmap = new long[PAGES / Long.SIZE];

    /** Maps it. */
    @Setup(Level.Trial)
    public void make() {
      table.map(0, PADDR, LENGTH, Access.READ_WRITE);
    }

    /** Devices have written. */
    @Setup(Level.Invocation)
    public void write(Pages pages) {
      Arrays.fill(bitmap, 0);
      pages.forEach(table::setDirty);
    }
  }

  /** A pass. */
  @Benchmark
  public long readAndClear(Guest state) {
    long bytes = state.table.readAndClearDirty(0, LENGTH, state.bitmap, state.gather);
    state.gather.complete();
    return bytes;
  }

  /** All words of the table's pages, once. */
  @Benchmark
  public long readTableBytes(Guest state) {
    TableKernels kernels = Kernels.chosen();
    return kernels.or(state.view, 0, state.words);
  }

  /** A pass over arrays. */
  @Benchmark
  public long heapRadix(HeapGuest state) {
    return state.table.readAndClearDirty(0, LENGTH, state.bitmap);
  }
}
