package dev.cleave.engine.ioas;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;
import static dev.cleave.engine.format.Geometry.offsetMask;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.rmp.FollowedMemory;
import dev.cleave.engine.rmp.RmpBitmap;
import dev.cleave.engine.rmp.RmpPort;
import org.jspecify.annotations.Nullable;

/**
 * A space as a follower of the RMP sees it. From {@link #reserve} or {@link #split} to {@link
 * #moved} the range belongs to the follower: others wait. Where shared pages come from other memory
 * than private ones, the areas' backings say where a page lies, by what the bitmap says of it now.
 */
final class FollowedSpace implements FollowedMemory {
  private final IoAddressSpace space;
  private final SpaceState state;
  private final LeafFitter fitter;
  private final AreaRenewer renewer;
  private final RmpBitmap bitmap;
  private final SizeRule rule;
  private final long guestIova;

  /** The change under way, between two calls of the follower. */
  private @Nullable Operation change;

  private boolean hasAreas;

  /** Whether pages of it lie nowhere, and from where on they do. */
  private boolean isMoving;

  private boolean areOut;
  private long unmoved;

  /** The merge whose flush threw. */
  private @Nullable Operation merge;

  private boolean isClosed;

  FollowedSpace(
      IoAddressSpace space, SpaceState state, LeafFitter fitter, RmpBitmap bitmap, long guestIova) {
    this.space = space;
    this.state = state;
    this.fitter = fitter;
    this.renewer = new AreaRenewer(state);
    this.bitmap = bitmap;
    this.rule = bitmap.ruleAt(-guestIova);
    this.guestIova = guestIova;
    space.addRule(rule);
  }

  private Operation begin(long gpa, long bytes) {
    long first = gpa + guestIova;
    long last = first + bytes - 1;
    state.lock.lock();
    try {
      Operation operation = state.operations.take();
      var _ = state.operations.enter(operation, first, last);
      hasAreas = state.tables.count() > 0 && state.seekAreas(operation, first, last);
      change = operation;
      return operation;
    } finally {
      state.lock.unlock();
    }
  }

  private void end() {
    Operation operation = change;
    if (operation != null) {
      change = null;
      state.lock.lock();
      try {
        state.operations.leave(operation);
      } finally {
        state.lock.unlock();
      }
    }
  }

  @Override
  public void reserve(long gpa, long bytes) {
    Operation operation = begin(gpa, bytes);
    if (hasAreas) {
      try {
        state.tables.reserve(operation, operation.from, operation.to, state.rule);
      } catch (PageTableException e) {
        end();
        throw e;
      }
    }
  }

  @Override
  public void unreserve() {
    Operation operation = change;
    if (operation != null) {
      state.tables.settle(operation);
      if (hasAreas) {
        state.tables.unreserve(operation);
      }
    }
    isMoving = false;
    end();
  }

  /** Only where one table alone shows the space: hardware replaces one leaf in a step. */
  @Override
  public boolean exchange(long region, RmpPort port) {
    Operation operation = change == null ? begin(region, REGION_BYTES) : change;
    boolean isDone = false;
    try {
      isDone = hasAreas && state.tables.count() == 1 && exchange(operation, region, port);
    } catch (PageTableException e) {
      end();
      throw e;
    }
    state.tables.settle(operation); // if a flush throws, it stays under way
    end();
    return isDone;
  }

  private boolean exchange(Operation operation, long region, RmpPort port) {
    PageTable table = state.tables.get(0).table();
    IotlbGather gather = operation.gather(0);
    LeafCursor cursor = operation.tools(0).cursor();
    long iova = region + guestIova;
    if (!table.leafAt(iova, cursor) || cursor.sizeLog2() < REGION_LOG2) {
      return false;
    }
    if (cursor.sizeLog2() > REGION_LOG2) {
      // A leaf of 2 MiB is as legal before as the larger one is.
      table.splitToFit(iova, REGION_BYTES, SizeRule.atMost(REGION_LOG2), gather);
      state.tables.settle(operation);
    }
    return table.exchangeLeaf(iova, (slot, pages) -> port.exchange(region, slot, pages), gather);
  }

  @Override
  public void split(long gpa, long bytes) {
    if (change == null) {
      reserve(gpa, bytes);
    }
    Operation operation = change;
    if (operation != null && hasAreas) {
      state.tables.splitReserved(operation, operation.from, operation.to, state.rule);
      isMoving = !bitmap.isSharedInPlace();
    }
  }

