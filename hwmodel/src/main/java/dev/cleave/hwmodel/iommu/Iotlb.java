package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.cpu.X86Entry;

/**
 * The cache of translations: tagged by domain, PASID, GN and guest, shared by all devices, of
 * several entry sizes. Only what translated is ever kept. A kept translation remembers what each
 * stage allows and whether A and D were set.
 *
 * <pre>
 *  59 58    57   56 55 54  52 51                        12 11 10 9        4   3   2   1   0
 * +--+-----+-----+-----+------+---------------------------+-----+----------+---+---+---+---+
 * | C|LARGE|GUEST|  0  |guest |        output address     |  0  |log2 bytes| D | A | W | R |
 * |  |     |  D  |     |rights|        of the range       |     |          |   |   |   |   |
 * +--+-----+-----+-----+------+---------------------------+-----+----------+---+---+---+---+
 * </pre>
 *
 * <p>R, W, A, D are the host table's, all set where there is none; guest rights are those of {@link
 * X86Entry} and zero without a guest table. LARGE: the host leaf has 2 MiB or more, whatever the
 * size of this entry; the RMP wants to know. C: a trusted device's guest table says private;
 * without a guest table the tag tells it.
 *
 * <p>For the hardware's thread only.
 */
final class Iotlb {
  /** Flags of a translation: the low two are {@link Permission} bits. */
  static final int ACCESSED = 1 << 2;

  static final int DIRTY = 1 << 3;

  /** D of the guest leaf is set; its A always is. */
  static final long GUEST_DIRTY = 1L << 57;

  private static final long LARGE = 1L << 58;
  private static final long PRIVATE = 1L << 59;
  private static final int LARGE_LOG2 = 21;
  private static final int RIGHTS_SHIFT = 52;
  private static final int LOG2_SHIFT = 4;
  private static final int LOG2_MASK = 63;
  private static final long ADDRESS = 0x000f_ffff_ffff_f000L;

  /** What stands for a host table where there is none. */
  static final long IDENTITY = compose(0, 63, Permission.ALL | ACCESSED | DIRTY);

  private final TranslationCache cache;
  private final long sizes;

  Iotlb(IommuConfig config, boolean snp) {
    this.cache = new TranslationCache(config.iotlb());
    // With SNP a leaf is checked and cached as 4 KiB below 2 MiB, and in 2 MiB pieces from there.
    this.sizes = snp ? 1L << 12 | 1L << LARGE_LOG2 : config.iotlbSizes();
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

  /** Where the translation of an address is, or -1; good until the next put. */
  int locate(long tag, long iova) {
    for (long left = cache.populated(); left != 0; left &= left - 1) {
      int at = cache.locate(tag, iova, Long.numberOfTrailingZeros(left));
      if (at >= 0) {
        return at;
      }
    }
    return -1;
  }

  /** A located translation. */
  long translation(int at) {
    return cache.value(at);
  }

  /** What the guest table made of an address of a located translation. */
  long gpa(int at, long iova) {
    return cache.source(at) | (iova & ~(-1L << log2(cache.value(at))));
  }

  /** Keeps the piece around an address of a host leaf of 2^leafLog2 bytes; returns what it is. */
  long put(long tag, long iova, long paddr, int leafLog2, int flags) {
    int log2 = pieceLog2(leafLog2);
    long large = leafLog2 >= LARGE_LOG2 ? LARGE : 0;
    long translation = compose(paddr, log2, flags) | large;
    cache.put(tag, iova, log2, translation);
    return translation;
  }

  /**
   * Keeps the piece around an address of a guest leaf, which is no larger than the host leaf under
   * it.
   *
   * @param guest rights, GUEST_DIRTY and whether it is private
   * @param host the host's translation of the gpa
   */
  void putGuest(long tag, long iova, long gpa, long paddr, int leafLog2, long guest, long host) {
    int log2 = pieceLog2(Math.min(leafLog2, log2(host)));
    long flags = host & (Permission.ALL | ACCESSED | DIRTY | LARGE);
    cache.put(tag, iova, log2, compose(paddr, log2, 0) | flags | guest, gpa);
  }

  private int pieceLog2(int leafLog2) {
    return 63 - Long.numberOfLeadingZeros(sizes & ((2L << leafLog2) - 1));
  }

  private static long compose(long paddr, int log2, int flags) {
    return (paddr & ADDRESS & (-1L << log2)) | (long) log2 << LOG2_SHIFT | flags;
  }

  /** Drops a domain's host translations inside a range, and what guest tables made of them. */
  int invalidateHost(int domainId, long start, int rangeLog2) {
    return cache.dropInside(CacheTag.host(domainId), CacheTag.HOST_MASK, start, rangeLog2, true);
  }

  /** Drops a PASID's guest translations inside a range; returns how many. */
  int invalidateGuest(int domainId, int pasid, long start, int rangeLog2) {
    return cache.dropInside(
        CacheTag.guest(domainId, pasid, true), CacheTag.GUEST_MASK, start, rangeLog2, false);
  }

  /** Drops all translations into a range of system physical addresses; returns how many. */
  int invalidateOutput(long spa, int rangeLog2) {
    return cache.dropValues(ADDRESS, spa, rangeLog2);
  }

  /** Drops everything; returns how much. */
  int clear() {
    return cache.clear();
  }

  static int log2(long translation) {
    return (int) (translation >>> LOG2_SHIFT) & LOG2_MASK;
  }

  /** Whether the host leaf has 2 MiB or more. */
  static boolean isLarge(long translation) {
    return (translation & LARGE) != 0;
  }

  /** Where an address of the range goes. */
  static long output(long translation, long iova) {
    return (translation & ADDRESS) | (iova & ~(-1L << log2(translation)));
  }

  /** Whether a guest table says private. */
  static boolean isPrivate(long translation) {
    return (translation & PRIVATE) != 0;
  }

  /** What a guest table says of private, as a flag of a translation. */
  static long privateFlag(boolean isPrivate) {
    return isPrivate ? PRIVATE : 0;
  }

  /** Guest rights as flags of a translation. */
  static long guestRights(int rights) {
    return (long) rights << RIGHTS_SHIFT;
  }
}
