package dev.cleave.engine.kernel;

import java.lang.foreign.MemorySegment;

/**
 * What is done to many entries at once. An entry is a little-endian 8-byte word at an 8-byte
 * aligned offset of a segment; every store of one is a single 8-byte store.
 *
 * <p>Implementations are stateless and thread-safe, as far as the words they are given are. Offsets
 * are in bytes, counts in entries; a count of 0 is allowed everywhere.
 */
public interface TableKernels {
  /**
   * Writes a progression: word {@code i} becomes {@code first + (i >> replicasLog2) * step}.
   *
   * @param segment the memory
   * @param offset of the first word
   * @param count number of words
   * @param first value of the first word
   * @param step from one value to the next
   * @param replicasLog2 logarithm of the number of words that hold each value
   */
  void fill(MemorySegment segment, long offset, int count, long first, long step, int replicasLog2);

  /**
   * Writes zeros.
   *
   * @param segment the memory
   * @param offset of the first word
   * @param count number of words
   */
  void zero(MemorySegment segment, long offset, int count);

  /**
   * Counts the words that have any bit of a mask.
   *
   * @param segment the memory
   * @param offset of the first word
   * @param count number of words
   * @param mask the bits to look at
   * @return 0 to {@code count}
   */
  int countAny(MemorySegment segment, long offset, int count, long mask);

  /**
   * Whether the words are the progression that {@link #fill} would have written, some bits aside.
   *
   * @param segment the memory
   * @param offset of the first word
   * @param count number of words
   * @param first value of the first word
   * @param step from one value to the next
   * @param replicasLog2 logarithm of the number of words that hold each value
   * @param ignored bits that do not matter
   * @return true when every word agrees
   */
  boolean isProgression(
      MemorySegment segment,
      long offset,
      int count,
      long first,
      long step,
      int replicasLog2,
      long ignored);

  /**
   * ORs all words together.
   *
   * @param segment the memory
   * @param offset of the first word
   * @param count number of words
   * @return every bit that is set in any of them
   */
  long or(MemorySegment segment, long offset, int count);
}
