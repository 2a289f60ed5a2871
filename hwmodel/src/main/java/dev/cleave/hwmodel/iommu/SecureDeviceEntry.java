package dev.cleave.hwmodel.iommu;

/**
 * A secure device table entry (sDTE): 64 bytes, eight words q0 to q7. It says which guest a trusted
 * device works for; the top and the levels of the host table stay in the {@link DeviceTableEntry}.
 *
 * <pre>
 *     63 62 61 60   58 57 56  55   54  53  52  51                           7 6    4 3   1  0
 *    +--+--+--+-------+-----+----+----+---+---+------------------------------+------+-----+--+
 * q0 | -|IW|IR| GCR3  | GLX | GV |GIOV| - |PPR|              -               |CXLIO |  -  | V|
 *    |  |  |  | 14:12 |     |    |    |   |   |                              |      |     |  |
 *    +--+--+--+-------+-----+----+----+---+---+------------------------------+------+-----+--+
 *     63            43  42   41     33  32  31          16 15                               0
 *    +----------------+----+----------+---+---------------+----------------------------------+
 * q1 |   GCR3 51:31   |SATS|    -     | I |  GCR3 30:15   |             DomainID             |
 *    +----------------+----+----------+---+---------------+----------------------------------+
 *     63     60  59   58 56 55      54 53  52 51                         6  5  4       1   0
 *    +---------+-----+-----+----------+------+----------------------------+---+----------+---+
 * q2 |    -    |HPT  |  -  | GuestPag.|  -   | guest interrupt table 51:6 | - |GIntTabLen|GIV|
 *    |         |Mode |     |          |      |                            |   |          |   |
 *    +---------+-----+-----+----------+------+----------------------------+---+----------+---+
 *     63       56 55  54  53 51 50 49 48 47 46       32 31         16   15    14  12 11     0
 *    +-----------+---+-----+-----+-----+---+--+-----------+------------+-------+------+------+
 * q3 |snoop attr.| - |AttrV|  -  |VMPL | - | 1| guest id  |guest device|vIOMMU | -    | ASID |
 *    +-----------+---+-----+-----+-----+---+--+-----------+------------+-------+------+------+
 * q4   the IDE stream of each of eight traffic classes, a byte each
 *     63                                  37 36      32 31                         1     0
 *    +--------------------------------------+----------+----------------------------+--------+
 * q5 |                   -                  |root port |   vTOM, in units of 2 MiB  |vTOM on |
 *    +--------------------------------------+----------+----------------------------+--------+
 * q6, q7   -
 * </pre>
 *
 * <p>GCR3, GLX, GV, GIOV, IR, IW, I and guest paging mode are as in a {@link DeviceTableEntry}. A
 * guest says V, IR, IW, VMPL and vTOM in its request; the rest is the firmware's. Bits 102 and 103,
 * for which there are two names, count as reserved.
 *
 * <p>SEV-TIO firmware interface 58271, as AMD's drivers have it: V, IR, IW, VMPL and vTOM
 * confirmed, other places by one source. The unit of vTOM is that of AMD's driver, which ran on
 * hardware; a second program has 64 KiB.
 */
public final class SecureDeviceEntry {
  /** Words of one entry. */
  public static final int WORDS = 8;

  /** q0: V, the device may reach the guest's private pages. */
  public static final long VALID = 1L;

  /** q0: IR. */
  public static final long READ = 1L << 61;

  /** q0: IW. */
  public static final long WRITE = 1L << 62;

  /** q1: I, the device has its own translation cache. */
  public static final long HAS_IOTLB = 1L << 32;

  /** q3: the guest has a virtual IOMMU, whose tables the entry points to. */
  public static final long VIRTUAL_IOMMU = 1L << 15;

  /** q3: must be one in an entry that the firmware wrote. */
  public static final long GUEST_ID_IS_VALID = 1L << 47;

  /** q5: vTOM counts. */
  public static final long VTOM_ENABLED = 1L;

  /** vTOM is a multiple of this: log2 of 2 MiB. */
  public static final int VTOM_UNIT_LOG2 = 21;

