package dev.cleave.engine;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;

/**
 * Flushes in batches what many operations owe: what operating systems and VMMs call deferred
 * flushing. An iova is free for new use when the batch that its unmap went into has been flushed;
 * until then devices may see what was there.
 *
 * <ol>
 *   <li>The writer takes mappings out by {@link #unmap}, or passes {@link #gather} to any operation
 *       of the table and says so by {@link #owes}. Each is an entry of the open batch.
 *   <li>A batch with all its entries is sealed, and the next one of a ring is opened. So is one
 *       whose first entry is older than the longest delay, by the next operation or by {@link
 *       #flushIfDue}.
 *   <li>Sealed batches are flushed in the order in which they were sealed, by {@link #flushSealed}
 *       in any thread, or by the writer when the ring is full.
 *   <li>When its flush has completed, a batch is completed and every entry's iova is handed to the
 *       {@link FreedRange} callback, in the order of the entries.
 * </ol>
 *
 * <p>What the flush throws reaches the caller who needed it. Nothing is lost then: the batch stays
 * the oldest, and the next call flushes it. An unmap that had to make room has been done all the
 * same, and is an entry.
 *
 * <p>Between batches and beside them the table keeps its promise: what {@code map} has returned a
 * device sees, whatever flush is outstanding.
 *
 * <p>The open batch belongs to one writer at a time, and {@link #flushIfDue} and {@link
 * #flushSealed} may be called by any thread beside it. Nothing is allocated after construction.
 */
