package dev.cleave.hwmodel.iommu;

/**
 * The cache of directory entries: which table translates an aligned range, and what the directories
 * above it allow. A walk begins at the lowest table it finds here. Of a guest table its top is kept
 * too, so that the GCR3 table need not be read again, and table addresses are guest physical: they
 * go through the host table each time they are used.
 *
 * <pre>
 *  54  52 51                  12 11       3   2   1   0
 * +------+----------------------+---------+---+---+---+
 * |guest |    table address     |    0    | A | W | R |
 * |rights|                      |         |   |   |   |
 * +------+----------------------+---------+---+---+---+
 * </pre>
 *
 * <p>R and W are the host directories' and never both clear; guest directories have all three low
 * bits set.
 *
 * <p>For the hardware's thread only.
 */
final class DirectoryCache {
  /** The directories on the way have A set. */
  static final int ACCESSED = 1 << 2;

  private static final int RIGHTS_SHIFT = 52;
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

  /** Keeps a guest's table with the rights of the path to it. */
  void putGuest(long tag, long iova, int level, long table, int rights) {
    long flags = (long) rights << RIGHTS_SHIFT | Permission.ALL | ACCESSED;
    cache.put(tag, iova, HostEntry.coverLog2(level + 1), table | flags);
  }

  /** Drops a domain's host directories for a range; returns how many. */
  int invalidateHost(int domainId, long start, int rangeLog2) {
    return invalidate(CacheTag.host(domainId), CacheTag.DIRECTORY_MASK, start, rangeLog2);
  }

  /** Drops a PASID's guest directories for a range; returns how many. */
  int invalidateGuest(int domainId, int pasid, long start, int rangeLog2) {
    return invalidate(CacheTag.guest(domainId, pasid, true), CacheTag.GUEST_MASK, start, rangeLog2);
  }

  private int invalidate(long tag, long mask, long start, int rangeLog2) {
    return largeSurvive
        ? cache.dropInside(tag, mask, start, rangeLog2, false)
        : cache.dropTouching(tag, mask, start, rangeLog2);
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

  static int rights(long directory) {
    return (int) (directory >>> RIGHTS_SHIFT);
  }

  static boolean isAccessed(long directory) {
    return (directory & ACCESSED) != 0;
  }
}
