package dev.cleave.engine.ioas;

import static dev.cleave.engine.format.Geometry.REGION_LOG2;
import static dev.cleave.engine.format.Geometry.offsetMask;

import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.rmp.FollowedMemory;
import org.jspecify.annotations.Nullable;

/**
 * A space as a follower of the RMP sees it. From {@link #reserve} or {@link #split} to {@link
 * #moved} the range belongs to the follower: others wait.
 */
final class FollowedSpace implements FollowedMemory {
  private final IoAddressSpace space;
  private final SpaceState state;
  private final LeafFitter fitter;
  private final SizeRule rule;
  private final long guestIova;

  /** The change under way, between two calls of the follower. */
  private @Nullable Operation change;

  private boolean hasAreas;

  /** The merge whose flush threw. */
  private @Nullable Operation merge;

  private boolean isClosed;

  FollowedSpace(
      IoAddressSpace space, SpaceState state, LeafFitter fitter, SizeRule rule, long guestIova) {
    this.space = space;
    this.state = state;
    this.fitter = fitter;
    this.rule = rule;
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
    if (change != null && hasAreas) {
      state.tables.unreserve(change);
    }
    end();
  }

  @Override
  public void split(long gpa, long bytes) {
    if (change == null) {
      reserve(gpa, bytes);
    }
    Operation operation = change;
    if (operation != null && hasAreas) {
      state.tables.splitReserved(operation, operation.from, operation.to, state.rule);
    }
  }

  @Override
  public boolean isChanging() {
    return change != null && state.tables.isOwing(change);
  }

  @Override
  public void moved(long gpa, long bytes, boolean areShared) {
    if (change != null) {
      state.tables.settle(change);
    }
    end();
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
