package dev.cleave.bench.jmh;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.kernel.Kernels;
import dev.cleave.engine.kernel.TableKernels;
import dev.cleave.engine.rmp.RmpBitmap;
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
 * {@code fit} over a guest whose leaves are as they should be, against one reading of as many bytes
 * as its bitmap has: 512 bits for the pages of each region and two for the region.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class FitUnchanged {
  private static final long PADDR = 1L << 44;
  private static final int LEVELS = 4;
  private static final long PAGES_IN_BYTE = 8 * Tables.PAGE_BYTES;
  private static final long REGIONS_IN_BYTE = 8 * REGION_BYTES;

  /** A guest with some mixed regions. */
  @State(Scope.Thread)
  public static class Guest {
    /** Bytes mapped. */
    @Param({"64G", "1T"})
    public String guest;

    /** One region in so many is mixed, 0 for none. */
    @Param({"0", "512", "8"})
    public int mixedEvery;

    TableMemory memory;
    PageTable table;
    IotlbGather gather;
    RmpBitmap bitmap;
    long length;

    /** Maps the guest as its bitmap allows. */
    @Setup(Level.Trial)
    public void make() {
      length = Numbers.parse(guest);
      memory = Tables.memory();
      table = Tables.table(memory, LEVELS, Tables.SIZES_4K_2M_1G);
      gather = table.newGather();
      bitmap = new RmpBitmap(length);
      bitmap.setLarge(0, length, true);
      long step = mixedEvery * REGION_BYTES;
      for (long at = 0; step > 0 && at < length; at += step) {
        bitmap.share(at, Tables.PAGE_BYTES);
      }
      table.map(0, PADDR, length, Access.READ_WRITE, bitmap.rule());
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      table.close();
      bitmap.close();
      memory.close();
    }
  }

  /** As many bytes as the bitmap of the guest has. */
  @State(Scope.Thread)
  public static class Bitmap {
    /** As {@link Guest#guest}. */
    @Param({"64G", "1T"})
    public String guest;

    private final Arena arena = Arena.ofShared();
    final TableKernels kernels = Kernels.chosen();
    MemorySegment words;

    /** Touches all of it. */
    @Setup(Level.Trial)
    public void make() {
      long length = Numbers.parse(guest);
      long bytes = length / PAGES_IN_BYTE + 2 * (length / REGIONS_IN_BYTE);
      words = arena.allocate(bytes, Tables.PAGE_BYTES).fill((byte) 1);
    }

    /** Gives it back. */
    @TearDown(Level.Trial)
    public void close() {
      arena.close();
    }
  }

  /** Finds nothing to do, so that there is no debt. */
  @Benchmark
  public IotlbGather fit(Guest state) {
    state.table.fit(0, state.length, state.bitmap.rule(), state.gather);
    return state.gather;
  }

  /** Reads every word once. */
  @Benchmark
  public long readBitmap(Bitmap state) {
    return state.kernels.or(state.words, 0, (int) (state.words.byteSize() / Long.BYTES));
  }
}
