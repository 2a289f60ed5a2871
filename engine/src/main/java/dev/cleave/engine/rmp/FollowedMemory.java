package dev.cleave.engine.rmp;

import dev.cleave.engine.PageTableException;

/**
 * Guest memory as devices or processors reach it, by one table or by several alike: what an {@link
 * RmpFollower} keeps in step with the RMP. It has the rule of the follower's bitmap, whose state
 * the follower changes first, and is told what to do by gpa; ranges are whole regions but where it
 * is said.
 *
 * <p>What throws is called again with the same arguments, unless all is taken back, and goes on
 * where it stood: nothing is lost, and nothing done twice.
 *
 * <p>For each change: {@link #reserve} or not, {@link #exchange} or not, then {@link #split} and
 * {@link #moved}, or {@link #unreserve}; and then any number of {@link #mergeAround}. One thread at
 * a time.
 */
public interface FollowedMemory extends AutoCloseable {
  /**
   * Reserves what {@link #split} takes.
   *
   * @param gpa first address
   * @param bytes positive
   * @throws PageTableException OUT_OF_TABLE_MEMORY; nothing has changed, nothing is reserved
   */
  void reserve(long gpa, long bytes);

  /** Gives back what was reserved. */
  void unreserve();

  /**
   * Splits the leaves that the rule forbids.
   *
   * @param gpa first address, as reserved if it was
   * @param bytes likewise
   * @throws PageTableException OUT_OF_TABLE_MEMORY, if it was not reserved; nothing has changed
   */
  void split(long gpa, long bytes);

  /**
   * Whether what {@link #split} or {@link #moved} did can be seen, and {@code moved} has not ended
   * it: leaves are split, or pages of the change are to lie elsewhere.
   *
   * @return false if {@link #unreserve} leaves all as it was
   */
  boolean isChanging();

  /**
   * Flushes what was split, and moves the pages of the change to where they lie from now on, if
   * they do not stay in place.
   *
   * @param gpa first address of the change, a multiple of 4096
   * @param bytes of the change, a positive multiple of 4096
   * @param areShared whether its pages are shared now
   */
  void moved(long gpa, long bytes, boolean areShared);

  /**
   * Has the port replace the leaf of a region by a table and, in the same step, its 2 MiB RMP entry
   * by 512 of 4 KiB. What was reserved is not to be counted on afterwards.
   *
   * @param region its gpa
   * @param port whose {@link RmpPort#exchange} is called, once at most
   * @return false if neither has been replaced, as here always
   * @throws PageTableException OUT_OF_TABLE_MEMORY; nothing has changed that can be seen
   */
  default boolean exchange(long region, RmpPort port) {
    return false;
  }

  /**
   * Whether leaves that are legal under a 2 MiB entry stand in a region, or can be made there. What
   * maps only a part of the region, or in pieces, needs entries of 4 KiB.
   *
   * @param region its gpa
   * @param asItStands whether leaves that could be merged do not count
   * @return true also where nothing is mapped
   */
  boolean canHaveLargeLeaf(long region, boolean asItStands);

  /**
   * Merges a range, and the larger leaves around it that this makes possible; then flushes.
   *
   * @param gpa first address, a multiple of 4096
   * @param bytes a positive multiple of 4096
   */
  void mergeAround(long gpa, long bytes);

  /**
   * Ends the following; what is owed is flushed. Ending it again flushes what is still owed, if it
   * can, and else does nothing.
   */
  @Override
  void close();
}
