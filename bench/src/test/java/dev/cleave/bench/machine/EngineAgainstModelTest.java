package dev.cleave.bench.machine;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.format.Access;
import dev.cleave.hwmodel.iommu.CacheShape;
import dev.cleave.hwmodel.iommu.IommuConfig;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the engine writes, read by the hardware model with its caches on, flushed exactly as the
 * gathers say. The model was written from the specification and shares no class with the engine.
 */
class EngineAgainstModelTest {
  private static final long PAGE = 4096;
  private static final int PAGES = 2048;
  private static final long WINDOW = (1L << 39) - (4L << 20);
  private static final long NO_FLUSH_LEFT_OUT = -1;

  /** What every page must do: paddr, or hole; permissions. */
  private final long[] paddr = new long[PAGES];

  private final int[] access = new int[PAGES];
  private String firstDifference = "";
  private String last = "";

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void afterEveryFlushEveryPageIsWhatWasAskedFor(long seed) {
    IommuConfig everySizeCached = IommuConfig.standard().withIotlb(new CacheShape(8, 4), -PAGE);
    IommuConfig config = seed % 2 == 0 ? IommuConfig.standard() : everySizeCached;
    assertEquals(0, run(config, seed, NO_FLUSH_LEFT_OUT), () -> firstDifference);
  }

  @Test
  void aFlushThatIsLeftOutAfterAnUnmapOrAProtectShowsAtOnce() {
    long sizes = 1L << 12 | 1L << 21 | 1L << 30;
    IommuConfig ampleCache = IommuConfig.standard().withIotlb(new CacheShape(12, 8), sizes);
    int shown = 0;
    for (long left = 0; left < 25; left++) {
      shown += run(ampleCache, 7, left) > 0 ? 1 : 0;
    }
    assertEquals(25, shown);
  }

  /**
   * Random operations; after each one every page is accessed, which also fills the caches for the
   * next.
   *
   * @param leftOut which flush of an unmap or protect to leave out, counted from 0; the run ends
   *     there
   * @return pages that were not as asked for
   */
  private int run(IommuConfig config, long seed, long leftOut) {
    Random random = new Random(seed);
    Arrays.fill(paddr, TableOnModel.FAULT);
    long flushes = 0;
    try (TableOnModel machine = new TableOnModel(config)) {
      for (int step = 0; step < 150; step++) {
        boolean changes = step(machine, random);
        if (changes && flushes++ == leftOut) {
          int stale = differences(machine);
          machine.gather.complete();
          return stale;
        }
        machine.flush();
        machine.attach();
        int different = differences(machine);
        if (different != 0) {
          firstDifference = "step " + step + ", " + last + ": " + firstDifference;
          return different;
        }
      }
    }
    assertEquals(NO_FLUSH_LEFT_OUT, leftOut, "there were too few flushes");
    return 0;
  }

  /** One operation; returns whether it took something away that the model had cached. */
  private boolean step(TableOnModel machine, Random random) {
    int at = random.nextInt(PAGES);
    int count = 1 + random.nextInt(Math.min(PAGES - at, random.nextBoolean() ? 8 : PAGES));
    if (random.nextInt(3) == 0) {
      at &= -512;
      count = Math.min(PAGES - at, 512 * (1 + random.nextInt(3)));
    }
    long iova = WINDOW + at * PAGE;
    boolean wasMapped = false;
    for (int i = at; i < at + count; i++) {
      wasMapped |= paddr[i] != TableOnModel.FAULT;
    }
    int wanted = 1 + random.nextInt(3);
    boolean wasOther = false;
    for (int i = at; i < at + count; i++) {
      wasOther |= paddr[i] != TableOnModel.FAULT && (access[i] & ~wanted) != 0;
    }
    try {
      int kind = random.nextInt(6);
      last = "kind %d at %d count %d access %d".formatted(kind, at, count, wanted);
      return switch (kind) {
        case 0, 1 -> {
          long to = (random.nextInt(4) == 0 ? random.nextInt(1 << 20) : at) * PAGE;
          machine.table.map(iova, to, count * PAGE, wanted);
          for (int i = 0; i < count; i++) {
            paddr[at + i] = to + i * PAGE;
            access[at + i] = wanted;
          }
          yield false;
        }
        case 2 -> {
          var _ = machine.table.unmap(iova, count * PAGE, machine.gather);
          Arrays.fill(paddr, at, at + count, TableOnModel.FAULT);
          yield wasMapped;
        }
        case 3 -> {
          var _ = machine.table.split(iova, count * PAGE, 12 + random.nextInt(9), machine.gather);
          yield false;
        }
        case 4 -> {
          var _ = machine.table.merge(iova, count * PAGE, 12 + random.nextInt(10), machine.gather);
          yield false;
        }
        default -> {
          var _ = machine.table.protect(iova, count * PAGE, wanted, machine.gather);
          Arrays.fill(access, at, at + count, wanted);
          yield wasOther;
        }
      };
    } catch (PageTableException e) {
      assertTrue(
          e.reason() == PageTableException.Reason.NOT_MAPPED
              || e.reason() == PageTableException.Reason.ALREADY_MAPPED,
          e.getMessage());
      return false;
    }
  }

