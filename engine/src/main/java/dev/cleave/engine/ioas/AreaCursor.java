package dev.cleave.engine.ioas;

import dev.cleave.engine.format.Access;
import org.jspecify.annotations.Nullable;

/**
 * Looks at the areas of a space, in ascending order; made by {@link IoAddressSpace#areas}. Nothing
 * is allocated on the way.
 *
 * <p>Belongs to one thread. Beside writers it sees, at every step, an area as it was at that
 * moment: one that is being mapped is seen when every table has it, one that is being unmapped at
 * most until none has.
 */
public final class AreaCursor {
  private final SpaceState state;
  private final RangeTree.Position position = new RangeTree.Position();
  private long next;
  private boolean isDone;

  private long first;
  private long last;
  private long offset;
  private int access;
  private boolean mayBeWritten;
  private @Nullable Backing backing;

  AreaCursor(SpaceState state) {
    this.state = state;
  }

  /**
   * Starts over at an address.
   *
   * @param iova the first address of interest
   * @return this
   */
  public AreaCursor from(long iova) {
    next = iova;
    isDone = false;
    return this;
  }

  /**
   * Moves to the next area: the first that ends at or above where the cursor is.
   *
   * @return false when there is none left
   */
  public boolean advance() {
    if (isDone) {
      return false;
    }
    state.lock.lock();
    try {
      if (!state.areas.tree.seek(next, position)) {
        isDone = true;
        return false;
      }
      first = position.first();
      last = position.last();
      offset = position.offset();
      access = Areas.access(position);
      mayBeWritten = Areas.isWritten(position);
      backing = state.areas.backing(position);
    } finally {
      state.lock.unlock();
    }
    next = last + 1;
    isDone = next == 0;
    return true;
  }

  /**
   * Its first address.
   *
   * @return an iova
   */
  public long first() {
    return first;
  }

  /**
   * Its last address.
   *
   * @return an iova, inclusive
   */
  public long last() {
    return last;
  }

  /**
   * What is behind it.
   *
   * @return the backing
   * @throws IllegalStateException before the first area
   */
  public Backing backing() {
    if (backing == null) {
      throw new IllegalStateException("a cursor must be advanced to an area first");
    }
    return backing;
  }

  /**
   * Where in its backing it begins.
   *
   * @return an offset
   */
  public long offset() {
    return offset;
  }

  /**
   * What devices may do.
   *
   * @return {@link Access} flags
   */
  public int access() {
    return access;
  }

  /**
   * Whether its memory was mapped to be written, so that copies of it may be.
   *
   * @return true also for an area that may only be read, when it is a copy of such a one
   */
  public boolean mayBeWritten() {
    return mayBeWritten;
  }
}
