package dev.cleave.bench.jmh;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.rival.RemapFollower;
import dev.cleave.bench.rival.ShareRival;
import dev.cleave.bench.rival.SplitFollower;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.rmp.RmpBitmap;
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
 * A guest shares one page of a region that was whole, and takes it back: table, bitmap and gather.
 * The engine splits and merges without a gap; the rivals unmap the region and map it again.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class ShareUnshare {
  private static final int REGIONS = 64;
  private static final long GUEST_BYTES = REGIONS * REGION_BYTES;
  private static final long PADDR = 1L << 40;
  private static final int CHANGES = 1 << 12;

  /** A private guest with 2 MiB entries in the RMP. */
  @State(Scope.Thread)
  public static class Guest {
    /** Leaf sizes: 4K leaves 512 in a mixed region, all sizes two of 1 MiB. */
    @Param({"4K,2M", "all"})
    public String pageSizes;

    /** Levels of the table. */
    @Param({"3", "4"})
    public int levels;

    TableMemory memory;
    PageTable table;
    RmpBitmap bitmap;
    long[] pages;
    private int next;

    /** Maps the guest. */
    @Setup(Level.Trial)
    public void make() {
      memory = Tables.memory();
      long sizes = pageSizes.equals("all") ? Tables.SIZES_ALL : Tables.SIZES_4K_2M;
      table = Tables.table(memory, levels, sizes);
      bitmap = new RmpBitmap(GUEST_BYTES);
      bitmap.setLarge(0, GUEST_BYTES, true);
      table.map(0, PADDR, GUEST_BYTES, Access.READ_WRITE, bitmap.rule());
      pages = new long[CHANGES];
      var random = Tables.random();
      for (int i = 0; i < CHANGES; i++) {
        pages[i] = random.nextLong(GUEST_BYTES) & -Tables.PAGE_BYTES;
      }
      prepare();
    }

    /** What a kind of this state does next; JMH promises no order among several setups. */
    void prepare() {}

    /** Ends what {@link #prepare} began. */
    void finish() {}

    /** Another page. */
    long nextPage() {
      return pages[next++ & (CHANGES - 1)];
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      finish();
      table.close();
      bitmap.close();
      memory.close();
    }
  }

  /** Followed by split and merge. */
  @State(Scope.Thread)
  public static class Followed extends Guest {
    SplitFollower follower;

    @Override
    void prepare() {
      follower = new SplitFollower(table, bitmap);
    }

    @Override
    void finish() {
      follower.close();
    }
  }

  /** Followed by remapping. */
  @State(Scope.Thread)
  public static class Remapped extends Guest {
    ShareRival inBulk;
    ShareRival pageByPage;

    /** Both ways at once: neither keeps anything between calls. */
    @Override
    void prepare() {
      inBulk = new RemapFollower(table, bitmap, false);
      pageByPage = new RemapFollower(table, bitmap, true);
    }
  }

  private static long shareThenUnshare(ShareRival follower, long page) {
    follower.share(page, Tables.PAGE_BYTES);
    follower.unshare(page, Tables.PAGE_BYTES);
    return page;
  }

  /** Split and merge. */
  @Benchmark
  public long splitThenMerge(Followed state) {
    return shareThenUnshare(state.follower, state.nextPage());
  }

  /** Remap, one call a region. */
  @Benchmark
  public long remapInBulk(Remapped state) {
    return shareThenUnshare(state.inBulk, state.nextPage());
  }

  /** Remap, one call a small leaf. */
  @Benchmark
  public long remapPageByPage(Remapped state) {
    return shareThenUnshare(state.pageByPage, state.nextPage());
  }
}