  private int differences(TableOnModel machine) {
    int different = 0;
    for (int i = 0; i < PAGES; i++) {
      long iova = WINDOW + i * PAGE + (i & 511);
      boolean isMapped = paddr[i] != TableOnModel.FAULT;
      long reads = isMapped && (access[i] & Access.READ) != 0 ? paddr[i] + (i & 511) : -1;
      long writes = isMapped && (access[i] & Access.WRITE) != 0 ? paddr[i] + (i & 511) : -1;
      different += compare(reads, machine.access(iova, false), iova);
      different += compare(writes, machine.access(iova, true), iova);
    }
    return different;
  }

  private int compare(long expected, long found, long iova) {
    if (expected != found && firstDifference.isEmpty()) {
      firstDifference = "iova 0x%x: expected 0x%x, found 0x%x".formatted(iova, expected, found);
    }
    return expected == found ? 0 : 1;
  }

  @Test
  void aSplitWithoutItsFlushLeavesALargeEntryThatAPageSizedFlushDoesNotReach() {
    try (TableOnModel machine = new TableOnModel(IommuConfig.standard())) {
      machine.table.map(REGION_BYTES, REGION_BYTES, REGION_BYTES, Access.READ_WRITE);
      assertEquals(REGION_BYTES + 5, machine.access(REGION_BYTES + 5, false));
      var _ = machine.table.split(REGION_BYTES, REGION_BYTES, 12, machine.gather);
      machine.gather.complete(); // without the flush
      var _ = machine.table.unmap(REGION_BYTES, PAGE, machine.gather);
      machine.flush();
      assertEquals(PageTable.NOT_MAPPED, machine.table.translate(REGION_BYTES + 5));
      assertEquals(
          REGION_BYTES + 5, machine.access(REGION_BYTES + 5, false), "the stale entry shows");
    }
  }

  @Test
  void aMergeWithoutItsFlushLetsTheHardwareWalkAPageThatIsUsedAgain() {
    IommuConfig directoriesOnly = IommuConfig.standard().withIotlb(CacheShape.NONE, 1L << 12);
    for (boolean flushes : new boolean[] {true, false}) {
      try (TableOnModel machine = new TableOnModel(directoriesOnly)) {
        machine.table.map(REGION_BYTES, REGION_BYTES, REGION_BYTES, Access.READ_WRITE);
        var _ = machine.table.split(REGION_BYTES, REGION_BYTES, 12, machine.gather);
        machine.flush();
        assertEquals(REGION_BYTES, machine.access(REGION_BYTES, false));
        var _ = machine.table.merge(REGION_BYTES, REGION_BYTES, 21, machine.gather);
        if (flushes) {
          machine.flush();
        } else {
          machine.gather.complete();
        }
        machine.table.map(1L << 30, 7 * REGION_BYTES, PAGE, Access.READ_WRITE); // takes the page
        if (flushes) {
          assertEquals(REGION_BYTES, machine.access(REGION_BYTES, false));
        } else {
          assertNotEquals(
              REGION_BYTES, machine.access(REGION_BYTES, false), "the reused page shows");
        }
      }
    }
  }

  @Test
  void aLeafThatGrowsInsideItsTableNeedsNoFlush() {
    try (TableOnModel machine = new TableOnModel(IommuConfig.standard())) {
      machine.table.map(0, 0, 4 * REGION_BYTES, Access.READ_WRITE);
      var _ = machine.table.split(0, 4 * REGION_BYTES, 21, machine.gather);
      machine.flush();
      for (long iova = 0; iova < 4 * REGION_BYTES; iova += REGION_BYTES) {
        assertEquals(iova, machine.access(iova, true));
      }
      var _ = machine.table.merge(0, 4 * REGION_BYTES, 23, machine.gather);
      assertTrue(machine.gather.isEmpty());
      for (long iova = 0; iova < 4 * REGION_BYTES; iova += REGION_BYTES) {
        assertEquals(iova + 1, machine.access(iova + 1, true));
      }
      var _ = machine.table.unmap(REGION_BYTES, PAGE, machine.gather);
      machine.flush();
      assertEquals(TableOnModel.FAULT, machine.access(REGION_BYTES, false));
      assertEquals(REGION_BYTES + PAGE, machine.access(REGION_BYTES + PAGE, false));
    }
  }
}
