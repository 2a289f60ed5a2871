package dev.cleave.engine;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.format.Access;
import dev.cleave.engine.memory.SteppedPages;
import java.util.Arrays;
import java.util.TreeSet;

/**
 * A table that maps one range, and a walker that goes through the range after every single store of
 * an operation. Small ranges are walked page by page; large ones at both ends of 64 blocks, and
 * page by page around the places that matter.
 */
final class HitlessRun implements AutoCloseable {
  /** First iova, from where those of the kind of table begin. */
  static final long OFFSET = 1L << 42;

  static final long PADDR = 1L << 44;

  private static final long PAGE = 4096;
  private static final long BLOCK = 1L << 21;
  private static final long SMALL = 1L << 21;

  final SteppedPages pages = new SteppedPages(1L << 30, 1L << 32);
  final PageTable table;
  final IotlbGather gather;
  final long iova;
  final long bytes;

  private final SpecWalker walker;
  private final TreeSet<Long> probes = new TreeSet<>();

  /** What a walk may find where it found something else before. */
  @FunctionalInterface
  interface Verdict {
    /** The walk found what was there all along. */
    Verdict SAME = (iova, before, now) -> now == before;

    /** Walks return paddr and permissions, or {@link SpecWalker#HOLE}. */
    boolean isRight(long iova, long before, long now);
  }

  HitlessRun(TableKind kind, long bytes) {
    this(kind, bytes, 63);
  }

  HitlessRun(TableKind kind, long bytes, int largestLog2) {
    this(kind, kind.config().pageSizes(), bytes, largestLog2);
  }

  /** Maps with leaves of at most a size. */
  HitlessRun(TableKind kind, long pageSizes, long bytes, int largestLog2, long... places) {
    this.iova = kind.base() + OFFSET;
    this.bytes = bytes;
    table = PageTable.create(TableMemory.of(pages), kind.config().withPageSizes(pageSizes));
    walker = SpecWalker.of(pages, table);
    gather = table.newGather();
    table.map(iova, PADDR, bytes, Access.READ_WRITE, SizeRule.atMost(largestLog2));
    if (bytes <= SMALL) {
      addPages(0, bytes, PAGE);
    } else {
      long step = Math.max(BLOCK, bytes >>> 6);
      addPages(0, bytes, step);
      addPages(step - PAGE, bytes, step);
      for (long place : places) {
        addPages(Math.max(0, place - 12 * PAGE), Math.min(bytes, place + 12 * PAGE), PAGE);
      }
    }
  }

  private void addPages(long from, long to, long step) {
    for (long offset = from; offset < to; offset += step) {
      probes.add(iova + offset);
    }
  }

  /** Runs an operation; every walk after every store must please the verdict. */
  int storesOf(Runnable operation, Verdict verdict) {
    long[] iovas = probes.stream().mapToLong(Long::longValue).toArray();
    long[] before = Arrays.stream(iovas).map(this::walk).toArray();
    int[] stores = {0};
    Runnable look =
        () -> {
          for (int i = 0; i < iovas.length; i++) {
            long now = walk(iovas[i]);
            if (!verdict.isRight(iovas[i], before[i], now)) {
              throw new AssertionError(
                  "after store %d iova 0x%x led to 0x%x, before to 0x%x"
                      .formatted(stores[0], iovas[i], now, before[i]));
            }
          }
        };
    pages.afterStore(() -> {
      stores[0]++;
      look.run();
    });
    operation.run();
    pages.afterStore(() -> {});
    look.run();
    assertTrue(stores[0] > 0, "the operation stored something");
    return stores[0];
  }

  long walk(long iova) {
    return walker.walk(table.root(), table.levels(), iova);
  }

  /** Logarithm of the leaf around an address. */
  int leafLog2(long iova) {
    LeafCursor cursor = table.leaves();
    assertTrue(table.leafAt(iova, cursor), "mapped");
    return cursor.sizeLog2();
  }

  @Override
  public void close() {
    gather.complete();
    table.close();
    pages.close();
  }
}
