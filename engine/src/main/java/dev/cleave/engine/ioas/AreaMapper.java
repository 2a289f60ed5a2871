package dev.cleave.engine.ioas;

import dev.cleave.engine.PageTableException;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.Geometry;

/** Makes areas. The checks stand in the order in which iommufd makes them. */
final class AreaMapper {
  /**
   * What is mapped without giving up the lock, unless it might have to wait for others in a table:
   * it takes no longer than to come back to it.
   */
  static final long SHORT_BYTES = Geometry.REGION_BYTES;

  private static final long CHOSEN_LIMIT = Long.MAX_VALUE;
  private static final int FLAGS = Access.READ_WRITE | Access.ENCRYPTED | Access.NO_EXECUTE;

  private final SpaceState state;
  private final SpaceLock lock;
  private final Operations operations;
  private final Areas areas;

  AreaMapper(SpaceState state) {
    this.state = state;
    lock = state.lock;
    operations = state.operations;
    areas = state.areas;
  }

  static void checkAccess(int access) {
    if ((access & Access.READ_WRITE) == 0 || (access & ~FLAGS) != 0) {
      throw new IoasException(
          Errno.EINVAL,
          0,
          "access must permit to read or to write, and have no unknown flag, access=0x%x"
              .formatted(access));
    }
  }

