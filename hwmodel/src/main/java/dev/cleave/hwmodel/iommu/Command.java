package dev.cleave.hwmodel.iommu;

/**
 * A command: 16 bytes, two words q0 and q1, the operation in q0[63:60].
 *
 * <pre>
 *                            q0                                        q1
 *  1 COMPLETION_WAIT         51:3 address, 2 flush, 1 int, 0 store     63:0 data
 *  2 INVALIDATE_DEVTAB_ENTRY 15:0 device
 *  3 INVALIDATE_IOMMU_PAGES  47:32 domain, 19:0 PASID                  63:12 address, 2 GN, 1 PDE, 0 S
 *  4 INVALIDATE_IOTLB_PAGES  59:56 PASID 19:16, 55:48 PASID 7:0,
 *                            47:32 queue, 31:24 pending,
 *                            23:16 PASID 15:8, 15:0 device             63:12 address, 2 GN, 0 S
 *  5 INVALIDATE_INTERRUPT_TABLE 15:0 device
 *  6 PREFETCH_IOMMU_PAGES    51:32 PASID, 23:16, 15:0 device           63:12 address
 *  7 COMPLETE_PPR_REQUEST    51:32 PASID, 15:0 device                  47:32 tag, 2 GN
 *  8 INVALIDATE_IOMMU_ALL
 * </pre>
 *
 * <p>S=0 is one 4 KiB page. S=1: the lowest zero bit n of the address, n at least 12, means 2^(n+1)
 * bytes, aligned; n of 51 or more means everything. AMD 48882, commands.
 */
public final class Command {
  /** Bytes of one command. */
  public static final int BYTES = 16;

  /** Waits, stores, interrupts. */
  public static final int COMPLETION_WAIT = 1;

  /** Drops a cached device table entry. */
  public static final int INVALIDATE_DEVTAB_ENTRY = 2;

  /** Drops cached translations of a domain. */
  public static final int INVALIDATE_IOMMU_PAGES = 3;

  /** Drops translations that a device itself caches. */
  public static final int INVALIDATE_IOTLB_PAGES = 4;

  /** Drops cached interrupt entries. */
  public static final int INVALIDATE_INTERRUPT_TABLE = 5;

  /** Asks for translations ahead of time. */
  public static final int PREFETCH_IOMMU_PAGES = 6;

  /** Answers a page request. */
  public static final int COMPLETE_PPR_REQUEST = 7;

  /** Drops everything. */
  public static final int INVALIDATE_IOMMU_ALL = 8;

  /** What {@link #rangeLog2} says of a range that is everything. */
  public static final int EVERYTHING_LOG2 = 64;

  /** q0 of COMPLETION_WAIT: store the data. */
  public static final long STORE = 1L;

  /** q0 of COMPLETION_WAIT: interrupt. */
  public static final long INTERRUPT = 1L << 1;

  /** q0 of COMPLETION_WAIT: later commands wait for earlier ones. */
  public static final long FLUSH = 1L << 2;

  /** q1 of invalidations: S, the address says how much. */
  public static final long SIZE = 1L;

  /** q1 of INVALIDATE_IOMMU_PAGES: PDE, cached directories too. */
  public static final long DIRECTORIES = 1L << 1;

  /** q1 of invalidations: GN, guest translations. */
  public static final long GUEST = 1L << 2;

  private static final int OPERATION_SHIFT = 60;
  private static final int DOMAIN_SHIFT = 32;
  private static final long PASID = 0xf_ffffL;

  /** The three pieces of the PASID of INVALIDATE_IOTLB_PAGES. */
  private static final int PASID_7_SHIFT = 48;

  private static final int PASID_15_SHIFT = 16;
  private static final int PASID_19_SHIFT = 56;
  private static final int PAGE_LOG2 = 12;
  private static final int LOWEST_ZERO_OF_EVERYTHING = 51;
  private static final long PAGES = -1L << PAGE_LOG2;
  private static final long EVERYTHING = 0x7fff_ffff_ffff_f000L;
  private static final long STORE_ADDRESS = 0x000f_ffff_ffff_fff8L;

  /** Bits of q0 an operation allows besides the operation itself, by operation. */
  private static final long[] Q0_ALLOWED = {
    0,
    0x000f_ffff_ffff_ffffL,
    0xffffL,
    0x0000_ffff_000f_ffffL,
    0x0fff_ffff_ffff_ffffL,
    0xffffL,
    0x000f_ffff_ff00_ffffL,
    0x000f_ffff_0000_ffffL,
    0,
  };

  private static final long[] Q1_ALLOWED = {
    0,
    -1L,
    0,
    0xffff_ffff_ffff_f007L,
    0xffff_ffff_ffff_f035L,
    0,
    0xffff_ffff_ffff_f015L,
    0x0000_ffff_0000_0004L,
    0,
  };

  private Command() {}

  /**
   * Composes COMPLETION_WAIT with a store; its second word is the data.
   *
   * @param storeAddress where it stores, 8-byte aligned
   * @return q0
   */
  public static long completionWait(long storeAddress) {
    return firstWord(COMPLETION_WAIT) | (storeAddress & STORE_ADDRESS) | STORE;
  }

  /**
   * Composes INVALIDATE_DEVTAB_ENTRY; its second word is 0.
   *
   * @param deviceId 0 to 0xffff
   * @return q0
   */
  public static long invalidateDevice(int deviceId) {
    return firstWord(INVALIDATE_DEVTAB_ENTRY) | deviceId;
  }

  /**
   * Composes INVALIDATE_IOMMU_PAGES; its second word is a {@link #range}.
   *
   * @param domainId 0 to 0xffff
   * @return q0
   */
  public static long invalidatePages(int domainId) {
    return firstWord(INVALIDATE_IOMMU_PAGES) | (long) domainId << DOMAIN_SHIFT;
  }

