package dev.cleave.bench.jmh;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.format.X86;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Two tables of four levels in turn, of the two formats or both of one. Where both are of one
 * format the JVM has never seen the other.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class MixedFormats {
  private static final int LEVELS = 4;
  private static final int REGIONS = 64;
  private static final int PAGES_IN_TABLE = 511;
  private static final int PAGES = REGIONS * PAGES_IN_TABLE;
  private static final long PADDR = 1L << 40;

  /** Guest memory that large leaves map; the pages that come and go lie below it. */
  private static final long LARGE = Tables.GIB;

  /** Two tables, in each of which every leaf table that is needed is there. */
  public abstract static class TwoTables {
    private final TableMemory memory = Tables.memory();
    private final long[] pages = new long[PAGES];
    private int nextPage;
    private int nextRegion;

    PageTable first;
    PageTable second;
    IotlbGather firstGather;
    IotlbGather secondGather;

    abstract EntryFormat firstFormat();

    abstract EntryFormat secondFormat();

    /** Makes the tables. */
    @Setup(Level.Trial)
    public void make() {
      first = table(firstFormat());
      second = table(secondFormat());
      firstGather = first.newGather();
      secondGather = second.newGather();
      for (int i = 0; i < PAGES; i++) {
        pages[i] = i / PAGES_IN_TABLE * REGION_BYTES + i % PAGES_IN_TABLE * Tables.PAGE_BYTES;
      }
      Tables.shuffle(pages);
    }

    private PageTable table(EntryFormat format) {
      PageTableConfig config =
          PageTableConfig.of(format).withLevels(LEVELS).withPageSizes(Tables.SIZES_4K_2M);
      PageTable table = PageTable.create(memory, config);
      for (int i = 1; i <= REGIONS; i++) {
        long last = i * REGION_BYTES - Tables.PAGE_BYTES;
        table.map(last, PADDR + last, Tables.PAGE_BYTES, Access.READ_WRITE);
      }
      table.map(LARGE, PADDR + LARGE, REGIONS * REGION_BYTES, Access.READ_WRITE);
      return table;
    }

    /** Another page that is not mapped. */
    long nextPage() {
      nextPage = nextPage + 1 == PAGES ? 0 : nextPage + 1;
      return pages[nextPage];
    }

    /** Another leaf of 2 MiB. */
    long nextRegion() {
      nextRegion = (nextRegion + 1) % REGIONS;
      return LARGE + nextRegion * REGION_BYTES;
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      first.close();
      second.close();
      memory.close();
    }
  }

  /** One table of each format. */
  @State(Scope.Thread)
  public static class Mixed extends TwoTables {
    @Override
    EntryFormat firstFormat() {
      return AmdV1.LINUX;
    }

    @Override
    EntryFormat secondFormat() {
      return X86.LINUX;
    }
  }

  /** Two tables of AMD v1. */
  @State(Scope.Thread)
  public static class OnlyV1 extends TwoTables {
    @Override
    EntryFormat firstFormat() {
      return AmdV1.LINUX;
    }

    @Override
    EntryFormat secondFormat() {
      return AmdV1.LINUX;
    }
  }

  /** Two tables of x86-64. */
  @State(Scope.Thread)
  public static class OnlyX86 extends TwoTables {
    @Override
    EntryFormat firstFormat() {
      return X86.LINUX;
    }

    @Override
    EntryFormat secondFormat() {
      return X86.LINUX;
    }
  }

  private static long page(PageTable table, IotlbGather gather, long page) {
    table.map(page, PADDR + page, Tables.PAGE_BYTES, Access.READ_WRITE);
    long sum = table.translate(page);
    sum += table.unmap(page, Tables.PAGE_BYTES, gather);
    gather.complete();
    return sum;
  }

  private static long pages(TwoTables tables) {
    long page = tables.nextPage();
    return page(tables.first, tables.firstGather, page)
        + page(tables.second, tables.secondGather, page);
  }

  private static long region(PageTable table, IotlbGather gather, long region) {
    long sum = table.split(region, REGION_BYTES, 12, gather);
    gather.complete();
    sum += table.merge(region, REGION_BYTES, 21, gather);
    gather.complete();
    return sum;
  }

  private static long regions(TwoTables tables) {
    long region = tables.nextRegion();
    return region(tables.first, tables.firstGather, region)
        + region(tables.second, tables.secondGather, region);
  }

  /** Maps, translates and unmaps a page, in tables of both formats. */
  @Benchmark
  @OperationsPerInvocation(2)
  public long pagesMixed(Mixed tables) {
    return pages(tables);
  }

  /** The same in tables of AMD v1. */
  @Benchmark
  @OperationsPerInvocation(2)
  public long pagesV1(OnlyV1 tables) {
    return pages(tables);
  }

  /** The same in tables of x86-64. */
  @Benchmark
  @OperationsPerInvocation(2)
  public long pagesX86(OnlyX86 tables) {
    return pages(tables);
  }

  /** Splits a leaf of 2 MiB into 512 and merges them again, in tables of both formats. */
  @Benchmark
  @OperationsPerInvocation(2)
  public long regionsMixed(Mixed tables) {
    return regions(tables);
  }

  /** The same in tables of AMD v1. */
  @Benchmark
  @OperationsPerInvocation(2)
  public long regionsV1(OnlyV1 tables) {
    return regions(tables);
  }

  /** The same in tables of x86-64. */
  @Benchmark
  @OperationsPerInvocation(2)
  public long regionsX86(OnlyX86 tables) {
    return regions(tables);
  }
}
