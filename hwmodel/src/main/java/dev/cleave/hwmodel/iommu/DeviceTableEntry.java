package dev.cleave.hwmodel.iommu;

/**
 * An entry of the device table: 32 bytes, four words q0 to q3.
 *
 * <pre>
 *     63  62 61 60   58 57 56 55 54   53  52  51             12 11  9 8 7 6   4 3 2  1  0
 *    +---+--+--+-------+-----+--+----+----+---+-----------------+-----+---+-----+---+--+--+
 * q0 | - |IW|IR| GCR3  | GLX |GV|GIOV|GPRP|PPR| host table root |Mode |HAD| CXL | - |TV| V|
 *    |   |  |  | 14:12 |     |  |    |    |   |                 |     |   |     |   |  |  |
 *    +---+--+--+-------+-----+--+----+----+---+-----------------+-----+---+-----+---+--+--+
 *     63               43 42   41   40  39 38 37    36 35   34 33 32 31    16 15        0
 *    +-------------------+----+--------+--+--+-----+-------+--+--+--+--------+-----------+
 * q1 |    GCR3 51:31     |SATS| SysMgt |EX|SD|Cache| IoCtl |SA|SE| I|GCR3    | DomainID  |
 *    |                   |    |        |  |  |     |       |  |  |  |30:15   |           |
 *    +-------------------+----+--------+--+--+-----+-------+--+--+--+--------+-----------+
 *     63    62    61 60  58  57   56    55 54        51                   6  5  4   1  0
 *    +-----+-----+------+---+----+----+-----+-------+---------------------+--+-------+--+
 * q2 |Lint1|Lint0|IntCtl| - |NMI,EInt,Init| GuestPag.|  interrupt root    |IG|TabLen |IV|
 *    +-----+-----+------+---+----+----+-----+-------+---------------------+--+-------+--+
 * q3   snoop attribute 63:56, Mode0FC 55, AttrV 54
 * </pre>
 *
 * <p>6:4 of q0 are a CXL attribute since revision 3.11. While a secure entry ({@link
 * SecureDeviceEntry}) is valid DomainID must be 0, and I, IR and IW equal to its.
 *
 * <p>V=0 passes everything through; V=1 with TV=0 aborts DMA. AMD 48882, device table entry format.
 */
public final class DeviceTableEntry {
  /** Bytes of one entry. */
  public static final int BYTES = 32;

  /** q0: V. */
  public static final long VALID = 1L;

  /** q0: the CXL attribute, reserved before revision 3.11. */
  public static final long CXL_ATTRIBUTE = 7L << 4;

  /** q0: TV. */
  public static final long TRANSLATION_VALID = 1L << 1;

  /** q0: GIOV, requests without PASID use the guest table of PASID 0. */
  public static final long GUEST_WITHOUT_PASID = 1L << 54;

  /** q0: GV, there are guest tables. */
  public static final long GUEST_VALID = 1L << 55;

  /** q0: IR. */
  public static final long READ = 1L << 61;

  /** q0: IW. */
  public static final long WRITE = 1L << 62;

  /** q0: host table root. */
  public static final long ROOT = 0x000f_ffff_ffff_f000L;

  /** q1: I, the device has its own translation cache. */
  public static final long HAS_IOTLB = 1L << 32;

  /** q1: SE, log one page fault only. */
  public static final long SUPPRESS_REPEATED = 1L << 33;

  /** q1: SA, log no page fault. */
  public static final long SUPPRESS_ALL = 1L << 34;

  /** q1: EX, the exclusion range holds for this device. */
  public static final long EXCLUSION = 1L << 39;

  /** q2: IV, interrupt fields are valid. */
  public static final long INTERRUPT_VALID = 1L;

  /** q2, IntCtl: abort. */
  public static final int INTERRUPT_ABORT = 0;

  /** q2, IntCtl: forward unmapped. */
  public static final int INTERRUPT_FORWARD = 1;

  /** q2, IntCtl: remap. */
  public static final int INTERRUPT_REMAP = 2;

  /** The most levels a GCR3 table can have. */
  public static final int MAX_GCR3_LEVELS = 3;

  /** Mode that means no translation. */
  public static final int MODE_NONE = 0;

  private static final int MODE_SHIFT = 9;
  private static final int HAD_SHIFT = 7;
  private static final int PERMISSION_SHIFT = 61;
  private static final int INTERRUPT_CONTROL_SHIFT = 60;
  private static final int GCR3_LEVELS_SHIFT = 56;
  private static final int GUEST_PAGING_SHIFT = 54;

  /** The three pieces of the GCR3 root: place in its word, mask there, place in the address. */
  private static final int ROOT_14_SHIFT = 58;

  private static final int ROOT_30_SHIFT = 16;
  private static final int ROOT_51_SHIFT = 43;
  private static final long ROOT_14_MASK = 7;
  private static final long ROOT_30_MASK = 0xffff;
  private static final long ROOT_51_MASK = 0x1f_ffff;

