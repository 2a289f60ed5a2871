package dev.cleave.bench.jmh;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.ioas.HardwarePageTable;
import dev.cleave.engine.ioas.IoAddressSpace;
import java.util.ArrayList;
import java.util.List;
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
 * An address space of a million areas, against its bare tables: each change is made in every table,
 * and what it owes is flushed, by who does nothing.
 *
 * <p>The areas are single 4 KiB pages with a free page behind each; single pages come into a free
 * one and go, in random order in 64 leaf tables, as those of {@link SinglePage} do. Bulk is 256 MiB
 * of 4 KiB leaves, mapped and unmapped, and 128 MiB of 2 MiB leaves, split to 4 KiB and merged
 * again.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class AddressSpaces {
  private static final int AREAS = 1_000_000;
  private static final int PLACES = 1 << 14;
  private static final long FIRST_PLACE = Tables.GIB + Tables.PAGE_BYTES;
  private static final long PADDR = 1L << 40;
  private static final long BULK_IOVA = 64 * Tables.GIB;
  private static final long BULK_BYTES = 256L << 20;
  private static final long REGIONS_IOVA = 128 * Tables.GIB;
  private static final long REGIONS_BYTES = Tables.GIB;
  private static final long ADJUSTED_BYTES = 64 * REGION_BYTES;

  /** What both have. */
  @State(Scope.Thread)
  public static class Tabled {
    /** How many tables change together. */
    @Param({"1", "2", "4"})
    public int tables;

    TableMemory memory;
    long[] places;
    private int next;
    private long regions;

    void prepare() {
      memory = Tables.memory();
      places = new long[PLACES];
      for (int i = 0; i < PLACES; i++) {
        places[i] = FIRST_PLACE + 2L * i * Tables.PAGE_BYTES;
      }
      Tables.shuffle(places);
    }

    /** Where no page is. */
    long nextPlace() {
      next = next + 1 == places.length ? 0 : next + 1;
      return places[next];
    }

    /** Regions that are one leaf each. */
    long nextRegions() {
      regions = (regions + ADJUSTED_BYTES) & (REGIONS_BYTES - 1);
      return REGIONS_IOVA + regions;
    }

    static PageTableConfig config() {
      return PageTableConfig.of(AmdV1.LINUX).withLevels(4).withPageSizes(Tables.SIZES_4K_2M);
    }

    /** So that bulk is in leaves of 4 KiB. */
    static long unaligned(long iova) {
      return PADDR + iova + Tables.PAGE_BYTES;
    }
  }

  /** The space. */
  @State(Scope.Thread)
  public static class Space extends Tabled {
    private final IoAddressSpace space = new IoAddressSpace();
    private final List<HardwarePageTable> attached = new ArrayList<>();

    /** Fills it. */
    @Setup(Level.Trial)
    public void make() {
      prepare();
      for (int i = 0; i < tables; i++) {
        HardwarePageTable table = HardwarePageTable.create(memory, config(), (_, _) -> {});
        space.attach(table);
        attached.add(table);
      }
      for (long i = 0; i < AREAS; i++) {
        long iova = 2 * i * Tables.PAGE_BYTES;
        space.map(iova, PADDR + iova, Tables.PAGE_BYTES, Access.READ_WRITE);
      }
      space.map(REGIONS_IOVA, PADDR + REGIONS_IOVA, REGIONS_BYTES, Access.READ_WRITE);
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      space.close();
      attached.forEach(HardwarePageTable::close);
      memory.close();
    }
  }

  /** The tables alone. */
  @State(Scope.Thread)
  public static class Bare extends Tabled {
    private final IotlbFlush flush = (_, _) -> {};
    private PageTable[] table;
    private IotlbGather[] gather;

    /** Fills them. */
    @Setup(Level.Trial)
    public void make() {
      prepare();
      table = new PageTable[tables];
      gather = new IotlbGather[tables];
      for (int i = 0; i < tables; i++) {
        table[i] = PageTable.create(memory, config());
        gather[i] = table[i].newGather();
        for (long j = 0; j < AREAS; j++) {
          long iova = 2 * j * Tables.PAGE_BYTES;
          table[i].map(iova, PADDR + iova, Tables.PAGE_BYTES, Access.READ_WRITE);
        }
        table[i].map(REGIONS_IOVA, PADDR + REGIONS_IOVA, REGIONS_BYTES, Access.READ_WRITE);
      }
    }

    private void map(long iova, long paddr, long bytes) {
      for (PageTable one : table) {
        one.map(iova, paddr, bytes, Access.READ_WRITE);
      }
    }

    private long unmap(long iova, long bytes) {
      long unmapped = 0;
      for (int i = 0; i < table.length; i++) {
        unmapped = table[i].unmap(iova, bytes, gather[i]);
      }
      settle();
      return unmapped;
    }

    private void settle() {
      for (int i = 0; i < table.length; i++) {
        flush.flush(table[i], gather[i]);
        gather[i].complete();
      }
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      for (PageTable one : table) {
        one.close();
      }
      memory.close();
    }
  }

  /** One page comes and goes. */
  @Benchmark
  public long page(Space state) {
    long iova = state.nextPlace();
    state.space.map(iova, PADDR + iova, Tables.PAGE_BYTES, Access.READ_WRITE);
    return state.space.unmap(iova, Tables.PAGE_BYTES);
  }

  /** The same in the tables. */
  @Benchmark
  public long pageBare(Bare state) {
    long iova = state.nextPlace();
    state.map(iova, PADDR + iova, Tables.PAGE_BYTES);
    return state.unmap(iova, Tables.PAGE_BYTES);
  }

  /** One large area comes and goes. */
  @Benchmark
  public long bulk(Space state) {
    state.space.map(BULK_IOVA, Tabled.unaligned(BULK_IOVA), BULK_BYTES, Access.READ_WRITE);
    return state.space.unmap(BULK_IOVA, BULK_BYTES);
  }

  /** The same in the tables. */
  @Benchmark
  public long bulkBare(Bare state) {
    state.map(BULK_IOVA, Tabled.unaligned(BULK_IOVA), BULK_BYTES);
    return state.unmap(BULK_IOVA, BULK_BYTES);
  }

  /** Regions get small leaves, and their large ones again. */
  @Benchmark
  public void adjust(Space state) {
    long iova = state.nextRegions();
    state.space.setGranularity(iova, ADJUSTED_BYTES, PAGE_LOG2);
    state.space.setGranularity(iova, ADJUSTED_BYTES, IoAddressSpace.UNLIMITED);
  }

  /** The same in the tables, by the rules themselves. */
  @Benchmark
  public void adjustBare(Bare state) {
    long iova = state.nextRegions();
    fit(state, iova, SizeRule.atMost(PAGE_LOG2));
    fit(state, iova, SizeRule.atMost(REGION_LOG2));
  }

  private static void fit(Bare state, long iova, SizeRule rule) {
    for (int i = 0; i < state.table.length; i++) {
      state.table[i].fit(iova, ADJUSTED_BYTES, rule, state.gather[i]);
    }
    state.settle();
  }
}
