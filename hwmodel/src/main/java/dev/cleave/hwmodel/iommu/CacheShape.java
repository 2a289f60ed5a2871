package dev.cleave.hwmodel.iommu;

/**
 * The size of a set-associative cache.
 *
 * @param setsLog2 log2 of its sets, 0 to 20
 * @param ways entries in a set, 0 to 64; 0 for no cache at all
 */
public record CacheShape(int setsLog2, int ways) {
  /** No cache. */
  public static final CacheShape NONE = new CacheShape(0, 0);

  /** Checks that such a cache can be built. */
  public CacheShape {
    if (setsLog2 < 0 || setsLog2 > 20 || ways < 0 || ways > 64) {
      throw new IllegalArgumentException(
          "a cache must have 2^0 to 2^20 sets of 0 to 64 ways, log2 of sets=%d, ways=%d"
              .formatted(setsLog2, ways));
    }
  }
}