  private static final int VTOM_SHIFT = 1;
  private static final long VTOM_MASK = 0x7fff_ffffL;
  private static final int VMPL_SHIFT = 49;
  private static final int ASID_MASK = 0xfff;
  private static final int GUEST_DEVICE_SHIFT = 16;
  private static final int GUEST_ID_SHIFT = 32;
  private static final int GUEST_ID_MASK = 0x7fff;
  private static final int ROOT_PORT_SHIFT = 32;
  private static final int ROOT_PORT_MASK = 0x1f;

  private static final long[] RESERVED = {
    0x802f_ffff_ffff_ff8eL,
    0x0000_03fe_0000_0000L,
    0xf730_0000_0000_0020L,
    0x00b9_0000_0000_7000L,
    0,
    0xffff_ffe0_0000_0000L,
    -1L,
    -1L
  };

  private static final long[] GUESTS = {
    VALID | READ | WRITE, 0, 0, 3L << VMPL_SHIFT, 0, VTOM_MASK << VTOM_SHIFT | VTOM_ENABLED, 0, 0
  };

  private SecureDeviceEntry() {}

  /**
   * What a guest asks for: the eight words of its request.
   *
   * @param access whether there may be any: V, with {@link #READ} and {@link #WRITE} as wanted; 0
   *     to take all access back
   * @param vmpl whose permissions bind the device, 0 to 3
   * @param vTom where shared memory begins in the device's addresses, a multiple of 2 MiB from 0 up
   *     to 2^52 - 2 MiB; -1 for nowhere
   * @return the words
   * @throws IllegalArgumentException if one is out of range
   */
  public static long[] request(long access, int vmpl, long vTom) {
    long unit = 1L << VTOM_UNIT_LOG2;
    if ((access & ~GUESTS[0]) != 0
        || (vmpl & ~3) != 0
        || (vTom != -1 && (vTom % unit != 0 || (vTom >>> VTOM_UNIT_LOG2) > VTOM_MASK))) {
      throw new IllegalArgumentException(
          ("a request must have V, IR and IW only, a VMPL of 0 to 3 and a vTOM of whole 2 MiB below"
                  + " 2^52, access=0x%x, VMPL=%d, vTOM=0x%x")
              .formatted(access, vmpl, vTom));
    }
    long[] words = new long[WORDS];
    words[0] = access;
    words[3] = (long) vmpl << VMPL_SHIFT;
    words[5] = vTom == -1 ? 0 : (vTom >>> VTOM_UNIT_LOG2) << VTOM_SHIFT | VTOM_ENABLED;
    return words;
  }

  /**
   * Whether a guest may write such words: nothing but what is its own is set.
   *
   * @param words eight
   * @return false if a bit is reserved or the firmware's
   */
  public static boolean isRequest(long[] words) {
    for (int i = 0; i < WORDS; i++) {
      if ((words[i] & ~GUESTS[i]) != 0) {
        return false;
      }
    }
    return true;
  }

  /**
   * Puts a guest's request into the firmware's entry.
   *
   * @param entry eight words, changed
   * @param request eight words
   */
  static void apply(long[] entry, long[] request) {
    for (int i = 0; i < WORDS; i++) {
      entry[i] = (entry[i] & ~GUESTS[i]) | (request[i] & GUESTS[i]);
    }
  }

  /**
   * Whether a reserved bit is set, or one that must be set is not.
   *
   * @param words eight
   * @return true if hardware cannot take the entry
   */
  public static boolean hasReservedBit(long[] words) {
    long wrong = ~words[3] & GUEST_ID_IS_VALID;
    for (int i = 0; i < WORDS; i++) {
      wrong |= words[i] & RESERVED[i];
    }
    return wrong != 0;
  }

  /**
   * Whether the device may reach private pages.
   *
   * @param q0 the first word
   * @return V
   */
  public static boolean isValid(long q0) {
    return (q0 & VALID) != 0;
  }

  /**
   * What the device may do.
   *
   * @param q0 the first word
   * @return bits: 1 read, 2 write
   */
  public static int permissions(long q0) {
    return DeviceTableEntry.permissions(q0);
  }

