package dev.cleave.engine.rmp;

import dev.cleave.engine.SizeRule;

/**
 * Where the pages of a guest lie in a table, if shared pages come from other memory than private
 * ones. An {@link RmpFollower} takes the pages that change out of the table, flushes, and then has
 * them mapped to where they lie from then on; all others keep translating.
 *
 * <p>The {@link RmpBitmap} of such a guest is made for pages that do not stay in place.
 */
public interface PageBacking {
  /**
   * Maps pages that have just changed their state. Nothing is mapped there, and the pages of the
   * table that were emptied are free again: as long as nobody else takes any, it does not run out
   * of table memory. If it throws it has mapped nothing, and is called again for the same pages
   * when the follower's call is made again.
   *
   * @param gpa first address, a multiple of 4096
   * @param length bytes, a positive multiple of 4096
   * @param areShared whether they are shared now
   * @param rule which leaf sizes are allowed where, by iova
   */
  void map(long gpa, long length, boolean areShared, SizeRule rule);

  /**
   * Whether a 2 MiB leaf could map a region while all of it is private.
   *
   * @param region its gpa, 2 MiB-aligned
   * @return false where its private pages do not lie in one piece
   */
  boolean isContiguous(long region);
}
