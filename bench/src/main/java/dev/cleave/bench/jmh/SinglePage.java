package dev.cleave.bench.jmh;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.rival.RewalkingTable;
import dev.cleave.engine.IotlbFlushQueue;
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
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * One 4 KiB page a call, in tables that are present, in random order.
 *
 * <p>The pages lie in as many leaf tables as {@code tables} says; each table also holds one page
 * that stays, so that it is never emptied.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class SinglePage {
  private static final int PAGES_IN_TABLE = 511;
  private static final int TABLES = 64;
  private static final int PAGES = TABLES * PAGES_IN_TABLE;
  private static final long PADDR = 1L << 40;
  private static final long HOUR = 3_600_000_000_000L;

  /** Pages in random order, and the table with only those that stay. */
  @State(Scope.Thread)
  public static class Pages {
    /** Levels that every call walks. */
    @Param({"3", "4"})
    public int levels;

    TableMemory memory;
    PageTable table;
    IotlbGather gather;
    long[] pages;
    int next;

    /** Makes the table. */
    @Setup(Level.Trial)
    public void make() {
      memory = Tables.memory();
      table = Tables.table(memory, levels, Tables.SIZES_4K);
      gather = table.newGather();
      pages = shuffledPages();
      for (int i = 1; i <= TABLES; i++) {
        long last = i * REGION_BYTES - Tables.PAGE_BYTES;
        table.map(last, PADDR + last, Tables.PAGE_BYTES, Access.READ_WRITE);
      }
      prepare();
    }

    /** What a kind of this state does next; JMH promises no order among several setups. */
    void prepare() {}

    /** Maps every page, one a call. */
    void mapAll() {
      for (long page : pages) {
        table.map(page, PADDR + page, Tables.PAGE_BYTES, Access.READ_WRITE);
      }
    }

    /** Unmaps every page, one a call, and settles each debt. */
    long unmapAll() {
      long bytes = 0;
      for (long page : pages) {
        bytes += table.unmap(page, Tables.PAGE_BYTES, gather);
        gather.complete();
      }
      return bytes;
    }

    /** Another page. */
    long nextPage() {
      next = next + 1 == pages.length ? 0 : next + 1;
      return pages[next];
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      table.close();
      memory.close();
    }
  }

  private static long[] shuffledPages() {
    long[] pages = new long[PAGES];
    for (int i = 0; i < PAGES; i++) {
      pages[i] = i / PAGES_IN_TABLE * REGION_BYTES + i % PAGES_IN_TABLE * Tables.PAGE_BYTES;
    }
    Tables.shuffle(pages);
    return pages;
  }

  /** None of the pages is mapped before an invocation. */
  @State(Scope.Thread)
  public static class Unmapped extends Pages {
    /** Takes the pages out again: an invocation maps {@value #PAGES}. */
    @TearDown(Level.Invocation)
    public void empty() {
      unmapAll();
    }
  }

  /** All of the pages are mapped before an invocation. */
  @State(Scope.Thread)
  public static class Mapped extends Pages {
    /** Maps the pages again: an invocation unmaps {@value #PAGES}. */
    @Setup(Level.Invocation)
    public void fill() {
      mapAll();
    }
  }

  /** The same, with a queue that takes the debts; flushing costs nothing there. */
  @State(Scope.Thread)
  public static class Queued extends Mapped {
    private static final int ENTRIES = 256;
    private static final int BATCHES = 2;

    private IotlbFlushQueue queue;

    @Override
    void prepare() {
      queue = new IotlbFlushQueue(table, (_, _) -> {}, ENTRIES, BATCHES, HOUR, (_, _) -> {});
    }

    /** Unmaps every page, one a call, and leaves the debts to the queue. */
    long unmapAllQueued() {
      long bytes = 0;
      for (long page : pages) {
        bytes += queue.unmap(page, Tables.PAGE_BYTES);
      }
      return bytes;
    }

    /** Settles the last debts. */
    @TearDown(Level.Iteration)
    public void settle() {
      queue.flush();
    }
  }

  /** All of the pages stay mapped. */
  @State(Scope.Thread)
  public static class Present extends Pages {
    @Override
    void prepare() {
      mapAll();
    }
  }

  /** The same pages in a table that is walked from the root. */
  @State(Scope.Thread)
  public static class Rewalked {
    /** As {@link Pages#levels}. */
    @Param({"3", "4"})
    public int levels;

    TablePages memory;
    RewalkingTable table;
    long[] pages;
    int next;

    /** Makes the table, with its leaf tables. */
    @Setup(Level.Trial)
    public void make() {
      memory = Tables.pages();
      table = new RewalkingTable(memory, levels, Tables.SIZES_4K);
      pages = shuffledPages();
      for (int i = 1; i <= TABLES; i++) {
        long last = i * REGION_BYTES - Tables.PAGE_BYTES;
        table.map(last, PADDR + last, Tables.PAGE_BYTES, Access.READ_WRITE);
      }
    }

    /** Another page. */
    long nextPage() {
      next = next + 1 == pages.length ? 0 : next + 1;
      return pages[next];
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      table.close();
      memory.close();
    }
  }

  /** Maps one page. */
  @Benchmark
  @OperationsPerInvocation(PAGES)
  public void map(Unmapped state) {
    state.mapAll();
  }

  /** Unmaps one page and settles the debt. */
  @Benchmark
  @OperationsPerInvocation(PAGES)
  public long unmap(Mapped state) {
    return state.unmapAll();
  }

  /** Unmaps one page, whose debt a queue settles with those of 255 others. */
  @Benchmark
  @OperationsPerInvocation(PAGES)
  public long unmapQueued(Queued state) {
    return state.unmapAllQueued();
  }

  /** Translates one page. */
  @Benchmark
  @OperationsPerInvocation(PAGES)
  public long translate(Present state) {
    long sum = 0;
    for (long page : state.pages) {
      sum += state.table.translate(page);
    }
    return sum;
  }

  /** Maps one page and unmaps it. */
  @Benchmark
  public long mapThenUnmap(Pages state) {
    long page = state.nextPage();
    state.table.map(page, PADDR + page, Tables.PAGE_BYTES, Access.READ_WRITE);
    long bytes = state.table.unmap(page, Tables.PAGE_BYTES, state.gather);
    state.gather.complete();
    return bytes;
  }

  /** The same, from the root each time. */
  @Benchmark
  public long mapThenUnmapRewalking(Rewalked state) {
    long page = state.nextPage();
    state.table.map(page, PADDR + page, Tables.PAGE_BYTES, Access.READ_WRITE);
    return state.table.unmap(page, Tables.PAGE_BYTES);
  }
}
