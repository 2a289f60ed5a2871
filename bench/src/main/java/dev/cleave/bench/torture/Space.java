package dev.cleave.bench.torture;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.StampedLock;

/**
 * The addresses that everybody works on: regions of 2 MiB, some side by side and some far away, so
 * that tables of all levels are shared and the top has to grow. A region falls into slices; those
 * of one writer lie between those of others. A writer works on its slices beside the others, or on
 * a whole region while it has that for itself.
 *
 * <p>The paddr of a page is its generation times 32 MiB, plus its number times 4096: so what a
 * translation yields tells which page it is of, and of which time.
 *
 * <p>Thread-safe.
 */
final class Space {
  static final int REGION_PAGES = 512;
  static final int SLICE_PAGES = 32;
  static final int SLICES = REGION_PAGES / SLICE_PAGES;
  static final int REGIONS = 16;
  static final int PAGES = REGIONS * REGION_PAGES;
  static final long PAGE_BYTES = 4096;

  private static final int GENERATION_SHIFT = 25;

  /** Where runs of regions begin: within two levels, three, four, five and six. */
  private static final long[] BASES = {0, 1L << 30, 3L << 39, 1L << 48, 3L << 58};

  private static final int[] RUN_LENGTHS = {8, 2, 2, 2, 2};

  private final long[] iovas = new long[REGIONS];

  /** What software readers may see: settled when an operation has returned. */
  final PageViews software = new PageViews(PAGES);

  /** What devices may see: settled when the flush has completed. */
  final PageViews hardware = new PageViews(PAGES);

  /**
   * For each device, the generation of a page's mapping that it has written through since the page
   * was last read as dirty.
   */
  final AtomicIntegerArray[] written;

  /** Flushes that merges of a whole region still owe. */
  final AtomicIntegerArray mergesOwed = new AtomicIntegerArray(REGIONS);

  /** Flushes that restored regions still owe: until then a device may write unseen. */
  final AtomicIntegerArray restoresOwed = new AtomicIntegerArray(REGIONS);

  private final StampedLock[] locks = new StampedLock[REGIONS];
  private final AtomicInteger[] generations = new AtomicInteger[REGIONS];

  Space(int devices) {
    written = new AtomicIntegerArray[devices];
    Arrays.setAll(written, _ -> new AtomicIntegerArray(PAGES));
    int region = 0;
    for (int run = 0; run < BASES.length; run++) {
      for (int i = 0; i < RUN_LENGTHS[run]; i++, region++) {
        iovas[region] = BASES[run] + i * REGION_BYTES;
        locks[region] = new StampedLock();
        generations[region] = new AtomicInteger();
      }
    }
  }

  /**
   * Whether slices of a region are not mapped and unmapped but only split, merged and fitted, and
   * devices seldom write there: so leaves of 2 MiB come back and are shared, and regions are clean
   * now and then, so that a bit that is lost is missed.
   */
  static boolean isQuiet(int region) {
    return region % 2 == 1;
  }

  /** Whether a region has another one beside it, and both have their GiB for themselves. */
  static boolean hasPartner(int region) {
    return region >= RUN_LENGTHS[0];
  }

  /** The one beside a region that has one. */
  static int partner(int region) {
    return region ^ 1;
  }

  /** Whether what devices wrote to can be told from what is dirty. */
  boolean canInspect(int region) {
    return mergesOwed.get(region) == 0 && restoresOwed.get(region) == 0;
  }

  StampedLock lock(int region) {
    return locks[region];
  }

  long iova(int page) {
    return iovas[page / REGION_PAGES] + page % REGION_PAGES * PAGE_BYTES;
  }

  static long paddr(int page, int generation) {
    return (long) generation << GENERATION_SHIFT | page * PAGE_BYTES;
  }

  /** The generation in a paddr, or -1 if it is of another page. */
  static int generation(int page, long paddr) {
    long offset = paddr & ((1L << GENERATION_SHIFT) - 1) & -PAGE_BYTES;
    return offset == page * PAGE_BYTES ? (int) (paddr >>> GENERATION_SHIFT) : -1;
  }

  /** Whether a device has written through a mapping since that was last read as dirty. */
  boolean isWritten(int page, int generation) {
    for (AtomicIntegerArray byDevice : written) {
      if (byDevice.get(page) == generation) {
        return true;
      }
    }
    return false;
  }

  /** Says that nobody has written to a page. */
  void forgetWrites(int page) {
    for (AtomicIntegerArray byDevice : written) {
      byDevice.set(page, 0);
    }
  }

  int nextGeneration(int region) {
    return 1 + Math.floorMod(generations[region].getAndIncrement(), PageViews.GENERATIONS - 1);
  }
}
