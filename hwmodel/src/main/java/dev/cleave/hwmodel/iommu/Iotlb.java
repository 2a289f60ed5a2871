package dev.cleave.hwmodel.iommu;

/**
 * The cache of translations: tagged by domain (and PASID), shared by all devices, of several entry
 * sizes. Only what translated is ever kept. A kept translation remembers whether A and D were set.
 *
 * <pre>
 *  51                         12 11   10 9          4   3   2   1   0
 * +-----------------------------+-------+------------+---+---+---+---+
 * | output address of the range |   0   | log2 bytes | D | A | W | R |
 * +-----------------------------+-------+------------+---+---+---+---+
 * </pre>
 *
 * <p>For the hardware's thread only.
 */
final class Iotlb {
  /** Flags of a translation: the low two are {@link Permission} bits. */
  static final int ACCESSED = 1 << 2;

  static final int DIRTY = 1 << 3;

  private static final int LOG2_SHIFT = 4;
  private static final int LOG2_MASK = 63;
  private static final long ADDRESS = 0x000f_ffff_ffff_f000L;

  private final TranslationCache cache;
  private final long sizes;

  Iotlb(IommuConfig config, boolean snp) {
    this.cache = new TranslationCache(config.iotlb());
    // With SNP a leaf is checked and cached as 4 KiB below 2 MiB, and in 2 MiB pieces from there.
    this.sizes = snp ? 1L << 12 | 1L << 21 : config.iotlbSizes();
  }

  /** The translation of an address, or 0. */
  long find(long tag, long iova) {
    for (long left = cache.populated(); left != 0; left &= left - 1) {
      long found = cache.find(tag, iova, Long.numberOfTrailingZeros(left));
      if (found != 0) {
        return found;
      }
    }
    return 0;
  }

  /** Keeps the piece around an address of a leaf of 2^leafLog2 bytes. */
  void put(long tag, long iova, long paddr, int leafLog2, int flags) {
    int log2 = 63 - Long.numberOfLeadingZeros(sizes & ((2L << leafLog2) - 1));
    long base = paddr & (-1L << log2);
    cache.put(tag, iova, log2, base | (long) log2 << LOG2_SHIFT | flags);
  }

  /** Drops a tag's translations inside a range; returns how many. */
  int invalidate(long tag, long start, int rangeLog2) {
    return cache.dropInside(tag, start, rangeLog2);
  }

  /** Drops all translations into a range of system physical addresses; returns how many. */
  int invalidateOutput(long spa, int rangeLog2) {
    return cache.dropValues(spa, rangeLog2);
  }

  /** Drops everything; returns how much. */
  int clear() {
    return cache.clear();
  }

  static int log2(long translation) {
    return (int) (translation >>> LOG2_SHIFT) & LOG2_MASK;
  }

  /** Where an address of the range goes. */
  static long output(long translation, long iova) {
    return (translation & ADDRESS) | (iova & ~(-1L << log2(translation)));
  }
}
