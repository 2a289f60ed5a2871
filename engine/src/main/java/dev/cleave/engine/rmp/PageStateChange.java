package dev.cleave.engine.rmp;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.engine.rmp.RmpFollower.Order;

/**
 * Pages that become shared or private: brings tables and RMP to what the bitmap says, in an order.
 *
 * <p>Whatever it calls may throw. Each step is noted when it is done, so that {@link #run} goes on
 * with the one that was not; as long as none has changed anything, {@link #takeBack} makes all as
 * it was.
 */
final class PageStateChange {
  private static final long REGION_MASK = REGION_BYTES - 1;

  /** What comes next. */
  private enum Step {
    CHOOSE,
    RESERVE,
    EXCHANGE,
    RESERVE_AGAIN,
    CHANGE,
    MERGE,
    UNSMASH,
    DONE
  }

  private final FollowedTables tables;
  private final RmpBitmap bitmap;
  private final RmpPort port;
  private final Order order;
  private final boolean isLazy;
  private final RegionUnsmash unsmash;
  private final Runnable both = this::changeBoth;

  private Step step = Step.DONE;
  private long first;
  private long length;
  private boolean shares;

  /** Whether an RMP entry has been changed, or a merge begun: then there is no way back. */
  private boolean hasActed;

  /** Whether the port has put tables where leaves were. */
  private boolean hasExchanged;

  /** What is still to be smashed. */
  private boolean smashesFirstRegion;

  private boolean smashesLastRegion;

  /** Where the pages begin that the RMP has not been told of. */
  private long untold;

  /** The region to unsmash next. */
  private long region;

  PageStateChange(
      FollowedTables tables,
      RmpBitmap bitmap,
      RmpPort port,
      Order order,
      boolean isLazy,
      RegionUnsmash unsmash) {
    this.tables = tables;
    this.bitmap = bitmap;
    this.port = port;
    this.order = order;
    this.isLazy = isLazy;
    this.unsmash = unsmash;
  }

  /** Pages are to be shared; only the bitmap knows as yet. */
  void beginShare(long gpa, long bytes) {
    begin(gpa, bytes, true);
    long lastRegion = lastRegion();
    smashesFirstRegion = !isWholeRegion(regionStart(gpa)) && bitmap.isLarge(gpa);
    smashesLastRegion =
        lastRegion != regionStart(gpa) && !isWholeRegion(lastRegion) && bitmap.isLarge(lastRegion);
    bitmap.share(gpa, bytes);
  }

  /** Pages are to be private; only the bitmap knows as yet. */
  void beginUnshare(long gpa, long bytes) {
    begin(gpa, bytes, false);
    smashesFirstRegion = false;
    smashesLastRegion = false;
    bitmap.unshare(gpa, bytes);
  }

  private void begin(long gpa, long bytes, boolean isShare) {
    bitmap.save(gpa, bytes);
    first = gpa;
    length = bytes;
    shares = isShare;
    hasActed = false;
    hasExchanged = false;
    untold = gpa;
    region = regionStart(gpa);
    step = isShare ? Step.RESERVE : Step.CHOOSE;
  }

  /** Whether nothing but the bitmap has changed. */
  boolean canBeTakenBack() {
    hasActed |= tables.hasBegunChange();
    return !hasActed;
  }

  /** Makes all as it was. */
  void takeBack() {
    tables.unreserve();
    tables.endChange();
    bitmap.restore(first, length);
    step = Step.DONE;
  }

  /** Goes on to the end. */
  void run() {
    if (step == Step.CHOOSE) {
      chooseLarge();
      step = Step.RESERVE;
    }
    if (step == Step.RESERVE) {
      if (!tables.isOne() || order != Order.TABLE_FIRST) {
        tables.reserve(regionStart(first), regionBytes());
      }
      boolean exchanges =
          (smashesFirstRegion && canExchange(regionStart(first)))
              || (smashesLastRegion && canExchange(lastRegion()));
      step = exchanges ? Step.EXCHANGE : Step.CHANGE;
    }
    if (step == Step.EXCHANGE) {
      tables.unreserve();
      smashesFirstRegion = smashesFirstRegion && !exchange(regionStart(first));
      smashesLastRegion = smashesLastRegion && !exchange(lastRegion());
      step = Step.RESERVE_AGAIN;
    }
    if (step == Step.RESERVE_AGAIN) {
      tables.reserve(regionStart(first), regionBytes());
      step = Step.CHANGE;
    }
    if (step == Step.CHANGE) {
      change();
      tables.endChange();
      step = Step.MERGE;
    }
    if (step == Step.MERGE) {
      hasActed = true;
      // What was exchanged is split further than it must be.
      if (hasExchanged || (!isLazy && anyAllowsLarge())) {
        tables.mergeAround(first, length);
      }
      step = Step.UNSMASH;
    }
    if (step == Step.UNSMASH) {
      if (!isLazy && !shares) {
        unsmashRegions();
      }
      step = Step.DONE;
    }
  }

