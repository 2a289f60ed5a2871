package dev.cleave.engine.rmp;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.engine.rmp.RmpFollower.Order;

/**
 * Gives a region that is private again its 2 MiB entry, and then its leaf. If the port or a flush
 * throws, the next call goes on where this one stood.
 */
final class RegionUnsmash {
  /** What has been done of the region under way. */
  private enum Step {
    NONE,
    ASK,
    MERGE,
    DONE
  }

  private final FollowedTables tables;
  private final RmpBitmap bitmap;
  private final RmpPort port;
  private final Order order;
  private final Runnable advance = this::advance;

  private long region;
  private Step step = Step.NONE;

  RegionUnsmash(FollowedTables tables, RmpBitmap bitmap, RmpPort port, Order order) {
    this.tables = tables;
    this.bitmap = bitmap;
    this.port = port;
    this.order = order;
  }

  /** Does it if that can be; a region under way is the one to go on with. */
  void run(long gpa) {
    if (step == Step.NONE) {
      if (!canUnsmash(gpa)) {
        return;
      }
      region = gpa;
      step = Step.ASK;
    }
    if (order == Order.ATOMIC) {
      port.stalled(advance);
      if (step != Step.DONE) {
        throw Stall.notRun();
      }
    } else {
      advance();
    }
    step = Step.NONE;
  }

  private boolean canUnsmash(long gpa) {
    return bitmap.isPrivate(gpa)
        && !bitmap.isLarge(gpa)
        && tables.canHaveLargeLeaf(gpa, false)
        && port.canBeLarge(gpa, REGION_BYTES);
  }

  private void advance() {
    if (step == Step.ASK) {
      if (!port.unsmash(region)) {
        step = Step.DONE;
        return;
      }
      bitmap.setLarge(region, REGION_BYTES, true);
      step = Step.MERGE;
    }
    if (step == Step.MERGE) {
      tables.mergeAround(region, REGION_BYTES);
      step = Step.DONE;
    }
  }
}
