package dev.cleave.engine.ioas;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.format.Geometry;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Attaches tables and detaches them, with the whole space to itself. */
final class TableAttacher {
  /** Areas that are worth a thread of their own to map. */
  private static final int AREAS_A_THREAD = 1 << 13;

  /** Of an operation that the space does not know. */
  private static final int NO_NUMBER = -1;

  private final SpaceState state;
  private final IoAddressSpace space;

  TableAttacher(SpaceState state, IoAddressSpace space) {
    this.state = state;
    this.space = space;
  }

  void attach(HardwarePageTable table) {
    if (!table.claim(space)) {
      throw new IoasException(
          Errno.EBUSY, 0, "a table must be detached before it can be attached to a space");
    }
    boolean isAttached = false;
    state.lock.lock();
    Operation operation = state.operations.take();
    var _ = state.operations.enter(operation, 0, -1L);
    try {
      checkAlignment(Math.max(table.granule(), Geometry.PAGE_BYTES));
      IovaReservation beyond = reserveBeyond(table);
      try {
        fill(table);
      } catch (RuntimeException e) {
        state.reserved.remove(beyond);
        throw e instanceof PageTableException refusal ? IoasException.of(refusal) : e;
      }
      table.setBeyond(beyond);
      if (state.flushQueue != null) {
        state.flushQueue.add(table);
      }
      state.tables.add(table);
      state.align();
      isAttached = true;
    } finally {
      if (!isAttached) {
        table.release();
      }
      state.operations.leave(operation);
      state.lock.unlock();
    }
  }

  /** Areas, and ranges of granularity, must fit what the space is going to be aligned to. */
  private void checkAlignment(long alignment) {
    long mask = alignment - 1;
    long placeMask = Math.min(alignment, Geometry.PAGE_BYTES) - 1;
    if (alignment <= state.alignment()) {
      return;
    }
    RangeTree.Position at = new RangeTree.Position();
    for (state.areas.tree.seek(0, at); at.isAtRange(); state.areas.tree.next(at)) {
      if (((at.first() | Areas.length(at)) & mask) != 0 || (at.offset() & placeMask) != 0) {
        throw new IoasException(
            Errno.EADDRINUSE,
            at.first(),
            "all areas must be aligned to 0x%x, first=0x%x, length=0x%x, offset=0x%x"
                .formatted(alignment, at.first(), Areas.length(at), at.offset()));
      }
    }
    if (!state.rule.granularity.isAligned(mask) || !state.rule.tracked.isAligned(mask)) {
      throw new IoasException(
          Errno.EADDRINUSE,
          0,
          "all ranges of granularity must be aligned to 0x%x".formatted(alignment));
    }
  }

  /** Reserves the iovas that a table does not decode. */
  private IovaReservation reserveBeyond(HardwarePageTable table) {
    long last = table.table().config().lastIova(0);
    IovaReservation beyond =
        new IovaReservation(space, last == -1 ? List.of() : List.of(new IovaRange(last + 1, -1)));
    state.limits.reserve(beyond);
    return beyond;
  }

  /** Says whether leaves may be larger than 4 KiB. */
  void setHugePages(boolean areAllowed) {
    if (!areAllowed && state.hugePages) {
      if (state.tables.count() > 0 && state.areas.tree.size() > 0) {
        throw new IoasException(
            Errno.EINVAL, 0, "huge pages can be forbidden only without tables or areas");
      }
      checkAlignment(Geometry.PAGE_BYTES);
    }
    state.hugePages = areAllowed;
    state.align();
    state.rule.allowLarge(areAllowed);
  }

  // ---- fill ----------------------------------------------------------------------------------

  /** Maps all areas in a table, or none; in ascending order, in several pieces side by side. */
  private void fill(HardwarePageTable table) {
    SizeRule rule = state.ruleIfAny();
    state.lock.unlock(); // nobody changes areas meanwhile
    try {
      int most = Runtime.getRuntime().availableProcessors();
      int parts = (int) Math.min(most, Math.max(1, state.areas.tree.size() / AREAS_A_THREAD));
      long[] starts = starts(parts);
      @Nullable RuntimeException[] refusals = new RuntimeException[parts];
      IntStream.range(0, parts)
          .parallel()
          .forEach(part -> refusals[part] = fill(table, starts, part, rule));
      Arrays.stream(refusals)
          .filter(refusal -> refusal != null)
          .findFirst()
          .ifPresent(refusal -> {
            empty(table);
            throw refusal;
          });
    } finally {
      state.lock.lock();
    }
  }

  /** Where parts of about as many areas each begin. */
  private long[] starts(int parts) {
    long[] starts = new long[parts];
    long size = state.areas.tree.size();
    RangeTree.Position at = new RangeTree.Position();
    long index = 0;
    int part = 1;
    for (boolean isThere = state.areas.tree.seekShared(0, at);
        isThere && part < parts;
        isThere = state.areas.tree.next(at)) {
      if (index++ == size * part / parts) {
        starts[part++] = at.first();
      }
    }
    return starts;
  }

  private @Nullable RuntimeException fill(
      HardwarePageTable table, long[] starts, int part, @Nullable SizeRule rule) {
    Operation operation = new Operation(NO_NUMBER);
    RangeTree.Position at = operation.position;
    boolean isLastPart = part + 1 == starts.length;
    try {
      for (boolean isThere = state.areas.tree.seekShared(starts[part], at);
          isThere && (isLastPart || Unsigned.isBelow(at.first(), starts[part + 1]));
          isThere = state.areas.tree.next(at)) {
        operation.access = Areas.access(at);
        table.map(
            operation,
            at.first(),
            Areas.length(at),
            state.areas.backing(at),
            at.offset(),
            Areas.isWritten(at),
            rule);
      }
      return null;
    } catch (RuntimeException e) {
      return e;
    }
  }

  private static void empty(HardwarePageTable table) {
    TableTools tools = table.takeTools();
    IotlbGather gather = tools.gather();
    var _ = table.table().clear(gather);
    table.settle(gather);
    tools.giveBack();
  }

  // ---- detach --------------------------------------------------------------------------------

  void detach(HardwarePageTable table) {
    state.lock.lock();
    Operation operation = state.operations.take();
    var _ = state.operations.enter(operation, 0, -1L);
    try {
      if (state.tables.indexOf(table) < 0) {
        throw new IoasException(
            Errno.EINVAL, 0, "a table must be attached to a space to be detached from it");
      }
      state.lock.unlock();
      try {
        table.flushAtOnce();
        empty(table);
      } finally {
        state.lock.lock();
      }
      state.tables.remove(table);
      state.align();
      state.reserved.remove(table.takeBeyond());
      table.release();
    } finally {
      state.operations.leave(operation);
      state.lock.unlock();
    }
  }
}