  /**
   * Which regions get 2 MiB entries at once: those that were all shared. Where a page was private
   * before it has an entry of its own, which stays.
   */
  private void chooseLarge() {
    long end = first + length;
    for (long at = first, runEnd; at < end; at = runEnd) {
      runEnd = bitmap.savedRunEnd(at, end);
      for (long candidate = regionStart(at + REGION_MASK);
          bitmap.wasShared(at) && candidate + REGION_BYTES <= runEnd;
          candidate += REGION_BYTES) {
        if (tables.canHaveLargeLeaf(candidate, isLazy)
            && port.canBeLarge(candidate, REGION_BYTES)) {
          bitmap.setLarge(candidate, REGION_BYTES, true);
        }
      }
    }
  }

  private void change() {
    switch (order) {
      case TABLE_FIRST -> changeBoth();
      case RMP_FIRST -> {
        changeRmp();
        changeTables();
      }
      case ATOMIC -> {
        port.stalled(both);
        if (untold != first + length) {
          throw Stall.notRun();
        }
      }
    }
  }

  /** Whether hardware can change the RMP entry of a region and what leads to it in one step. */
  private boolean canExchange(long gpa) {
    return order == Order.ATOMIC && tables.isOne() && port.canExchange(gpa);
  }

  private boolean exchange(long gpa) {
    boolean isDone = canExchange(gpa) && tables.exchange(gpa, port);
    hasActed |= isDone;
    hasExchanged |= isDone;
    return isDone;
  }

  private void changeBoth() {
    changeTables();
    changeRmp();
  }

  private void changeTables() {
    tables.change(regionStart(first), regionBytes(), first, length, shares);
  }

  private void changeRmp() {
    if (smashesFirstRegion) {
      port.smash(regionStart(first));
      smashesFirstRegion = false;
      hasActed = true;
    }
    if (smashesLastRegion) {
      port.smash(lastRegion());
      smashesLastRegion = false;
      hasActed = true;
    }
    long end = first + length;
    while (untold < end) {
      long runEnd = bitmap.savedRunEnd(untold, end);
      if (bitmap.wasShared(untold) == shares) {
        untold = runEnd; // as it should be; an RMPUPDATE would take the guest's validation away
      } else if (shares) {
        port.unassign(untold, runEnd - untold);
        told(runEnd);
      } else {
        assign(runEnd);
      }
    }
  }

  /** Assigns pages that were shared, by runs of regions that get 2 MiB entries and of others. */
  private void assign(long end) {
    while (untold < end) {
      boolean isLarge = bitmap.isLarge(untold);
      long next = untold;
      while (next < end && bitmap.isLarge(next) == isLarge) {
        next = Math.min(regionStart(next) + REGION_BYTES, end);
      }
      port.assign(untold, next - untold, isLarge);
      told(next);
    }
  }

  private void told(long end) {
    untold = end;
    hasActed = true;
  }

  /** Whether a region of the change may have become part of a larger leaf. */
  private boolean anyAllowsLarge() {
    long last = first + length - 1;
    return bitmap.allowsLarge(first) || bitmap.rule().segmentLast(first, last) != last;
  }

  /** Asks for 2 MiB entries where a change left regions that are private and do not have one. */
  private void unsmashRegions() {
    for (long last = lastRegion(); region <= last; region += REGION_BYTES) {
      unsmash.run(region);
    }
  }

  /** Bytes of all the regions that the change touches. */
  private long regionBytes() {
    return lastRegion() - regionStart(first) + REGION_BYTES;
  }

  private long lastRegion() {
    return regionStart(first + length - 1);
  }

  private boolean isWholeRegion(long gpa) {
    return gpa >= first && gpa + REGION_BYTES <= first + length;
  }

  private static long regionStart(long gpa) {
    return gpa & ~REGION_MASK;
  }
}
