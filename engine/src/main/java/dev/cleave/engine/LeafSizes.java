package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.leafLevel;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.tableLog2;

/**
 * Which leaves a range is made of. A set of allowed sizes is a bitmap, bit {@code s} for 2^s bytes.
 *
 * <p>The layout of a range is the one that takes the largest leaf that fits at every step. It is
 * also the one in which every address lies in the largest leaf that fits around it: the two
 * definitions agree, so a range can be laid out from its start, or looked at from the middle.
 *
 * <p>Thread-safe: functions of their arguments.
 */
final class LeafSizes {
  /** Logarithm of a leaf of 1 GiB. */
  static final int LARGE_LOG2 = tableLog2(2);

  private LeafSizes() {}

  /** Whether a range is as long, and aligned, as one leaf could be. */
  static boolean isBlock(long first, long length) {
    return ((length | first) & (length - 1)) == 0;
  }

  /** The sizes of a set up to a limit. */
  static long upTo(int sizeLog2, long sizes) {
    return sizes & -1L >>> (Long.SIZE - 1 - sizeLog2);
  }

  /** The sizes of a set that leaves in a table of a level, or below it, can have. */
  static long inTable(int level, long sizes) {
    return upTo(Math.min(tableLog2(level), Long.SIZE) - 1, sizes);
  }

  /**
   * The largest leaf that can start at an address.
   *
   * @return logarithm of its bytes, or -1 when none fits
   */
  static int largestAt(long first, long last, long paddr, long sizes) {
    int aligned = Long.numberOfTrailingZeros(first | paddr); // 64 when both are 0
    long bytes = last - first + 1; // 0 stands for 2^64
    int fits = bytes == 0 ? Long.SIZE : Long.SIZE - 1 - Long.numberOfLeadingZeros(bytes);
    long candidates = upTo(Math.min(Math.min(aligned, fits), Long.SIZE - 1), sizes);
    return Long.SIZE - 1 - Long.numberOfLeadingZeros(candidates);
  }

  /**
   * How far leaves of the size that {@link #largestAt} chose go on before a larger one fits.
   *
   * @return the last address of the last of them
   */
  static long runLast(long first, long last, long paddr, int sizeLog2, long sizes) {
    long larger = sizes & (-2L << sizeLog2);
    if (larger != 0) {
      long mask = offsetMask(Long.numberOfTrailingZeros(larger));
      long next = (first + mask) & ~mask;
      boolean congruent = ((first - paddr) & mask) == 0;
      if (congruent
          && Long.compareUnsigned(next, first) > 0
          && Long.compareUnsigned(next, last) <= 0
          && Long.compareUnsigned(last - next, mask) >= 0) {
        return next - 1;
      }
    }
    return first + ((last - first + 1) & -(1L << sizeLog2)) - 1;
  }

  /**
   * The leaf around an address in the layout of a range.
   *
   * @param delta paddr minus iova, the same all over the range
   * @return logarithm of its bytes, or -1 when none fits
   */
  static int covering(long address, long first, long last, long delta, long sizes) {
    long candidates = upTo(Math.min(Long.numberOfTrailingZeros(delta), Long.SIZE - 1), sizes);
    while (candidates != 0) {
      int sizeLog2 = Long.SIZE - 1 - Long.numberOfLeadingZeros(candidates);
      long start = address & -(1L << sizeLog2);
      if (Long.compareUnsigned(start, first) >= 0
          && Long.compareUnsigned(start + offsetMask(sizeLog2), last) <= 0) {
        return sizeLog2;
      }
      candidates ^= 1L << sizeLog2;
    }
    return -1;
  }

  /**
   * Tables below a level that the layout of a range needs.
   *
   * @param topLevel tables of this level and above are not counted
   * @param continued whether the range before this one was counted: a table that both reach into is
   *     counted once
   */
  static long tables(
      long first, long last, long paddr, long sizes, int topLevel, boolean continued) {
    long tables = 0;
    long at = first;
    long target = paddr;
    boolean shared = continued;
    while (true) {
      int sizeLog2 = largestAt(at, last, target, sizes);
      long end = runLast(at, last, target, sizeLog2, sizes);
      for (int level = leafLevel(sizeLog2); level < topLevel; level++) {
        int log2 = tableLog2(level);
        tables += (end >>> log2) - (at >>> log2) + 1;
        if (shared && (at - 1) >>> log2 == at >>> log2) {
          tables--;
        }
      }
      if (end == last) {
        return tables;
      }
      shared = true;
      target += end + 1 - at;
      at = end + 1;
    }
  }
}
