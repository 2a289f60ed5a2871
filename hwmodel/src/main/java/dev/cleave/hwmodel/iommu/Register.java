package dev.cleave.hwmodel.iommu;

/**
 * The MMIO registers: offsets and fields. All are 8 bytes.
 *
 * <pre>
 *  0x0000 device table base    51:12 address, 8:0 number of 4 KiB pages - 1
 *  0x0008 command buffer base  59:56 log2 of entries, 51:12 address
 *  0x0010 event log base       59:56 log2 of entries, 51:12 address
 *  0x0018 control              12 CmdBufEn, 4 ComWaitIntEn, 3 EventIntEn, 2 EventLogEn, 0 IommuEn
 *  0x0020 exclusion base       51:12 address, 1 all devices, 0 enable   (SNP: completion store base)
 *  0x0028 exclusion limit      51:12 address, low bits count as ones    (SNP: completion store limit)
 *  0x0030 extended features    63 SNP, 52 HD, 49 HA, 48 GIO, 36:32 PASmax, 15:14 GLX, 13:12 GATS,
 *                              11:10 HATS, 6 IA, 4 GT, 1 PPR, 0 PreF  (read-only)
 *  0x0038 PPR log base
 *  0x01a0 extended features 2  1 SEVSNPIO, trusted I/O  (read-only)
 *  0x2000 command head   0x2008 command tail   18:4 byte offset
 *  0x2010 event head     0x2018 event tail     18:4 byte offset
 *  0x2020 status               4 command buffer runs, 3 event log runs, 2 completion-wait int,
 *                              1 event log int, 0 event overflow
 * </pre>
 *
 * <p>AMD 48882, MMIO registers.
 */
public final class Register {
  /** Where the device table is and how long. */
  public static final long DEVICE_TABLE_BASE = 0x0000;

  /** Where the command buffer is and how long. */
  public static final long COMMAND_BASE = 0x0008;

  /** Where the event log is and how long. */
  public static final long EVENT_BASE = 0x0010;

  /** What is enabled. */
  public static final long CONTROL = 0x0018;

  /** First page of the exclusion range, or of the completion stores with SNP. */
  public static final long EXCLUSION_BASE = 0x0020;

  /** Last page of the exclusion range, or of the completion stores with SNP. */
  public static final long EXCLUSION_LIMIT = 0x0028;

  /** What the IOMMU can do. */
  public static final long FEATURES = 0x0030;

  /** Where the PPR log is; kept, not used. */
  public static final long PPR_LOG_BASE = 0x0038;

  /** What else the IOMMU can do. */
  public static final long FEATURES_2 = 0x01a0;

  /** The next command the IOMMU fetches. */
  public static final long COMMAND_HEAD = 0x2000;

  /** Where software writes the next command. */
  public static final long COMMAND_TAIL = 0x2008;

  /** The next event software reads. */
  public static final long EVENT_HEAD = 0x2010;

  /** Where the IOMMU writes the next event. */
  public static final long EVENT_TAIL = 0x2018;

  /** What happened and what runs. */
  public static final long STATUS = 0x2020;

  /** Control: the IOMMU translates. */
  public static final long CONTROL_ENABLE = 1L;

  /** Control: events are logged. */
  public static final long CONTROL_EVENT_LOG = 1L << 2;

  /** Control: an event interrupts. */
  public static final long CONTROL_EVENT_INTERRUPT = 1L << 3;

  /** Control: a completion wait interrupts. */
  public static final long CONTROL_COMPLETION_INTERRUPT = 1L << 4;

  /** Control: commands are fetched. */
  public static final long CONTROL_COMMANDS = 1L << 12;

  /** Status: an event was lost. */
  public static final long STATUS_EVENT_OVERFLOW = 1L;

  /** Status: an event was logged. */
  public static final long STATUS_EVENT_INTERRUPT = 1L << 1;

  /** Status: a completion wait asked for an interrupt. */
  public static final long STATUS_COMPLETION_INTERRUPT = 1L << 2;

  /** Status: the event log runs. */
  public static final long STATUS_EVENT_LOG_RUNS = 1L << 3;

  /** Status: the command buffer runs. */
  public static final long STATUS_COMMANDS_RUN = 1L << 4;

  /** Features: PREFETCH commands. */
  public static final long FEATURE_PREFETCH = 1L;

  /** Features: peripheral page requests and COMPLETE_PPR commands. */
  public static final long FEATURE_PPR = 1L << 1;