public final class IotlbFlushQueue implements AutoCloseable {
  private static final VarHandle BUSY;
  private static final VarHandle FLUSHING;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      BUSY = lookup.findVarHandle(IotlbFlushQueue.class, "busy", boolean.class);
      FLUSHING = lookup.findVarHandle(IotlbFlushQueue.class, "flushing", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** Told of each range whose flush has completed. It must not call the queue. */
  @FunctionalInterface
  public interface FreedRange {
    /**
     * Its iovas may be used again.
     *
     * @param iova first address
     * @param length bytes
     */
    void freed(long iova, long length);
  }

  /** Entries that are flushed together. */
  private static final class Batch {
    final IotlbGather gather;
    final long[] iova;
    final long[] length;
    int entries;
    long openedNanos;

    Batch(IotlbGather gather, int entries) {
      this.gather = gather;
      this.iova = new long[entries];
      this.length = new long[entries];
    }
  }

  private final PageTable table;
  private final IotlbFlush flush;
  private final FreedRange freed;
  private final long maxDelayNanos;
  private final Batch[] ring;

  /** Batches sealed so far; the next one is open. Written by who is busy. */
  private volatile long sealed;

  /** Batches flushed so far. Written by who is flushing. */
  private volatile long flushed;

  /** Whether somebody is at the open batch. */
  @SuppressWarnings("unused") // by the handle
  private boolean busy;

  /** Whether somebody flushes the oldest sealed batch. */
  @SuppressWarnings("unused") // by the handle
  private boolean flushing;

  /** Whether it takes no more. Written by who is busy. */
  private boolean isClosed;

  /**
   * A queue with nothing in it.
   *
   * @param table whose debts it takes
   * @param flush flushes a batch, and returns when that has completed
   * @param entries entries of a batch, positive
   * @param batches how many there are, open and sealed ones together, at least 2
   * @param maxDelayNanos the longest time from the first entry of a batch to its flush, if there is
   *     another operation or {@link #flushIfDue} is called; positive
   * @param freed told of each range when its flush has completed
   * @throws IllegalArgumentException if a number is not allowed
   */
  public IotlbFlushQueue(
      PageTable table,
      IotlbFlush flush,
      int entries,
      int batches,
      long maxDelayNanos,
      FreedRange freed) {
    checkAtLeast("entries", entries, 1);
    checkAtLeast("batches", batches, 2);
    checkAtLeast("maxDelayNanos", maxDelayNanos, 1);
    this.table = Objects.requireNonNull(table, "table must not be null");
    this.flush = Objects.requireNonNull(flush, "flush must not be null");
    this.freed = Objects.requireNonNull(freed, "freed must not be null");
    this.maxDelayNanos = maxDelayNanos;
    this.ring = new Batch[batches];
    for (int i = 0; i < batches; i++) {
      ring[i] = new Batch(table.newGather(true), entries);
    }
  }

  private static void checkAtLeast(String what, long value, long least) {
    if (value < least) {
      throw new IllegalArgumentException(
          "%s must be at least %d, %s=%d".formatted(what, least, what, value));
    }
  }

  // ---- the writer ----------------------------------------------------------------------------

  /**
   * Takes a range out of the table, as {@link PageTable#unmap}, and defers its flush.
   *
   * @param iova first address, a multiple of the smallest page
   * @param length bytes, a positive multiple of the smallest page
   * @return bytes that were mapped
   * @throws PageTableException as {@link PageTable#unmap}; nothing has changed then
   * @throws IllegalStateException if the queue is closed
   */
  public long unmap(long iova, long length) {
    enter();
    try {
      Batch batch = openWithRoom();
      long bytes = table.unmap(iova, length, batch.gather);
      add(batch, iova, length);
      return bytes;
    } finally {
      leave();
    }
  }

  /**
   * The gather of the open batch, for another operation of the table. {@link #owes} is to be called
   * next, by the same thread, also when the operation was refused.
   *
   * @return a gather that is not sealed before {@code owes}
   * @throws IllegalStateException if the queue is closed
   */
  public IotlbGather gather() {
    enter();
    try {
      return openWithRoom().gather;
    } catch (RuntimeException | Error e) {
      leave();
      throw e;
    }
  }

  /**
   * Ends what {@link #gather} began.
   *
   * @param iova first address of what is handed to the callback when the flush has completed
   * @param length its bytes, 0 if there is nothing to be told of
   */
  public void owes(long iova, long length) {
    try {
      add(open(), iova, length);
    } finally {
      leave();
    }
  }

  private void add(Batch batch, long iova, long length) {
    int entry = batch.entries++;
    if (entry == 0) {
      batch.openedNanos = System.nanoTime();
    }
    batch.iova[entry] = iova;
    batch.length[entry] = length;
    if (batch.entries == batch.iova.length) {
      seal(batch);
    }
  }

  private Batch open() {
    return ring[(int) (sealed % ring.length)];
  }

  /**
   * An open batch that is full is one whose sealing failed, with the flush that was to make room.
   */
  private Batch openWithRoom() {
    if (isClosed) {
      throw new IllegalStateException("the flush queue is closed");
    }
    Batch batch = open();
    if (batch.entries == batch.iova.length) {
      seal(batch);
      batch = open();
    }
    return batch;
  }

  /** Seals the open batch; before that it flushes the oldest one if there is no other to open. */
  private void seal(Batch batch) {
    long count = sealed;
    while (count + 1 - flushed == ring.length) {
      if (!flushSealed(count)) {
        Thread.onSpinWait(); // another thread is flushing it
      }
    }
    batch.gather.seal();
    sealed = count + 1;
  }

  private void enter() {
    while (!BUSY.compareAndSet(this, false, true)) {
      Thread.onSpinWait();
    }
  }

  private void leave() {
    BUSY.setRelease(this, false);
  }

  // ---- flushes -------------------------------------------------------------------------------

  /**
   * Flushes the oldest sealed batch, if there is one and no other thread is at it.
   *
   * @return whether a batch was flushed
   */
  public boolean flushSealed() {
    return flushSealed(sealed);
  }

  /**
   * Flushes the oldest batch if it is one of so many that were sealed first. Others may have
   * flushed more than those by now, up to the open batch.
   */
  boolean flushSealed(long count) {
    if (flushed >= count || !FLUSHING.compareAndSet(this, false, true)) {
      return false;
    }
    try {
      long oldest = flushed;
      if (oldest >= count) {
        return false;
      }
      settle(ring[(int) (oldest % ring.length)]);
      flushed = oldest + 1;
      return true;
    } finally {
      FLUSHING.setRelease(this, false);
    }
  }

  private void settle(Batch batch) {
    if (!batch.gather.isEmpty()) {
      flush.flush(table, batch.gather);
    }
    batch.gather.complete();
    int entries = batch.entries;
    batch.entries = 0;
    for (int i = 0; i < entries; i++) {
      if (batch.length[i] != 0) {
        freed.freed(batch.iova[i], batch.length[i]);
      }
    }
  }

  /**
   * Seals the open batch if its first entry is older than the longest delay, and flushes all that
   * is sealed. To be called now and then, by any thread.
   */
  public void flushIfDue() {
    enter();
    try {
      Batch batch = open();
      if (batch.entries != 0 && System.nanoTime() - batch.openedNanos >= maxDelayNanos) {
        seal(batch);
      }
    } finally {
      leave();
    }
    flushAllSealed();
  }

  /** Flushes everything that was owed when this was called, and returns when that has completed. */
  public void flush() {
    enter();
    try {
      Batch batch = open();
      if (batch.entries != 0) {
        seal(batch);
      }
    } finally {
      leave();
    }
    flushAllSealed();
  }

  private void flushAllSealed() {
    long count = sealed;
    while (flushed < count) {
      if (!flushSealed(count)) {
        Thread.onSpinWait();
      }
    }
  }

  /**
   * Entries whose flush has not completed.
   *
   * @return number of entries of the open batch and of all sealed ones
   */
  public long outstanding() {
    enter();
    try {
      long entries = 0;
      for (long i = flushed; i <= sealed; i++) {
        entries += ring[(int) (i % ring.length)].entries;
      }
      return entries;
    } finally {
      leave();
    }
  }

  /** {@return for a person: entries whose flush has not completed, and where they are} */
  @Override
  public String toString() {
    return "IotlbFlushQueue[%d entries outstanding, %d of %d batches sealed%s]"
        .formatted(outstanding(), sealed - flushed, ring.length, isClosed ? ", closed" : "");
  }

  /**
   * Flushes everything, and takes no more. If the flush throws, nothing is lost: closing it again
   * flushes what is left. Closing it when nothing is left does nothing.
   */
  @Override
  public void close() {
    enter();
    isClosed = true;
    leave();
    flush();
  }
}