  /**
   * Composes INVALIDATE_IOMMU_PAGES for guest translations; its second word is a {@link
   * #guestRange}.
   *
   * @param domainId 0 to 0xffff
   * @param pasid 0 to 0xfffff
   * @return q0
   */
  public static long invalidateGuestPages(int domainId, int pasid) {
    return invalidatePages(domainId) | pasid;
  }

  /**
   * Composes INVALIDATE_IOTLB_PAGES; its second word is a {@link #range}, or a {@link #guestRange}
   * of the PASID, without directories.
   *
   * @param deviceId 0 to 0xffff
   * @param pasid 0 to 0xfffff; 0 if there is none
   * @return q0
   */
  public static long invalidateDevicePages(int deviceId, int pasid) {
    return firstWord(INVALIDATE_IOTLB_PAGES)
        | (long) (pasid >>> 16) << PASID_19_SHIFT
        | (long) (pasid & 0xff) << PASID_7_SHIFT
        | (long) (pasid >>> 8 & 0xff) << PASID_15_SHIFT
        | deviceId;
  }

  /**
   * Composes INVALIDATE_IOMMU_ALL; its second word is 0.
   *
   * @return q0
   */
  public static long invalidateAll() {
    return firstWord(INVALIDATE_IOMMU_ALL);
  }

  /**
   * Composes the range of INVALIDATE_IOMMU_PAGES.
   *
   * @param start any address in it
   * @param log2 log2 of bytes, 12 to 51; larger for everything
   * @param directories whether cached directories go too (PDE)
   * @return q1
   */
  public static long range(long start, int log2, boolean directories) {
    long flags = directories ? DIRECTORIES : 0;
    if (log2 <= PAGE_LOG2) {
      return (start & PAGES) | flags;
    }
    if (log2 > LOWEST_ZERO_OF_EVERYTHING) {
      return EVERYTHING | flags | SIZE;
    }
    long ones = (1L << (log2 - 1)) - 1;
    return (((start & (-1L << log2)) | ones) & PAGES) | flags | SIZE;
  }

  /**
   * Composes the range of an invalidation of guest translations.
   *
   * @param start any address in it
   * @param log2 log2 of bytes, 12 to 51; larger for everything
   * @param directories whether cached directories go too (PDE)
   * @return q1
   */
  public static long guestRange(long start, int log2, boolean directories) {
    return range(start, log2, directories) | GUEST;
  }

  private static long firstWord(int operation) {
    return (long) operation << OPERATION_SHIFT;
  }

  /**
   * The operation.
   *
   * @param q0 the first word
   * @return 0 to 15; 1 to 8 exist
   */
  public static int operation(long q0) {
    return (int) (q0 >>> OPERATION_SHIFT);
  }

  /**
   * Whether the operation exists and no reserved bit is set.
   *
   * @param q0 the first word
   * @param q1 the second word
   * @return false if the IOMMU must refuse it
   */
  public static boolean isWellFormed(long q0, long q1) {
    int operation = operation(q0);
    return operation >= COMPLETION_WAIT
        && operation <= INVALIDATE_IOMMU_ALL
        && (q0 & ~(Q0_ALLOWED[operation] | (long) operation << OPERATION_SHIFT)) == 0
        && (q1 & ~Q1_ALLOWED[operation]) == 0;
  }

  /**
   * The device of commands 2, 4 and 5.
   *
   * @param q0 the first word
   * @return device id
   */
  public static int deviceId(long q0) {
    return (int) q0 & 0xffff;
  }

  /**
   * The domain of INVALIDATE_IOMMU_PAGES.
   *
   * @param q0 the first word
   * @return domain id
   */
  public static int domainId(long q0) {
    return (int) (q0 >>> DOMAIN_SHIFT) & 0xffff;
  }

  /**
   * The PASID of INVALIDATE_IOMMU_PAGES.
   *
   * @param q0 the first word
   * @return 0 to 0xfffff; means nothing unless GN is set
   */
  public static int pasid(long q0) {
    return (int) (q0 & PASID);
  }

  /**
   * The PASID of INVALIDATE_IOTLB_PAGES.
   *
   * @param q0 the first word
   * @return 0 to 0xfffff; means nothing unless GN is set
   */
  public static int devicePasid(long q0) {
    return (int) (q0 >>> PASID_19_SHIFT & 0xf) << 16
        | (int) (q0 >>> PASID_15_SHIFT & 0xff) << 8
        | (int) (q0 >>> PASID_7_SHIFT & 0xff);
  }

  /**
   * Where COMPLETION_WAIT stores.
   *
   * @param q0 the first word
   * @return physical address, 8-byte aligned
   */
  public static long storeAddress(long q0) {
    return q0 & STORE_ADDRESS;
  }

  /**
   * The size of the range to invalidate.
   *
   * @param q1 the second word
   * @return log2 of bytes, 12 to 51, or {@link #EVERYTHING_LOG2}
   */
  public static int rangeLog2(long q1) {
    if ((q1 & SIZE) == 0) {
      return PAGE_LOG2;
    }
    int lowestZero = Long.numberOfTrailingZeros(~q1 & PAGES);
    return lowestZero >= LOWEST_ZERO_OF_EVERYTHING ? EVERYTHING_LOG2 : lowestZero + 1;
  }

  /**
   * The start of the range to invalidate.
   *
   * @param q1 the second word
   * @return address, aligned to the range's size; 0 for everything
   */
  public static long rangeStart(long q1) {
    int log2 = rangeLog2(q1);
    return log2 == EVERYTHING_LOG2 ? 0 : q1 & (-1L << log2);
  }
}