  void map(long iova, Backing backing, long offset, long length, int access) {
    lock.lock();
    try {
      if (backing == PhysicalBacking.INSTANCE && mapAtOnce(iova, offset, length, access)) {
        return;
      }
      checkAccess(access);
      Operation operation = operations.take();
      try {
        operation.access = access;
        operation.pieces.add(backing, offset, length, (access & Access.WRITE) != 0);
        mapAt(operation, iova, length);
      } finally {
        operations.discard(operation);
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Makes a small area of one run of memory without an operation, if there is just one table and
   * nothing else is under way. What the table checks as well is left to it: alignment and access.
   *
   * @return false if there is any reason not to: the other way finds out which
   */
  private boolean mapAtOnce(long iova, long paddr, long length, int access) {
    HardwarePageTable table = state.tables.only();
    if (table == null) {
      return false;
    }
    long last = iova + length - 1;
    boolean isPlain =
        operations.areNone()
            && Unsigned.isBelow(length - 1, SHORT_BYTES)
            && !Unsigned.isBelow(last, iova)
            && !state.reserved.touches(iova, last)
            && !state.isRetiring(iova, last)
            && areas.addIfFree(iova, last, paddr, access, (access & Access.WRITE) != 0);
    if (!isPlain) {
      return false;
    }
    boolean isMapped = false;
    SizeRule rule = length == Geometry.PAGE_BYTES ? null : state.ruleIfAny(); // none forbids a page
    try {
      if (rule == null) { // not by mapRun: C2 inlines a page's way as a whole only so deep
        table.table().map(iova, paddr, length, access);
      } else {
        table.table().map(iova, paddr, length, access, rule);
      }
      isMapped = true;
    } catch (RuntimeException _) { // of the table or of a rule: the other way meets it again
    } finally {
      if (!isMapped) {
        var _ = areas.take(iova, last);
      }
    }
    return isMapped;
  }

  long mapAnywhere(Backing backing, long offset, long length, int access) {
    checkAccess(access);
    lock.lock();
    Operation operation = operations.take();
    try {
      operation.access = access;
      operation.pieces.add(backing, offset, length, (access & Access.WRITE) != 0);
      return mapAnywhere(operation, length);
    } finally {
      operations.discard(operation);
      lock.unlock();
    }
  }

  void copy(SpaceState source, long sourceIova, long length, long iova, int access) {
    Operation operation = collect(source, sourceIova, length, access);
    lock.lock();
    try {
      mapAt(operation, iova, length);
    } finally {
      operations.discard(operation);
      lock.unlock();
    }
  }

  long copyAnywhere(SpaceState source, long sourceIova, long length, int access) {
    Operation operation = collect(source, sourceIova, length, access);
    lock.lock();
    try {
      return mapAnywhere(operation, length);
    } finally {
      operations.discard(operation);
      lock.unlock();
    }
  }

  /** An operation with the memory behind a range of another space; no two locks are held. */
  private Operation collect(SpaceState source, long iova, long length, int access) {
    checkAccess(access);
    long last = SpaceState.last(iova, length);
    Operation operation = state.takeOperation();
    boolean isThere = false;
    try {
      source.lock.lock();
      try {
        operation.access = access;
        collect(source.areas, iova, last, operation);
        isThere = true;
        return operation;
      } finally {
        source.lock.unlock();
      }
    } finally {
      if (!isThere) {
        state.discardOperation(operation);
      }
    }
  }

  private static void collect(Areas areas, long first, long last, Operation operation) {
    RangeTree.Position at = operation.position;
    boolean isThere = areas.tree.seek(first, at);
    for (long next = first; ; ) {
      if (!isThere || Unsigned.isBelow(next, at.first())) {
        throw new IoasException(
            Errno.ENOENT, next, "every byte to copy must have an area, iova=0x%x".formatted(next));
      }
      long end = Unsigned.min(at.last(), last);
      operation.pieces.add(
          areas.backing(at), at.offset() + next - at.first(), end - next + 1, Areas.isWritten(at));
      if (end == last) {
        return;
      }
      next = end + 1;
      isThere = areas.tree.next(at);
    }
  }

  // ---- where ---------------------------------------------------------------------------------

  private void mapAt(Operation operation, long iova, long length) {
    if (length == 0 || Unsigned.isBelow(iova + length - 1, iova)) {
      checkLength(length); // what is wrong first
      checkStart(iova);
      var _ = SpaceState.last(iova, length);
    }
    var _ = operations.enter(operation, iova, iova + length - 1);
    try {
      checkLength(length);
      checkStart(iova);
      checkFree(iova, iova + length - 1);
      if (state.flushQueue != null) {
        state.flushQueue.flushIfRetiring(iova, iova + length - 1);
      }
      mapPieces(operation, iova, length);
    } finally {
      operations.leaveRange(operation);
    }
  }

  /** Where others are at work when it comes, another place may be the lowest when they are done. */
  private long mapAnywhere(Operation operation, long length) {
    while (true) {
      checkLength(length);
      long iova = choose(operation.pieces.offset(0), length);
      boolean waited = operations.enter(operation, iova, iova + length - 1);
      try {
        checkLength(length);
        if (!waited || choose(operation.pieces.offset(0), length) == iova) {
          mapPieces(operation, iova, length);
          return iova;
        }
      } finally {
        operations.leaveRange(operation);
      }
    }
  }

  private long choose(long offset, long length) {
    if (!Unsigned.isBelow(length, CHOSEN_LIMIT)) {
      throw new IoasException(
          Errno.EOVERFLOW,
          0,
          "a length must be below 2^63 - 1 for an iova to be chosen, length=0x%x"
              .formatted(length));
    }
    long alignment = state.chooser.alignment(offset, length);
    if (Unsigned.isBelow(alignment, state.alignment())) {
      throw new IoasException(
          Errno.EINVAL,
          offset,
          "memory must lie at a multiple of 0x%x for an iova to be chosen, offset=0x%x"
              .formatted(state.alignment(), offset));
    }
    long iova = state.chooser.choose(offset, length);
    if (iova == IovaChooser.NONE && state.flushQueue != null && state.retiring.size() > 0) {
      state.flushQueue.flushLocked();
      iova = state.chooser.choose(offset, length);
    }
    if (iova == IovaChooser.NONE) {
      throw new IoasException(
          Errno.ENOSPC,
          0,
          "a hole must be left, length=0x%x, alignment=0x%x".formatted(length, alignment));
    }
    return iova;
  }

  // ---- rules ---------------------------------------------------------------------------------

  private void checkLength(long length) {
    if (length == 0 || (length & (state.alignment() - 1)) != 0) {
      throw new IoasException(
          Errno.EINVAL,
          0,
          "length must be a positive multiple of 0x%x, length=0x%x"
              .formatted(state.alignment(), length));
    }
  }

  private void checkStart(long iova) {
    if ((iova & (state.alignment() - 1)) != 0) {
      throw new IoasException(
          Errno.EINVAL,
          iova,
          "an iova must be a multiple of 0x%x, iova=0x%x".formatted(state.alignment(), iova));
    }
  }

  private void checkFree(long first, long last) {
    if (state.reserved.touches(first, last)) {
      throw new IoasException(
          Errno.EINVAL,
          first,
          "no iova of an area may be reserved, first=0x%x, last=0x%x".formatted(first, last));
    }
    if (areas.tree.touches(first, last)) {
      throw new IoasException(
          Errno.EEXIST,
          first,
          "areas must not overlap, first=0x%x, last=0x%x".formatted(first, last));
    }
  }

  private void checkPieces(Operation operation) {
    long mask = Math.min(state.alignment(), Geometry.PAGE_BYTES) - 1;
    Pieces pieces = operation.pieces;
    for (int i = 0; i < pieces.count(); i++) {
      if ((operation.access & Access.WRITE) != 0 && !pieces.isWritten(i)) {
        throw new IoasException(
            Errno.EPERM,
            operation.mapFirst,
            "memory must have been mapped to be written for a copy that may, offset=0x%x"
                .formatted(pieces.offset(i)));
      }
      if ((pieces.offset(i) & mask) != 0) {
        throw new IoasException(
            Errno.EINVAL,
            operation.mapFirst,
            "memory must begin at a multiple of 0x%x, offset=0x%x"
                .formatted(mask + 1, pieces.offset(i)));
      }
    }
  }

  // ---- map -----------------------------------------------------------------------------------

  private void mapPieces(Operation operation, long iova, long length) {
    operation.mapFirst = iova;
    operation.mapBytes = length;
    checkPieces(operation);
    if (state.tables.count() > 0) {
      boolean isShort = !Unsigned.isBelow(SHORT_BYTES, length);
      boolean takesTime = !isShort || !operations.areOne();
      try {
        mapTables(operation, takesTime);
      } catch (IoasException e) {
        if (!isMemoryWaiting(e)) {
          throw e;
        }
        mapTables(operation, takesTime);
      }
    }
    Pieces pieces = operation.pieces;
    long first = iova;
    for (int i = 0; i < pieces.count(); i++) {
      long end = first + pieces.length(i);
      areas.add(
          first,
          end - 1,
          pieces.backing(i),
          pieces.offset(i),
          operation.access,
          pieces.isWritten(i));
      first = end;
    }
  }

  /** Whether a flush may have freed the table memory that was missing; it is made then. */
  private boolean isMemoryWaiting(IoasException e) {
    SpaceFlushQueue queue = state.flushQueue;
    if (e.errno() != Errno.ENOMEM || queue == null || state.retiring.size() == 0) {
      return false;
    }
    queue.flushLocked();
    return true;
  }

  private void mapTables(Operation operation, boolean takesTime) {
    boolean isLocked = true;
    if (takesTime) {
      lock.unlock();
      isLocked = false;
    }
    try {
      state.tables.map(operation, state.ruleIfAny());
    } catch (RuntimeException e) {
      if (isLocked) {
        lock.unlock();
        isLocked = false;
      }
      state.tables.settle(operation); // what was undone
      throw e instanceof PageTableException refusal ? IoasException.of(refusal) : e;
    } finally {
      if (!isLocked) {
        lock.lock();
      }
    }
  }
}
