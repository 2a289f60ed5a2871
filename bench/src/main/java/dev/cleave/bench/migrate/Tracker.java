package dev.cleave.bench.migrate;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.LeafCursor;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Tracks what devices write, as a strategy has it: reads and clears dirty bits, and between reads
 * makes leaves smaller or larger. Where it says so, devices must stand still until what is owed has
 * been flushed.
 *
 * <p>Not thread-safe.
 */
final class Tracker {
  private final SourceHost host;
  private final Strategy strategy;
  private final MergeBack mergeBack;
  private final Fault fault;
  private final List<TrackedExtent> extents;
  private final LeafCursor cursor;

  /** First addresses of large leaves that were found dirty once, and wait for the second time. */
  private final Set<Long> foundOnce = new HashSet<>();

  Tracker(
      SourceHost host,
      Strategy strategy,
      MergeBack mergeBack,
      Fault fault,
      List<TrackedExtent> extents) {
    this.host = host;
    this.strategy = strategy;
    this.mergeBack = mergeBack;
    this.fault = fault;
    this.extents = extents;
    this.cursor = host.table().leaves();
  }

  /**
   * Makes everything clean, and small if the strategy wants that first.
   *
   * @return whether devices must stand still
   */
  boolean begin() {
    boolean isStalled = false;
    for (TrackedExtent extent : extents) {
      if (strategy == Strategy.SPLIT_ALL) {
        isStalled |= host.startTracking(extent.first(), extent.length());
        extent.small.set(0, extent.regions());
        extent.split.set(0, extent.regions());
      } else {
        host.readAndClearDirty(extent.first(), extent.length(), extent.reported);
      }
      extent.reported.clear();
    }
    return isStalled;
  }

  /** Forgets what earlier reads have reported. */
  void forget() {
    extents.forEach(extent -> extent.reported.clear());
  }

  /** Reads what is dirty, in addition to what has been reported, and makes it clean. */
  void read() {
    for (TrackedExtent extent : extents) {
      if (fault == Fault.CLEAR_BEFORE_READ) {
        host.readAndClearDirty(
            extent.first(),
            extent.length(),
            new DirtyBitmap(extent.first(), extent.length(), PAGE_LOG2));
        host.readDirty(extent.first(), extent.length(), extent.reported);
      } else {
        host.readAndClearDirty(extent.first(), extent.length(), extent.reported);
      }
    }
  }

  /**
   * Splits what was found dirty and merges what grew cold.
   *
   * @return whether devices must stand still
   */
  boolean adjust() {
    boolean isStalled = false;
    for (TrackedExtent extent : extents) {
      if (strategy.readsToSplit() > 0) {
        isStalled |= splitDirty(extent);
      }
      if (mergeBack.isOfCold()) {
        isStalled |= mergeCold(extent);
      }
    }
    return isStalled;
  }

  /** Splits the dirty leaves that are larger than a page, if they were found dirty often enough. */
  private boolean splitDirty(TrackedExtent extent) {
    boolean isStalled = false;
    long at = extent.reported.nextDirty(extent.first());
    while (at != DirtyBitmap.NONE) {
      int region = extent.region(at);
      long end = extent.regionEnd(region);
      if (!extent.small.get(region) && host.table().leafAt(at, cursor)) {
        int sizeLog2 = cursor.sizeLog2();
        end = cursor.iova() + (1L << sizeLog2);
        if (sizeLog2 > PAGE_LOG2 && isDue(cursor.iova())) {
          isStalled |= split(extent, cursor.iova(), sizeLog2);
        }
      }
      at = extent.reported.nextDirty(end);
    }
    return isStalled;
  }

  private boolean isDue(long leaf) {
    if (strategy.readsToSplit() == 1) {
      return true;
    }
    boolean isFirstTime = foundOnce.add(leaf);
    if (!isFirstTime) {
      foundOnce.remove(leaf);
    }
    return !isFirstTime;
  }

  /** Splits a leaf one step: to regions, or to pages. */
  private boolean split(TrackedExtent extent, long leaf, int sizeLog2) {
    if (sizeLog2 > REGION_LOG2) {
      return host.split(leaf, 1L << sizeLog2, REGION_LOG2);
    }
    int region = extent.region(leaf);
    extent.split.set(region);
    extent.cleanReads[region] = 0;
    if (sizeLog2 == REGION_LOG2) {
      extent.small.set(region);
    }
    return host.split(leaf, 1L << sizeLog2, PAGE_LOG2);
  }

  /** Merges the regions that were split and have been clean for long enough, run by run. */
  private boolean mergeCold(TrackedExtent extent) {
    boolean isStalled = false;
    long dirty = extent.reported.nextDirty(extent.first());
    int run = -1;
    for (int region = 0; region < extent.regions(); region++) {
      boolean isClean = dirty == DirtyBitmap.NONE || dirty >= extent.regionEnd(region);
      if (!isClean) {
        dirty = extent.reported.nextDirty(extent.regionEnd(region));
      }
      boolean isCold = isCold(extent, region, isClean);
      if (isCold && run < 0) {
        run = region;
      }
      if (run >= 0 && (!isCold || region == extent.regions() - 1)) {
        isStalled |= merge(extent, run, isCold ? region + 1 : region);
        run = -1;
      }
    }
    return isStalled;
  }

  private boolean isCold(TrackedExtent extent, int region, boolean isClean) {
    if (!extent.split.get(region) || !isClean) {
      extent.cleanReads[region] = 0;
      return false;
    }
    return ++extent.cleanReads[region] >= mergeBack.coldReads();
  }

  /** Merges regions of an extent, the last exclusive. */
  private boolean merge(TrackedExtent extent, int from, int to) {
    for (int region = from; region < to; region++) {
      extent.cleanReads[region] = 0;
    }
    extent.split.clear(from, to);
    extent.small.clear(from, to);
    long first = extent.regionFirst(from);
    return host.merge(first, extent.regionEnd(to - 1) - first);
  }

  /**
   * Merges everything.
   *
   * @return whether devices must stand still
   */
  boolean mergeAll() {
    boolean isStalled = false;
    for (TrackedExtent extent : extents) {
      isStalled |= merge(extent, 0, extent.regions());
    }
    return isStalled;
  }
}
