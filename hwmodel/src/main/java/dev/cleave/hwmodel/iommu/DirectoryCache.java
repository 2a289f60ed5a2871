package dev.cleave.hwmodel.iommu;

/**
 * The cache of directory entries: which table translates an aligned range, and what the directories
 * above it allow, which is never nothing. A walk begins at the lowest table it finds here.
 *
 * <pre>
 *  51                  12 11       3   2   1   0
 * +----------------------+---------+---+---+---+
 * |    table address     |    0    | A | W | R |
 * +----------------------+---------+---+---+---+
 * </pre>
 *
 * <p>For the hardware's thread only.
 */
final class DirectoryCache {
  /** The directories on the way have A set. */
  static final int ACCESSED = 1 << 2;

  private static final long ADDRESS = 0x000f_ffff_ffff_f000L;

  private final TranslationCache cache;
  private final boolean largeSurvive;

  DirectoryCache(IommuConfig config) {
    this.cache = new TranslationCache(config.directories());
    this.largeSurvive = config.largeDirectoriesSurvive();
  }

  /** Whether there is anything to be found. */
  boolean isEmpty() {
    return cache.populated() == 0;
  }

  /** What is known of the table of a level for an address, or 0. */
  long find(long tag, long iova, int level) {
    return cache.find(tag, iova, HostEntry.coverLog2(level + 1));
  }

  void put(long tag, long iova, int level, long table, int flags) {
    cache.put(tag, iova, HostEntry.coverLog2(level + 1), table | flags);
  }

  /** Drops a tag's directories for a range; returns how many. */
  int invalidate(long tag, long start, int rangeLog2) {
    return largeSurvive
        ? cache.dropInside(tag, start, rangeLog2)
        : cache.dropTouching(tag, start, rangeLog2);
  }

  /** Drops everything; returns how much. */
  int clear() {
    return cache.clear();
  }

  static long table(long directory) {
    return directory & ADDRESS;
  }

  static int permissions(long directory) {
    return (int) directory & Permission.ALL;
  }

  static boolean isAccessed(long directory) {
    return (directory & ACCESSED) != 0;
  }
}
