package dev.cleave.bench.jmh;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.rival.SplitFollower;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.rmp.RmpBitmap;
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
 * A guest of 2 GiB, one region in ten of which stays mixed, shares one page of another region and
 * takes it back: what that costs should depend neither on what the other regions are like nor on
 * whether there could be a leaf of 1 GiB.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class ShareAmongMixed {
  private static final int REGIONS = 1024;
  private static final int MIXED_EVERY = 10;
  private static final long GUEST_BYTES = REGIONS * REGION_BYTES;
  private static final long PADDR = 1L << 40;
  private static final int CHANGES = 1 << 12;

  /** The guest. */
  @State(Scope.Thread)
  public abstract static class Guest {
    /** Levels of the table. */
    @Param({"3", "4"})
    public int levels;

    private final long sizes;
    private final long[] pages = new long[CHANGES];
    private TableMemory memory;
    private PageTable table;
    private RmpBitmap bitmap;
    private SplitFollower follower;
    private int next;

    Guest(long sizes) {
      this.sizes = sizes;
    }

    /** Maps it, and shares a page of each region that stays mixed. */
    @Setup(Level.Trial)
    public void make() {
      memory = Tables.memory();
      table = Tables.table(memory, levels, sizes);
      bitmap = new RmpBitmap(GUEST_BYTES);
      bitmap.setLarge(0, GUEST_BYTES, true);
      table.map(0, PADDR, GUEST_BYTES, Access.READ_WRITE, bitmap.rule());
      follower = new SplitFollower(table, bitmap);
      for (int region = 0; region < REGIONS; region += MIXED_EVERY) {
        follower.share(region * REGION_BYTES, Tables.PAGE_BYTES);
      }
      Random random = Tables.random();
      for (int i = 0; i < CHANGES; i++) {
        long region = random.nextInt(REGIONS / MIXED_EVERY) * (long) MIXED_EVERY + 1;
        pages[i] = region * REGION_BYTES + random.nextInt(512) * Tables.PAGE_BYTES;
      }
    }

    long shareAndUnshare() {
      long page = pages[next++ & (CHANGES - 1)];
      follower.share(page, Tables.PAGE_BYTES);
      follower.unshare(page, Tables.PAGE_BYTES);
      return page;
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      follower.close();
      table.close();
      bitmap.close();
      memory.close();
    }
  }

  /** Leaves of 1 GiB are allowed. */
  @State(Scope.Thread)
  public static class UpTo1G extends Guest {
    /** A guest with them. */
    public UpTo1G() {
      super(Tables.SIZES_4K_2M_1G);
    }
  }

  /** They are not. */
  @State(Scope.Thread)
  public static class UpTo2M extends Guest {
    /** A guest without them. */
    public UpTo2M() {
      super(Tables.SIZES_4K_2M);
    }
  }

  /** The rule is asked, and the merge ends at 2 MiB. */
  @Benchmark
  public long upTo1G(UpTo1G guest) {
    return guest.shareAndUnshare();
  }

  /** The merge ends at 2 MiB by itself. */
  @Benchmark
  public long upTo2M(UpTo2M guest) {
    return guest.shareAndUnshare();
  }
}
