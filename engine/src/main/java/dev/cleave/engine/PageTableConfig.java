package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.tableLog2;

import dev.cleave.engine.format.EntryFormat;
import java.util.BitSet;

/**
 * What a page table is to be like. Immutable and thread-safe.
 *
 * @param format its entries
 * @param levels levels to start with, from the format's fewest to its most; the top grows when an
 *     iova needs it, if the format can
 * @param pageSizes the leaf sizes it may use, bit {@code s} for 2^s bytes; those that the format
 *     does not have are left out
 * @param iovaBits width of an iova, 12 to 64; where the top cannot grow, at most what the levels
 *     decode, to which a larger width is cut
 * @param outputBits width of an output address, at most the format's
 * @param signExtended whether the bits of an iova above its width repeat its highest, so that half
 *     of all iovas lie below 2^64; only where the top cannot grow, and with all that the levels
 *     decode
 */
public record PageTableConfig(
    EntryFormat format,
    int levels,
    long pageSizes,
    int iovaBits,
    int outputBits,
    boolean signExtended) {
  private static final int LINUX_LEVELS = 3;

  /**
   * Checks the parts against each other.
   *
   * @throws IllegalArgumentException if one is out of its range, or no page size is left
   */
  public PageTableConfig {
    if (levels < format.minLevels() || levels > format.maxLevels()) {
      throw new IllegalArgumentException(
          "levels must be %d to %d, levels=%d"
              .formatted(format.minLevels(), format.maxLevels(), levels));
    }
    if (iovaBits < PAGE_LOG2 || iovaBits > Long.SIZE) {
      throw new IllegalArgumentException("iovaBits must be 12 to 64, iovaBits=" + iovaBits);
    }
    if (!format.canGrow()) {
      iovaBits = Math.min(iovaBits, tableLog2(levels));
    }
    if (signExtended && (format.canGrow() || iovaBits != tableLog2(levels))) {
      throw new IllegalArgumentException(
          "sign-extended iovas need a top that does not grow and all that its levels decode,"
              + " format=%s, levels=%d, iovaBits=%d".formatted(format, levels, iovaBits));
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
   * All that a format can do, with three levels to start as Linux has them, or the format's fewest.
   *
   * @param format the format
   * @return a configuration
   */
  public static PageTableConfig of(EntryFormat format) {
    return new PageTableConfig(
        format,
        Math.max(LINUX_LEVELS, format.minLevels()),
        format.leafSizes(),
        Long.SIZE,
        format.outputBits(),
        false);
  }

  /**
   * The same with other levels to start with. An iova that was as wide as the levels of a fixed top
   * decode is so again.
   *
   * @param count number of levels
   * @return a configuration
   */
  public PageTableConfig withLevels(int count) {
    int width = iovaBits == tableLog2(levels) ? Long.SIZE : iovaBits;
    return new PageTableConfig(
        format, count, pageSizes, format.canGrow() ? iovaBits : width, outputBits, signExtended);
  }

  /**
   * The same with other leaf sizes.
   *
   * @param sizes a bitmap, bit {@code s} for 2^s bytes
   * @return a configuration
   */
  public PageTableConfig withPageSizes(long sizes) {
    return new PageTableConfig(format, levels, sizes, iovaBits, outputBits, signExtended);
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
    return new PageTableConfig(format, levels, pageSizes, iova, output, signExtended);
  }

  /**
   * The same with sign-extended iovas, as a guest table has them that a processor uses as well.
   *
   * @return a configuration
   */
  public PageTableConfig withSignExtension() {
    return new PageTableConfig(format, levels, pageSizes, iovaBits, outputBits, true);
  }

  /**
   * Where the iovas end that a range around one can reach.
   *
   * @param iova an iova of the table
   * @return the last of them: of all or, where they are sign-extended, of its half
   */
  public long lastIova(long iova) {
    if (signExtended && iova < 0) {
      return -1L;
    }
    return -1L >>> (Long.SIZE - (signExtended ? iovaBits - 1 : iovaBits));
  }

  /** {@return for a person: the leaf sizes as logarithms} */
  @Override
  public String toString() {
    return "PageTableConfig[%s, levels=%d, pageSizes=%s, iovaBits=%d, outputBits=%d%s]"
        .formatted(
            format,
            levels,
            BitSet.valueOf(new long[] {pageSizes}),
            iovaBits,
            outputBits,
            signExtended ? ", signExtended" : "");
  }

  /** Logarithm of the smallest page: every address and length is a multiple of it. */
  int granuleLog2() {
    return Long.numberOfTrailingZeros(pageSizes);
  }
}
