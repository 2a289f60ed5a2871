package dev.cleave.engine.interleaving;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.memory.TablePages;
import dev.cleave.engine.oracle.SpecWalker;
import dev.cleave.engine.oracle.StatusHardware;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * A table and threads that work on it, one interleaving at a time. Whatever they do, at the end all
 * tables are well formed, the counts of their entries are right, and no page is lost.
 */
final class Interleaved implements Explorer.Scenario {
  static final long PAGE = 4096;
  static final long REGION = 1L << 21;
  static final long PADDR = 1L << 40;

  /** What a thread does; returns what an operation does, or anything. */
  interface Body {
    long run(IotlbGather gather);
  }

  final ScheduledPages pages;
  final PageTable table;
  final SteppedDevice device;
  final String[] results;

  private final List<Runnable> bodies = new ArrayList<>();
  private final List<IotlbGather> gathers = new ArrayList<>();
  private final List<Runnable> checks = new ArrayList<>();

  Interleaved(ScheduledPages pages, int threads, int levels) {
    this.pages = pages;
    this.table =
        PageTable.create(TableMemory.of(pages), PageTableConfig.of(AmdV1.LINUX).withLevels(levels));
    this.device = new SteppedDevice(pages, table);
    this.results = new String[threads];
  }

  /** Adds a thread. */
  Interleaved and(Body body) {
    int me = bodies.size();
    IotlbGather gather = table.newGather();
    gathers.add(gather);
    bodies.add(() -> results[me] = outcome(body, gather));
    return this;
  }

  /** Adds something that must hold at the end, when all flushes are done. */
  Interleaved finallyHolds(Runnable check) {
    checks.add(check);
    return this;
  }

  /** What an operation says, as text. */
  static String outcome(Body body, IotlbGather gather) {
    try {
      return Long.toHexString(body.run(gather));
    } catch (PageTableException e) {
      return e.reason().toString();
    }
  }

  @Override
  public List<Runnable> threads() {
    return bodies;
  }

  @Override
  public LongSupplier top() {
    return table::top;
  }

  @Override
  public void check() {
    gathers.forEach(IotlbGather::complete);
    SpecWalker walker = SpecWalker.of(pages, table);
    walker.leaves(table.root(), table.levels());
    assertEquals(walker.tables().size() * PAGE, pages.usedBytes(), "bytes of table pages");
    checks.forEach(Runnable::run);
    table.close();
  }

  /** The leaves, as text, accessed and dirty bits left out. */
  static String leaves(TablePages pages, PageTable table) {
    StringBuilder text = new StringBuilder();
    for (SpecWalker.Leaf leaf : SpecWalker.of(pages, table).leaves(table.root(), table.levels())) {
      text.append(
          "%x>%x 2^%d %d; "
              .formatted(leaf.iova(), leaf.paddr(), leaf.sizeLog2(), leaf.permissions()));
    }
    return text.toString();
  }

  long statusAt(long iova) {
    return new StatusHardware(pages, table).status(iova);
  }
}
