package dev.cleave.engine.kernel;

import java.lang.foreign.MemorySegment;

/**
 * What is done to many words at once: the entries of a table, or the bits of a bitmap.
 *
 * <p>A word is eight bytes, little-endian, at an 8-byte aligned offset of a segment whose own start
 * is 8-byte aligned. Offsets are in bytes, counts in words; a count of 0 is allowed everywhere.
 * Nothing outside the words that were named is written, and no word that was named is written
 * twice.
 *
 * <h2>Words are never torn</h2>
 *
 * <p>Whoever reads a table beside a kernel, hardware included, sees each word as it was or as it
 * becomes. A plain kernel stores words by single 8-byte stores. A vector kernel, and a plain loop
 * that the compiler made vectors of, stores several words by one instruction. Neither Java nor the
 * instruction sets promise that such a store is one; what holds is that it falls apart only between
 * its elements. Arm says so for every vector store whose elements are aligned. x86 promises it for
 * each aligned 8-byte piece in practice: a core splits a store at cache lines at most, and an
 * aligned word never lies across two; HotSpot itself relies on that where it vectorises loops over
 * Java arrays, whose elements may not tear either. A zeroing through {@link MemorySegment#fill}
 * would do as well: it stores units as large as the alignment of the range.
 *
 * <p>The order in which words of one call appear is open. Who publishes a table orders that by a
 * release store behind the call.
 *
 * <p>Implementations are thread-safe, as far as the words they are given are.
 */
public interface TableKernels {
  /** What {@link #progressionBits} returns for words that are no progression. */
  long NO_PROGRESSION = -1;

  /** Words of a table. */
  int TABLE_WORDS = 512;

  /** Words of the bitmap that hold one bit for each 4 KiB page of a 2 MiB region. */
  int REGION_WORDS = 8;

  /**
   * Writes a progression: word {@code i} becomes {@code first + (i >> replicasLog2) * step}.
   *
   * @param segment the memory
   * @param offset of the first word
   * @param count number of words
   * @param first value of the first word
   * @param step from one value to the next
   * @param replicasLog2 logarithm of the number of words that hold each value, 0 to 30
   */
  void fill(MemorySegment segment, long offset, int count, long first, long step, int replicasLog2);

  /**
   * Writes one value to all words.
   *
   * @param segment the memory
   * @param offset of the first word
   * @param count number of words
   * @param value of each word
   */
  void replicate(MemorySegment segment, long offset, int count, long value);

  /**
   * Writes zeros.
   *
   * @param segment the memory
   * @param offset of the first word
   * @param count number of words
   */
  void zero(MemorySegment segment, long offset, int count);

  /**
   * Whether any word has a bit of a mask: any present.
   *
   * @param segment the memory
   * @param offset of the first word
   * @param count number of words
   * @param mask the bits to look at
   * @return false when all words are without
   */
  boolean anyHas(MemorySegment segment, long offset, int count, long mask);

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
   * Whether the words are the progression that {@link #fill} would have written, some bits aside,
   * and what those bits are: one look at a table that is to become one leaf, replicas of sized
   * leaves included, finds both whether it may and what status it has.
   *
   * @param segment the memory
   * @param offset of the first word
   * @param count number of words
   * @param first value of the first word
   * @param step from one value to the next
   * @param replicasLog2 logarithm of the number of words that hold each value, 0 to 30
   * @param ignored bits that do not matter, not all
   * @return the ignored bits that any word has, or {@link #NO_PROGRESSION}
   */
  long progressionBits(
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

  /**
   * Finds which words have a bit: gathers dirty entries into words of a bitmap.
   *
   * @param segment the memory
   * @param offset of the first word
   * @param count number of words, 0 to {@value #TABLE_WORDS}
   * @param mask the one bit to look at
   * @param found gets bit {@code i} when word {@code i} has it, and zeros for words behind the
   *     last, up to the next multiple of 64
   * @param place where in {@code found} the bits of the first word go, a multiple of 64
   */
  void gather(
      MemorySegment segment, long offset, int count, long mask, GatheredBits found, int place);

  /**
   * Does what {@link #gather} does for two runs of tables, as many in each, which may be one and
   * the same. They are read side by side: memory comes faster so, and few words have the bit.
   *
   * @param segment the memory
   * @param first offset of the first run
   * @param second offset of the second
   * @param tables number of tables of each, one behind the other, 1 to 32
   * @param mask the one bit to look at
   * @param found gets a bit for each word of both
   * @param firstPlace where in {@code found} those of the first run go, a multiple of 64
   * @param secondPlace where those of the second go, likewise
   */
  void gatherTables(
      MemorySegment segment,
      long first,
      long second,
      int tables,
      long mask,
      GatheredBits found,
      int firstPlace,
      int secondPlace);

  /**
   * Which regions of a bitmap are uniform. A region is {@value #REGION_WORDS} words, 512 bits: one
   * for each of its 4 KiB pages. With 1 for a shared page, {@code (-1, 0)} asks which regions are
   * all shared, {@code (0, -1)} which are all private, {@code (-1, -1)} which are not mixed, and
   * {@code (-1, large)} where leaves of 2 MiB are legal ({@code docs/spec/rmp.md} §3).
   *
   * @param bits the memory
   * @param offset of the first region
   * @param regions number of regions, 0 to 64
   * @param whereSet bit {@code r}: region {@code r} counts when all its bits are 1
   * @param whereClear bit {@code r}: region {@code r} counts when all its bits are 0
   * @return bit {@code r} is 1 when region {@code r} counts; those behind the last are 0
   */
  long uniformRegions(MemorySegment bits, long offset, int regions, long whereSet, long whereClear);
}
