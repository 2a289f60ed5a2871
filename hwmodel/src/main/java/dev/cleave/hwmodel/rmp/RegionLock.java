package dev.cleave.hwmodel.rmp;

import dev.cleave.hwmodel.memory.PhysicalMemory;

/**
 * The lock bit of a region's head, which guards the entries of all its 512 pages.
 *
 * <p>On real parts the bit stands for good in entries that are immutable, and is no lock there. So
 * whoever holds the lock of an immutable head shows it as mutable meanwhile: lock without immutable
 * is held, lock with immutable is not.
 */
final class RegionLock {
  /** In place of a head: somebody holds the lock. No free head looks like this. */
  static final long HELD = RmpEntry.LOCK;

  private RegionLock() {}

  /**
   * Takes it without waiting: who finds it taken reports FAIL_IN_USE.
   *
   * @return the head as it was, with the lock bit if that stands there for good; or {@link #HELD}
   */
  static long tryTake(PhysicalMemory memory, long headAddress) {
    long head = memory.getLong(headAddress);
    return !RmpEntry.isLocked(head)
            && memory.compareAndSetLong(
                headAddress, head, (head & ~RmpEntry.IMMUTABLE) | RmpEntry.LOCK)
        ? head
        : HELD;
  }

  /** Writes the head and gives the lock back by the same store. */
  static void release(PhysicalMemory memory, long headAddress, long head) {
    memory.setLong(headAddress, RmpEntry.unlocked(head));
  }
}
