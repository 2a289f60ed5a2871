package dev.cleave.engine;

import java.util.Arrays;

/**
 * Orders operations whose ranges overlap, for callers who do not order them by themselves: whoever
 * has locked a range has it alone, while others go on in other ranges.
 *
 * <p>It is fair: who comes later to a range never overtakes one who waits for a part of it, so that
 * nobody waits forever; those whose ranges are free of all earlier ones do not wait. It is not
 * reentrant: who locks a range that overlaps one it has waits for itself. Who locks several ranges
 * takes them in ascending order, or two such may wait for each other.
 *
 * <p>Nothing is allocated, but when more threads are in it at once than ever before. Thread-safe.
 */
public final class RangeLock {
  private static final int FEW = 8;

  /** All that have a range or wait for one; 0 is a free slot. Guarded by this. */
  private long[] tickets = new long[FEW];

  private long[] first = new long[FEW];
  private long[] last = new long[FEW];
  private long latestTicket;

  /** Makes a lock with no range locked. */
  public RangeLock() {}

  /**
   * Waits until nobody who came before has any of a range, and takes it. An interrupt does not end
   * the wait; it is kept for the caller.
   *
   * @param iova first address
   * @param length bytes, not 0; the range may end at 2^64
   * @return what {@link #unlock} wants
   * @throws IllegalArgumentException if the range is empty or passes 2^64
   */
  public synchronized int lock(long iova, long length) {
    long end = iova + length - 1;
    if (length == 0 || Long.compareUnsigned(end, iova) < 0) {
      throw new IllegalArgumentException(
          "a range to lock must not be empty and end at or below 2^64, iova=0x%x, length=0x%x"
              .formatted(iova, length));
    }
    int slot = freeSlot();
    tickets[slot] = ++latestTicket;
    first[slot] = iova;
    last[slot] = end;
    boolean wasInterrupted = false;
    while (mustWait(slot)) {
      try {
        wait();
      } catch (InterruptedException e) {
        wasInterrupted = true;
      }
    }
    if (wasInterrupted) {
      Thread.currentThread().interrupt();
    }
    return slot;
  }

  private int freeSlot() {
    for (int slot = 0; slot < tickets.length; slot++) {
      if (tickets[slot] == 0) {
        return slot;
      }
    }
    int slot = tickets.length;
    tickets = Arrays.copyOf(tickets, 2 * slot);
    first = Arrays.copyOf(first, 2 * slot);
    last = Arrays.copyOf(last, 2 * slot);
    return slot;
  }

  /** Whether somebody who came earlier has, or waits for, a part of the range. */
  private boolean mustWait(int slot) {
    for (int other = 0; other < tickets.length; other++) {
      if (tickets[other] != 0
          && tickets[other] < tickets[slot]
          && Long.compareUnsigned(first[other], last[slot]) <= 0
          && Long.compareUnsigned(first[slot], last[other]) <= 0) {
        return true;
      }
    }
    return false;
  }

  /**
   * Gives a range up.
   *
   * @param held what {@link #lock} returned
   * @throws IllegalArgumentException if nothing is locked under that number
   */
  public synchronized void unlock(int held) {
    if (held < 0 || held >= tickets.length || tickets[held] == 0) {
      throw new IllegalArgumentException("only what lock() returned can be unlocked, held=" + held);
    }
    tickets[held] = 0;
    notifyAll();
  }
}