  private DeviceTableEntry() {}

  /**
   * Number of host table levels.
   *
   * @param q0 the first word
   * @return 0 to 7
   */
  public static int mode(long q0) {
    return (int) (q0 >>> MODE_SHIFT) & 7;
  }

  /**
   * Which of A and D hardware sets.
   *
   * @param q0 the first word
   * @return 0 none, 1 A, 3 A and D
   */
  public static int hostAccessDirty(long q0) {
    return (int) (q0 >>> HAD_SHIFT) & 3;
  }

  /**
   * What the device may do.
   *
   * @param q0 the first word
   * @return bits: 1 read, 2 write
   */
  public static int permissions(long q0) {
    return (int) (q0 >>> PERMISSION_SHIFT) & Permission.ALL;
  }

  /**
   * The tag of everything cached for the device.
   *
   * @param q1 the second word
   * @return 0 to 0xffff
   */
  public static int domainId(long q1) {
    return (int) q1 & 0xffff;
  }

  /**
   * What happens to an interrupt message when IV is set.
   *
   * @param q2 the third word
   * @return 0 abort, 1 forward, 2 remap, 3 reserved
   */
  public static int interruptControl(long q2) {
    return (int) (q2 >>> INTERRUPT_CONTROL_SHIFT) & 3;
  }

  /**
   * Number of GCR3 table levels.
   *
   * @param q0 the first word
   * @return 1 to 3; 4 is reserved
   */
  public static int gcr3Levels(long q0) {
    return 1 + ((int) (q0 >>> GCR3_LEVELS_SHIFT) & 3);
  }

  /**
   * Where the GCR3 table begins.
   *
   * @param q0 the first word
   * @param q1 the second word
   * @return physical address, guest physical if there is a host table; 4 KiB-aligned
   */
  public static long gcr3Root(long q0, long q1) {
    return ((q0 >>> ROOT_14_SHIFT) & ROOT_14_MASK) << 12
        | ((q1 >>> ROOT_30_SHIFT) & ROOT_30_MASK) << 15
        | ((q1 >>> ROOT_51_SHIFT) & ROOT_51_MASK) << 31;
  }

  /**
   * Number of guest table levels.
   *
   * @param q2 the third word
   * @return 4 or 5; 6 and 7 are reserved
   */
  public static int guestLevels(long q2) {
    return 4 + ((int) (q2 >>> GUEST_PAGING_SHIFT) & 3);
  }

  /**
   * Whether requests without PASID go through the guest table of PASID 0.
   *
   * @param q0 the first word
   * @return GIOV
   */
  static boolean sendsPlainToGuest(long q0) {
    return (q0 & GUEST_WITHOUT_PASID) != 0;
  }

  /**
   * Composes what the first word of a device with guest tables has besides {@link #translating}.
   *
   * @param gcr3Root physical address of the GCR3 table, guest physical if there is a host table
   * @param gcr3Levels of that table, 1 to 3
   * @param withoutPasid whether requests without PASID use the guest table of PASID 0
   * @return bits of q0
   */
  public static long guestFirst(long gcr3Root, int gcr3Levels, boolean withoutPasid) {
    return GUEST_VALID
        | (withoutPasid ? GUEST_WITHOUT_PASID : 0)
        | (long) (gcr3Levels - 1) << GCR3_LEVELS_SHIFT
        | ((gcr3Root >>> 12) & ROOT_14_MASK) << ROOT_14_SHIFT;
  }

  /**
   * Composes the second word of a device with guest tables.
   *
   * @param gcr3Root physical address of the GCR3 table, guest physical if there is a host table
   * @param domainId 0 to 0xffff
   * @return q1
   */
  public static long guestSecond(long gcr3Root, int domainId) {
    return ((gcr3Root >>> 31) & ROOT_51_MASK) << ROOT_51_SHIFT
        | ((gcr3Root >>> 15) & ROOT_30_MASK) << ROOT_30_SHIFT
        | domainId;
  }

  /**
   * Composes the third word of a device with guest tables.
   *
   * @param guestLevels 4 or 5
   * @return q2
   */
  public static long guestThird(int guestLevels) {
    return (long) (guestLevels - 4) << GUEST_PAGING_SHIFT;
  }

  /**
   * Composes the first word of a device that translates through a host table, readable and
   * writable.
   *
   * @param root physical address of the top table, 4 KiB-aligned
   * @param levels of the table, 1 to 6; 0 for none
   * @param hostAccessDirty 0 none, 1 A, 3 A and D
   * @return q0
   */
  public static long translating(long root, int levels, int hostAccessDirty) {
    return VALID
        | TRANSLATION_VALID
        | ((long) hostAccessDirty << HAD_SHIFT)
        | ((long) levels << MODE_SHIFT)
        | (root & ROOT)
        | READ
        | WRITE;
  }
}
