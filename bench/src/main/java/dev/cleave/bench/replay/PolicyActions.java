package dev.cleave.bench.replay;

import dev.cleave.engine.PageTableException;

/**
 * What a policy does when page states change. Ranges have been checked: whole pages of guest
 * memory.
 */
interface PolicyActions extends AutoCloseable {
  /** Pages become shared. */
  void share(long gpa, long length);

  /** Pages become private. */
  void unshare(long gpa, long length);

  /**
   * Memory is about to be mapped to the guest.
   *
   * @throws PageTableException OUT_OF_TABLE_MEMORY, if leaves around it would have to be split for
   *     that; nothing has changed
   */
  void populate(long gpa, long paddr, long length);

  /** Whether the log maps nothing of a range. */
  default boolean isFree(ReplayedSpace space, long iova, long length) {
    return space.isFree(iova, length);
  }

  /** The log maps a range: all of it or nothing. */
  void map(ReplayedSpace space, long iova, long paddr, long length, int access);

  /** The log unmaps a range; returns how many bytes it had mapped of it. */
  long unmap(ReplayedSpace space, long iova, long length);

  /** The log unmaps whatever it maps from one address to another; returns how many bytes. */
  long clear(ReplayedSpace space, long first, long last);

  /** Nothing changes for a while: what was put off is done now. */
  default void rest() {}

  /** Whether, since the last call, other regions than those of the events may have changed. */
  default boolean takeTidied() {
    return false;
  }

  @Override
  void close();
}
