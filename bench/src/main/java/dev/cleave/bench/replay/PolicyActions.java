package dev.cleave.bench.replay;

import dev.cleave.engine.SizeRule;

/**
 * What a policy does when page states change. Ranges have been checked: whole pages of guest
 * memory.
 */
interface PolicyActions extends AutoCloseable {
  /** Pages become shared. */
  void share(long gpa, long length);

  /** Pages become private. */
  void unshare(long gpa, long length);

  /** Memory is about to be mapped to the guest. */
  void populate(long gpa, long paddr, long length);

  /** Which leaf sizes a map may use. */
  SizeRule rule();

  /** Nothing changes for a while: what was put off is done now. */
  default void rest() {}

  /** Whether, since the last call, other regions than those of the events may have changed. */
  default boolean takeTidied() {
    return false;
  }

  @Override
  void close();
}
