package dev.cleave.engine.rmp;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;
import static dev.cleave.engine.format.Geometry.offsetMask;

import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.recording.FlushEvent;
import dev.cleave.engine.recording.Recording;
import org.jspecify.annotations.Nullable;

/** One of the tables of an {@link RmpFollower}: it says what is to be done by gpa. */
final class TableFollower implements FollowedMemory {
  private final PageTable table;
  private final long guestIova;
  private final @Nullable PageBacking backing;
  private final RmpBitmap bitmap;
  private final SizeRule rule;
  private final IotlbFlush flush;
  private final IotlbGather gather;
  private final LeafCursor cursor;

  /** Whether pages of the change under way lie nowhere, and from where on they do. */
  private boolean isMoving;

  private boolean areOut;
  private long unmoved;

  TableFollower(FollowedTable followed, RmpBitmap bitmap, IotlbFlush flush) {
    this.table = followed.table();
    this.guestIova = followed.guestIova();
    this.backing = followed.backing();
    this.bitmap = bitmap;
    this.rule = guestIova == 0 ? bitmap.rule() : bitmap.ruleAt(-guestIova);
    this.flush = flush;
    long room = table.config().lastIova(guestIova) - guestIova;
    if (Long.compareUnsigned(room, (bitmap.guestBytes() - 1) | offsetMask(REGION_LOG2)) < 0) {
      throw new IllegalArgumentException(
          "guest memory of 0x%x bytes must fit into the iovas from 0x%x"
              .formatted(bitmap.guestBytes(), guestIova));
    }
    this.gather = table.newGather();
    this.cursor = table.leaves();
  }

  @Override
  public void reserve(long gpa, long bytes) {
    table.reserveToFit(gpa + guestIova, bytes, rule, gather);
  }

  @Override
  public void unreserve() {
    table.unreserve(gather);
    isMoving = false;
  }

  @Override
  public void split(long gpa, long bytes) {
    table.splitToFit(gpa + guestIova, bytes, rule, gather);
    isMoving = backing != null;
  }

  @Override
  public boolean exchange(long region, RmpPort port) {
    long iova = region + guestIova;
    if (!table.leafAt(iova, cursor) || cursor.sizeLog2() < REGION_LOG2) {
      return false;
    }
    if (cursor.sizeLog2() > REGION_LOG2) {
      // A leaf of 2 MiB is as legal before as the larger one is.
      table.splitToFit(iova, REGION_BYTES, SizeRule.atMost(REGION_LOG2), gather);
      settle();
    }
    boolean isDone =
        table.exchangeLeaf(iova, (slot, pages) -> port.exchange(region, slot, pages), gather);
    settle();
    return isDone;
  }

  @Override
  public boolean isChanging() {
    return isMoving || !gather.isEmpty();
  }

  @Override
  public void moved(long gpa, long bytes, boolean areShared) {
    if (backing == null) {
      settle();
    } else {
      move(backing, gpa, bytes, areShared);
    }
  }

  private void move(PageBacking to, long gpa, long bytes, boolean areShared) {
    long end = gpa + bytes;
    if (!areOut) {
      takeOut(gpa, end, areShared);
      settle();
      areOut = true;
      unmoved = gpa;
    }
    while (unmoved < end) {
      long runEnd = bitmap.savedRunEnd(unmoved, end);
      if (bitmap.wasShared(unmoved) != areShared) {
        to.map(unmoved, runEnd - unmoved, areShared, rule);
      }
      unmoved = runEnd;
    }
    areOut = false;
    isMoving = false;
  }

  /** Takes pages out that are to lie elsewhere; those that are out already stay so. */
  private void takeOut(long gpa, long end, boolean areShared) {
    for (long at = gpa, runEnd; at < end; at = runEnd) {
      runEnd = bitmap.savedRunEnd(at, end);
      long iova = at + guestIova;
      if (bitmap.wasShared(at) != areShared
          && cursor.over(iova, iova + runEnd - at - 1).advance()) {
        var _ = table.unmap(iova, runEnd - at, gather);
      }
    }
  }

  @Override
  public boolean canHaveLargeLeaf(long region, boolean asItStands) {
    long iova = region + guestIova;
    boolean isMapped = cursor.over(iova, iova | offsetMask(REGION_LOG2)).advance();
    if (backing != null && !backing.isContiguous(region)) {
      return false;
    }
    return !isMapped
        || cursor.sizeLog2() >= REGION_LOG2
        || (!asItStands && table.isMergeable(iova, gather));
  }

  @Override
  public void mergeAround(long gpa, long bytes) {
    table.mergeAround(gpa + guestIova, bytes, 0, -1L, rule, gather);
    settle();
  }

  @Override
  public void close() {
    table.unreserve(gather);
    settle();
  }

  private void settle() {
    if (!gather.isEmpty()) {
      FlushEvent event = Recording.ofFlushes() ? new FlushEvent() : null;
      flush.flush(table, gather);
      if (event != null) {
        event.done(gather.rangeFirst(0), gather.rangeCount(), gather.tablePages());
      }
      gather.complete();
    }
  }
}
