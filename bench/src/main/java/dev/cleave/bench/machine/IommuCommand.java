package dev.cleave.bench.machine;

/**
 * A command of the AMD IOMMU: 16 bytes, two little-endian words.
 *
 * <pre>
 *        63:60  59:48  47:32    31:20  19:0       | 63:12      11:3  2   1    0
 *  WAIT    1    address 51:3              F I S   | data
 *  DEVTAB  2                           device id  | 0
 *  PAGES   3      0    domain     0    PASID      | address      0   GN  PDE  S
 *  ALL     8      0                               | 0
 * </pre>
 *
 * <p>Size of an invalidation: S = 0 is one 4 KiB page; with S = 1 the lowest zero bit n ≥ 12 of the
 * address stands for 2^(n+1) bytes. Immutable and thread-safe. Source: {@code docs/spec/amd-vi.md}
 * §4.
 *
 * @param q0 bits 63:0
 * @param q1 bits 127:64
 */
public record IommuCommand(long q0, long q1) {
  /** Bytes of a command. */
  public static final int BYTES = 16;

  /** The size that stands for every address. */
  public static final int EVERYTHING_LOG2 = 64;

  private static final int OPERATION_SHIFT = 60;
  private static final long COMPLETION_WAIT = 1;
  private static final long INVALIDATE_DEVTAB_ENTRY = 2;
  private static final long INVALIDATE_IOMMU_PAGES = 3;
  private static final long INVALIDATE_IOMMU_ALL = 8;

  private static final long STORE = 1;
  private static final int DOMAIN_SHIFT = 32;
  private static final long DOMAIN_MASK = 0xFFFF;
  private static final long SIZED = 1;
  private static final long DIRECTORIES = 1L << 1;
  private static final long GUEST = 1L << 2;
  private static final long PASID_MASK = 0xF_FFFF;
  private static final int PAGE_LOG2 = 12;
  private static final long PAGE_MASK = -1L << PAGE_LOG2;

  /**
   * COMPLETION_WAIT: stores a word once all earlier commands have completed.
   *
   * @param address where to, a multiple of 8
   * @param data what
   * @return the command
   */
  public static IommuCommand completionWait(long address, long data) {
    return new IommuCommand(operation(COMPLETION_WAIT) | address | STORE, data);
  }

  /**
   * INVALIDATE_DEVTAB_ENTRY: forgets a device table entry.
   *
   * @param deviceId requester id, 0 to 0xFFFF
   * @return the command
   */
  public static IommuCommand invalidateDeviceTableEntry(int deviceId) {
    return new IommuCommand(operation(INVALIDATE_DEVTAB_ENTRY) | deviceId, 0);
  }

  /**
   * INVALIDATE_IOMMU_PAGES: forgets a domain's translations of a block, and its directories (PDE).
   *
   * @param domainId 0 to 0xFFFF
   * @param iova first address of the block, aligned to its size
   * @param sizeLog2 logarithm of its bytes, 12 to {@value #EVERYTHING_LOG2}
   * @return the command
   */
  public static IommuCommand invalidatePages(int domainId, long iova, int sizeLog2) {
    long size = 0;
    if (sizeLog2 > PAGE_LOG2) {
      size = (((1L << (sizeLog2 - 1)) - 1) & PAGE_MASK) | SIZED;
    }
    return new IommuCommand(
        operation(INVALIDATE_IOMMU_PAGES) | (domainId & DOMAIN_MASK) << DOMAIN_SHIFT,
        (iova & PAGE_MASK) | size | DIRECTORIES);
  }

  /**
   * INVALIDATE_IOMMU_PAGES with GN: forgets what a guest table translates of a block, and its
   * directories (PDE).
   *
   * @param domainId 0 to 0xFFFF
   * @param pasid whose guest table, 0 to 0xFFFFF
   * @param iova first address of the block, aligned to its size
   * @param sizeLog2 logarithm of its bytes, 12 to {@value #EVERYTHING_LOG2}
   * @return the command
   */
  public static IommuCommand invalidateGuestPages(
      int domainId, int pasid, long iova, int sizeLog2) {
    IommuCommand command = invalidatePages(domainId, iova, sizeLog2);
    return new IommuCommand(command.q0 | (pasid & PASID_MASK), command.q1 | GUEST);
  }

  /**
   * INVALIDATE_IOMMU_ALL: forgets everything.
   *
   * @return the command
   */
  public static IommuCommand invalidateAll() {
    return new IommuCommand(operation(INVALIDATE_IOMMU_ALL), 0);
  }

  private static long operation(long code) {
    return code << OPERATION_SHIFT;
  }
}