  /** Features, GT: guest tables. */
  public static final long FEATURE_GUEST_TABLES = 1L << 4;

  /** Features: INVALIDATE_IOMMU_ALL commands. */
  public static final long FEATURE_INVALIDATE_ALL = 1L << 6;

  /** Features, HATS: six levels. */
  public static final long FEATURE_SIX_LEVELS = 2L << 10;

  /** Features, GATS: guest tables of five levels. */
  public static final long FEATURE_FIVE_GUEST_LEVELS = 1L << 12;

  /** Features, GLX: GCR3 tables of three levels. */
  public static final long FEATURE_THREE_GCR3_LEVELS = 2L << 14;

  /** Features, PASmax: PASIDs of 20 bits. */
  public static final long FEATURE_ALL_PASIDS = 19L << 32;

  /** Features, GIO: GIOV in the device table entry. */
  public static final long FEATURE_GUEST_WITHOUT_PASID = 1L << 48;

  /** Features: A bits are set. */
  public static final long FEATURE_ACCESSED = 1L << 49;

  /** Features: D bits are set. */
  public static final long FEATURE_DIRTY = 1L << 52;

  /** Features: RMP checks. */
  public static final long FEATURE_SNP = 1L << 63;

  /** Features 2, SEVSNPIO: trusted I/O. */
  public static final long FEATURE2_TRUSTED_IO = 1L << 1;

  static final long EXCLUSION_ENABLE = 1L;
  static final long EXCLUSION_ALL_DEVICES = 1L << 1;

  private static final long ADDRESS = 0x000f_ffff_ffff_f000L;
  private static final long POINTER = 0x7_fff0L;
  private static final int HATS_SHIFT = 10;
  private static final int GATS_SHIFT = 12;
  private static final int GLX_SHIFT = 14;
  private static final int PASMAX_SHIFT = 32;
  private static final int RING_LENGTH_SHIFT = 56;
  private static final int PAGE_BYTES = 4096;

  private Register() {}

  /**
   * Composes {@link #DEVICE_TABLE_BASE}.
   *
   * @param table physical address, 4 KiB-aligned
   * @param pages its length, 1 to 512 pages of 128 devices
   * @return the register
   */
  public static long deviceTableBase(long table, int pages) {
    return address(table) | (pages - 1);
  }

  /**
   * Composes {@link #COMMAND_BASE} or {@link #EVENT_BASE}.
   *
   * @param ring physical address, 4 KiB-aligned
   * @param entriesLog2 log2 of its length in entries, 8 to 15
   * @return the register
   */
  public static long ringBase(long ring, int entriesLog2) {
    return address(ring) | (long) entriesLog2 << RING_LENGTH_SHIFT;
  }

  static long address(long base) {
    return base & ADDRESS;
  }

  static int deviceTableEntries(long base) {
    return ((int) (base & 0x1ff) + 1) * (PAGE_BYTES / DeviceTableEntry.BYTES);
  }

  /** The length code of a ring: log2 of its entries, legal from 8 to 15. */
  static int ringLengthLog2(long base) {
    return (int) (base >>> RING_LENGTH_SHIFT) & 0xf;
  }

  static long pointer(long value) {
    return value & POINTER;
  }

  /** The most host table levels there can be; the reserved code 3 counts as six. */
  static int hostLevels(long features) {
    return Math.min(4 + ((int) (features >>> HATS_SHIFT) & 3), HostEntry.MAX_LEVEL);
  }

  /** The most guest table levels there can be; reserved codes count as five. */
  static int guestLevels(long features) {
    return ((int) (features >>> GATS_SHIFT) & 3) == 0 ? 4 : 5;
  }

  /** The most GCR3 table levels there can be; the reserved code 3 counts as three. */
  static int gcr3Levels(long features) {
    return Math.min(1 + ((int) (features >>> GLX_SHIFT) & 3), DeviceTableEntry.MAX_GCR3_LEVELS);
  }

  /** How many bits a PASID has, 1 to 20. */
  static int pasidBits(long features) {
    return Math.min(1 + ((int) (features >>> PASMAX_SHIFT) & 0x1f), 20);
  }

  static boolean inExclusionRange(long base, long limit, long address) {
    return Long.compareUnsigned(address, address(base)) >= 0
        && Long.compareUnsigned(address, address(limit) + PAGE_BYTES - 1) <= 0;
  }
}
