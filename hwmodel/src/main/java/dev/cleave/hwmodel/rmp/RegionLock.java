package dev.cleave.hwmodel.rmp;

import dev.cleave.hwmodel.memory.PhysicalMemory;

/** The lock bit of a region's head, which guards the entries of all its 512 pages. */
final class RegionLock {
  private RegionLock() {}

  /** Takes it without waiting: who finds it taken reports FAIL_IN_USE. */
  static boolean tryTake(PhysicalMemory memory, long headAddress) {
    long head = memory.getLong(headAddress);
    return (head & RmpEntry.LOCK) == 0
        && memory.compareAndSetLong(headAddress, head, head | RmpEntry.LOCK);
  }

  /** Writes the head and gives the lock back by the same store. */
  static void release(PhysicalMemory memory, long headAddress, long head) {
    memory.setLong(headAddress, head & ~RmpEntry.LOCK);
  }
}
