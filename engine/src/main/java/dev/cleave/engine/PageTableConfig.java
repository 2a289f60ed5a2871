package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;

import dev.cleave.engine.format.EntryFormat;

/**
 * What a page table is to be like. Immutable and thread-safe.
 *
 * @param format its entries
 * @param levels levels to start with, 1 to the format's most; the top grows when an iova needs it
 * @param pageSizes the leaf sizes it may use, bit {@code s} for 2^s bytes; those that the format
 *     does not have are left out
 * @param iovaBits width of an iova, 12 to 64
 * @param outputBits width of an output address, at most the format's
 */
public record PageTableConfig(
    EntryFormat format, int levels, long pageSizes, int iovaBits, int outputBits) {
  private static final int LINUX_LEVELS = 3;

  /**
   * Checks the parts against each other.
   *
   * @throws IllegalArgumentException if one is out of its range, or no page size is left
   */
  public PageTableConfig {
    if (levels < 1 || levels > format.maxLevels()) {
      throw new IllegalArgumentException(
          "levels must be 1 to %d, levels=%d".formatted(format.maxLevels(), levels));
    }
    if (iovaBits < PAGE_LOG2 || iovaBits > Long.SIZE) {
      throw new IllegalArgumentException("iovaBits must be 12 to 64, iovaBits=" + iovaBits);
    }
    if (outputBits < PAGE_LOG2 || outputBits > format.outputBits()) {
      throw new IllegalArgumentException(
          "outputBits must be 12 to %d, outputBits=%d".formatted(format.outputBits(), outputBits));
    }
    if ((pageSizes & format.leafSizes()) == 0) {
      throw new IllegalArgumentException(
          "pageSizes must hold a leaf size of %s, pageSizes=0x%x".formatted(format, pageSizes));
    }
    pageSizes &= format.leafSizes();
  }

  /**
   * All that a format can do, with three levels to start as Linux has them.
   *
   * @param format the format
   * @return a configuration
   */
  public static PageTableConfig of(EntryFormat format) {
    return new PageTableConfig(
        format, LINUX_LEVELS, format.leafSizes(), Long.SIZE, format.outputBits());
  }

  /**
   * The same with other levels to start with.
   *
   * @param count number of levels
   * @return a configuration
   */
  public PageTableConfig withLevels(int count) {
    return new PageTableConfig(format, count, pageSizes, iovaBits, outputBits);
  }

  /**
   * The same with other leaf sizes.
   *
   * @param sizes a bitmap, bit {@code s} for 2^s bytes
   * @return a configuration
   */
  public PageTableConfig withPageSizes(long sizes) {
    return new PageTableConfig(format, levels, sizes, iovaBits, outputBits);
  }

  /**
   * The same without leaves above a limit.
   *
   * @param sizeLog2 logarithm of the largest leaf's bytes
   * @return a configuration
   */
  public PageTableConfig withLargestLeaf(int sizeLog2) {
    return withPageSizes(LeafSizes.upTo(sizeLog2, pageSizes));
  }

  /**
   * The same with other address widths.
   *
   * @param iova width of an iova in bits
   * @param output width of an output address in bits
   * @return a configuration
   */
  public PageTableConfig withWidths(int iova, int output) {
    return new PageTableConfig(format, levels, pageSizes, iova, output);
  }

  /** Logarithm of the smallest page: every address and length is a multiple of it. */
  int granuleLog2() {
    return Long.numberOfTrailingZeros(pageSizes);
  }
}