  /**
   * The tag of everything cached for the device.
   *
   * @param q1 the second word
   * @return 0 to 0xffff
   */
  public static int domainId(long q1) {
    return DeviceTableEntry.domainId(q1);
  }

  /**
   * The guest.
   *
   * @param q3 the fourth word
   * @return 0 to 4095
   */
  public static int asid(long q3) {
    return (int) q3 & ASID_MASK;
  }

  /**
   * Whose permissions bind the device.
   *
   * @param q3 the fourth word
   * @return 0 to 3
   */
  public static int vmpl(long q3) {
    return (int) (q3 >>> VMPL_SHIFT) & 3;
  }

  /**
   * What the guest calls the device.
   *
   * @param q3 the fourth word
   * @return 0 to 0xffff
   */
  public static int guestDeviceId(long q3) {
    return (int) (q3 >>> GUEST_DEVICE_SHIFT) & 0xffff;
  }

  /**
   * The number that the IOMMU has for the guest.
   *
   * @param q3 the fourth word
   * @return 0 to 0x7fff
   */
  public static int guestId(long q3) {
    return (int) (q3 >>> GUEST_ID_SHIFT) & GUEST_ID_MASK;
  }

  /**
   * The stream of a traffic class.
   *
   * @param q4 the fifth word
   * @param trafficClass 0 to 7
   * @return 0 to 255
   */
  public static int stream(long q4, int trafficClass) {
    return (int) (q4 >>> (trafficClass * Byte.SIZE)) & 0xff;
  }

  /**
   * Where shared memory begins in the device's addresses.
   *
   * @param q5 the sixth word
   * @return a multiple of 2 MiB, or -1 if vTOM does not count
   */
  public static long vTom(long q5) {
    return (q5 & VTOM_ENABLED) == 0 ? -1 : ((q5 >>> VTOM_SHIFT) & VTOM_MASK) << VTOM_UNIT_LOG2;
  }

  /**
   * The root port above the device.
   *
   * @param q5 the sixth word
   * @return 0 to 31
   */
  public static int rootPort(long q5) {
    return (int) (q5 >>> ROOT_PORT_SHIFT) & ROOT_PORT_MASK;
  }

  /**
   * Whether entry and {@link DeviceTableEntry} agree in what must be equal in both: I, IR and IW.
   *
   * @param q0 the first word
   * @param q1 the second word
   * @param hostQ0 the first word of the device table entry
   * @param hostQ1 the second word of the device table entry
   * @return false if one differs
   */
  static boolean agrees(long q0, long q1, long hostQ0, long hostQ1) {
    return ((q0 ^ hostQ0) & (READ | WRITE)) == 0 && ((q1 ^ hostQ1) & HAS_IOTLB) == 0;
  }

  /**
   * Composes what is the firmware's: an entry of which the guest has not yet asked anything.
   *
   * @param binding what the device is bound to
   * @param asid the guest, 1 to 4095
   * @param rootPort above the device, 0 to 31
   * @param streams of the eight traffic classes, a byte each
   * @return eight words
   */
  static long[] bound(TdiBinding binding, int asid, int rootPort, long streams) {
    long[] words = new long[WORDS];
    TdiBinding.GuestTables tables = binding.tables();
    words[1] = binding.domainId();
    words[3] =
        asid
            | (long) binding.guestDeviceId() << GUEST_DEVICE_SHIFT
            | (long) binding.guestId() << GUEST_ID_SHIFT
            | GUEST_ID_IS_VALID;
    if (tables != null) {
      words[0] =
          DeviceTableEntry.guestFirst(
              tables.gcr3Root(), tables.gcr3Levels(), tables.withoutPasid());
      words[1] = DeviceTableEntry.guestSecond(tables.gcr3Root(), binding.domainId());
      words[2] = DeviceTableEntry.guestThird(tables.levels());
      words[3] |= VIRTUAL_IOMMU;
    }
    words[1] |= binding.hasIotlb() ? HAS_IOTLB : 0;
    words[4] = streams;
    words[5] = (long) rootPort << ROOT_PORT_SHIFT;
    return words;
  }
}
