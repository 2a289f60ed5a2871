package dev.cleave.engine.ioas;

import dev.cleave.engine.IotlbFlushQueue;
import org.jspecify.annotations.Nullable;

/**
 * Puts off the flushes of what is unmapped from a space, in all its tables, and makes them in
 * batches: an {@link IotlbFlushQueue} for each table, those that are attached later as well. Made
 * by {@link IoAddressSpace#deferFlushes}; in force until it is closed.
 *
 * <p>An {@code unmap} then returns before it is flushed. Until every table has flushed it, devices
 * may see what was there, and its iovas are <em>retiring</em>:
 *
 * <ul>
 *   <li>no iova among them is chosen; where no other is left, all is flushed first;
 *   <li>a map at a given place that has one of them, and an unmap across them, flush first: what
 *       {@code map} has returned is what every device sees;
 *   <li>a map that finds no table memory flushes, which frees the tables that wait, and tries
 *       again;
 *   <li>detaching a table flushes what it owes.
 * </ul>
 *
 * <p>All else that a space does is flushed before it returns, as ever. Where an unmap ends inside a
 * leaf, the split is as well.
 *
 * <p>If a flush throws, the exception reaches the caller who needed it; what was unmapped is, and
 * stays owed until a flush succeeds.
 *
 * <p>Thread-safe. Beside it writers of one table unmap one after the other. Nothing is allocated by
 * an unmap, nor by a flush.
 */
public final class SpaceFlushQueue implements AutoCloseable {
  private static final int BATCHES = 3;

  private final SpaceState state;
  private final int unmaps;
  private final long maxDelayNanos;
  private final IotlbFlushQueue.FreedRange freed;

  private SpaceFlushQueue(
      SpaceState state, int unmaps, long maxDelayNanos, IotlbFlushQueue.FreedRange freed) {
    this.state = state;
    this.unmaps = unmaps;
    this.maxDelayNanos = maxDelayNanos;
    this.freed = freed;
  }

  /** Makes one and puts it in force, when nothing else is under way. */
  static SpaceFlushQueue begin(
      SpaceState state, int unmaps, long maxDelayNanos, IotlbFlushQueue.FreedRange freed) {
    if (unmaps < 1 || maxDelayNanos < 1) {
      throw new IllegalArgumentException(
          "flushes are put off by one unmap and one nanosecond or more, unmaps=%d, maxDelayNanos=%d"
              .formatted(unmaps, maxDelayNanos));
    }
    SpaceFlushQueue queue = new SpaceFlushQueue(state, unmaps, maxDelayNanos, freed);
    state.alone(() -> {
      if (state.flushQueue != null) {
        throw new IllegalStateException("the flushes of the space are put off already");
      }
      for (HardwarePageTable table : state.tables.array()) {
        queue.add(table);
      }
      state.flushQueue = queue;
    });
    return queue;
  }

  /** Gives a table a queue of its own; by who has the space alone. */
  void add(HardwarePageTable table) {
    table.deferFlushes(unmaps, BATCHES, maxDelayNanos, this::flushed);
  }

  // ---- unmap ---------------------------------------------------------------------------------

  /**
   * Says that a range is about to be unmapped, by the operation that has it and holds the lock,
   * which is given up if older ones must be flushed first.
   */
  void retire(long first, long last) {
    flushIfRetiring(first, last);
    state.retiring.insert(first, last, 0, state.tables.count());
  }

  /** Takes that back, by who does not hold the lock: nothing was unmapped. */
  void unretire(long first) {
    state.lock.lock();
    try {
      remove(first);
    } finally {
      state.lock.unlock();
    }
  }

  private void remove(long first) {
    var _ = state.retiring.seek(first, state.retired);
    state.retiring.remove(state.retired);
  }

  /** Flushes all if a range has retiring iovas; likewise. */
  void flushIfRetiring(long first, long last) {
    if (state.isRetiring(first, last)) {
      flushLocked();
    }
  }

  /** Flushes all, by who holds the lock, which is given up meanwhile. */
  void flushLocked() {
    state.lock.unlock();
    try {
      flush();
    } finally {
      state.lock.lock();
    }
  }

  /** One table has flushed an unmap: told by its queue, in whatever thread flushes. */
  private void flushed(long first, long length) {
    state.lock.lock();
    try {
      var _ = state.retiring.seek(first, state.retired);
      long tables = state.retired.info() - 1;
      if (tables > 0) {
        state.retiring.setInfo(state.retired, tables);
        return;
      }
      state.retiring.remove(state.retired);
    } finally {
      state.lock.unlock();
    }
    freed.freed(first, length);
  }

  /** Tells of a range that no table had. */
  void freeAtOnce(long first, long last) {
    freed.freed(first, last - first + 1);
  }

  // ---- flush ---------------------------------------------------------------------------------

  /** Flushes all that was owed when this was called, and returns when that has completed. */
  public void flush() {
    for (HardwarePageTable table : tables()) {
      table.flushDeferred();
    }
  }

  /**
   * Flushes, table by table, what was owed if its first unmap is longer ago than the longest delay.
   * To be called now and then, by any thread.
   */
  public void flushIfDue() {
    for (HardwarePageTable table : tables()) {
      table.flushIfDue();
    }
  }

  /** Attached tables, in an array that nobody changes. */
  private HardwarePageTable[] tables() {
    state.lock.lock();
    try {
      return state.tables.array();
    } finally {
      state.lock.unlock();
    }
  }

  /**
   * Unmaps that not all tables have flushed.
   *
   * @return how many ranges of iovas are retiring
   */
  public long outstanding() {
    state.lock.lock();
    try {
      return state.retiring.size();
    } finally {
      state.lock.unlock();
    }
  }

  /**
   * Flushes all; from then on every unmap is flushed before it returns. Waits until nothing else is
   * under way. If a flush throws, closing it again goes on; closing it once more does nothing.
   */
  @Override
  public void close() {
    state.alone(() -> {
      @Nullable SpaceFlushQueue inForce = state.flushQueue;
      if (inForce == this) {
        state.lock.unlock();
        try {
          for (HardwarePageTable table : tables()) {
            table.flushAtOnce();
          }
        } finally {
          state.lock.lock();
        }
        state.flushQueue = null;
      }
    });
  }

  /** {@return for a person: unmaps that are not flushed} */
  @Override
  public String toString() {
    return "SpaceFlushQueue[%d unmaps outstanding]".formatted(outstanding());
  }
}