  @Override
  public boolean isChanging() {
    return isMoving || (change != null && state.tables.isOwing(change));
  }

  @Override
  public void moved(long gpa, long bytes, boolean areShared) {
    Operation operation = change;
    if (operation != null) {
      if (isMoving) {
        move(operation, gpa, gpa + bytes, areShared);
      }
      state.tables.settle(operation);
    }
    end();
  }

  private void move(Operation operation, long gpa, long end, boolean areShared) {
    if (!areOut) {
      for (long at = gpa, runEnd; at < end; at = runEnd) {
        runEnd = bitmap.savedRunEnd(at, end);
        if (bitmap.wasShared(at) != areShared) {
          renewer.takeOut(operation, at + guestIova, runEnd + guestIova - 1);
        }
      }
      state.tables.settle(operation);
      areOut = true;
      unmoved = gpa;
    }
    while (unmoved < end) {
      long runEnd = bitmap.savedRunEnd(unmoved, end);
      if (bitmap.wasShared(unmoved) != areShared) {
        renewer.mapAgain(operation, unmoved + guestIova, runEnd + guestIova - 1);
      }
      unmoved = runEnd;
    }
    areOut = false;
    isMoving = false;
  }

  @Override
  public boolean canHaveLargeLeaf(long region, boolean asItStands) {
    long first = region + guestIova;
    long last = first | offsetMask(REGION_LOG2);
    state.lock.lock();
    Operation operation = state.operations.take();
    var _ = state.operations.enter(operation, first, last);
    try {
      if (!state.seekArea(operation, first, last)) {
        return true;
      }
      boolean canBe =
          !Unsigned.isBelow(first, operation.areaFirst)
              && !Unsigned.isBelow(operation.areaLast, last)
              && (bitmap.isSharedInPlace() || isInOnePiece(operation, first))
              && state.rule.allowsBut(rule, first, REGION_LOG2);
      for (int i = 0; canBe && i < state.tables.count(); i++) {
        TableTools tools = operation.tools(i);
        PageTable table = state.tables.get(i).table();
        LeafCursor cursor = tools.cursor();
        boolean isLarge = table.leafAt(first, cursor) && cursor.sizeLog2() >= REGION_LOG2;
        canBe = isLarge || (!asItStands && table.isMergeable(first, tools.gather()));
      }
      return canBe;
    } finally {
      state.operations.leave(operation);
      state.lock.unlock();
    }
  }

  /** Whether the memory behind a region of the area that was found could have one leaf. */
  private boolean isInOnePiece(Operation operation, long first) {
    RangeTree.Position at = operation.scratch;
    Backing backing = state.areas.backing(at);
    long offset = at.offset() + first - operation.areaFirst;
    long paddr = backing.paddr(offset, Areas.isWritten(at));
    return (paddr & offsetMask(REGION_LOG2)) == 0
        && backing.contiguous(offset, REGION_BYTES) == REGION_BYTES;
  }

  @Override
  public void mergeAround(long gpa, long bytes) {
    long first = gpa + guestIova;
    long last = first + bytes - 1;
    state.lock.lock();
    try {
      Operation operation = merge;
      if (operation == null) {
        operation = state.operations.take();
        fitter.enterBlocks(operation, first, last, IoAddressSpace.UNLIMITED);
        merge = operation;
      }
      fitter.fit(operation, first, last, false, true); // if a flush throws, it stays under way
      merge = null;
      state.operations.leave(operation);
    } finally {
      state.lock.unlock();
    }
  }

  /** Lifts the rule. What a flush that throws leaves owed stays with the tables. */
  @Override
  public void close() {
    if (isClosed) {
      return;
    }
    isClosed = true;
    try {
      settleUnfinished(change);
      settleUnfinished(merge);
    } finally {
      unreserve();
      leaveMerge();
      space.removeRule(rule);
    }
  }

  private void settleUnfinished(@Nullable Operation operation) {
    if (operation != null) {
      state.tables.settle(operation);
    }
  }

  private void leaveMerge() {
    Operation operation = merge;
    if (operation != null) {
      merge = null;
      state.lock.lock();
      try {
        state.operations.leave(operation);
      } finally {
        state.lock.unlock();
      }
    }
  }
}
