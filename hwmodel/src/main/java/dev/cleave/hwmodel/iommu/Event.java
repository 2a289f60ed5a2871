package dev.cleave.hwmodel.iommu;

/**
 * An entry of the event log: 16 bytes, as two words.
 *
 * <pre>
 *      63  60 59        48 47              32 31  24 23   20 19       16 15        0
 *     +------+------------+------------------+------+-------+-----------+-----------+
 *  q0 | code |   flags    |domain id or PASID|  0   |   0   |PASID 19:16| device id |
 *     +------+------------+------------------+------+-------+-----------+-----------+
 *  q1 |                                 address                                     |
 *     +-----------------------------------------------------------------------------+
 *
 *  in RMP_PAGE_FAULT q0 has RMP flags in 23:16 and a VM tag in 47:32
 *  flags: 8 TR, 7 RZ, 6 PE, 5 RW, 4 PR, 3 I, 2 US, 1 NX, 0 GN
 *  in hardware errors 10:9 are a type; in INVALID_DEVICE_REQUEST 11:9 are
 * </pre>
 *
 * <p>PR=0: the entry was not present. RW=1: a write. PE: permission. RZ: a reserved bit was set;
 * PR=1 with PE=0 and RZ=0 means an invalid level encoding. AMD 48882, event log.
 */
public final class Event {
  /** Bytes of one event. */
  public static final int BYTES = 16;

  /** A device table entry has reserved bits or is not allowed. */
  public static final int ILLEGAL_DEV_TABLE_ENTRY = 1;

  /** A request was refused by the device table entry or the page table. */
  public static final int IO_PAGE_FAULT = 2;

  /** A device table entry could not be read. */
  public static final int DEV_TAB_HARDWARE_ERROR = 3;

  /** A page table entry could not be read. */
  public static final int PAGE_TAB_HARDWARE_ERROR = 4;

  /** A command was malformed or is not supported. */
  public static final int ILLEGAL_COMMAND_ERROR = 5;

  /** A command could not be read, or its store not written. */
  public static final int COMMAND_HARDWARE_ERROR = 6;

  /** A device did not answer INVALIDATE_IOTLB_PAGES. */
  public static final int IOTLB_INV_TIMEOUT = 7;

  /** A request of a kind the device may not make. */
  public static final int INVALID_DEVICE_REQUEST = 8;

  /** A malformed page request; the model has no page requests. */
  public static final int INVALID_PPR_REQUEST = 9;

  /** The RMP refused a request. */
  public static final int RMP_PAGE_FAULT = 0xd;

  /** An RMP entry could not be read. */
  public static final int RMP_HW_ERROR = 0xe;

  /** Flag: a guest translation. */
  public static final int GN = 1;

  /** Flag: permission to execute was asked for. */
  public static final int NX = 1 << 1;

  /** Flag: a user's request, not a privileged one. */
  public static final int US = 1 << 2;

  /** Flag: an interrupt request. */
  public static final int I = 1 << 3;

  /** Flag: the entry was present. */
  public static final int PR = 1 << 4;

  /** Flag: a write. */
  public static final int RW = 1 << 5;

  /** Flag: a permission was missing. */
  public static final int PE = 1 << 6;

  /** Flag: a reserved bit was set. */
  public static final int RZ = 1 << 7;

  /** Flag: a translation request. */
  public static final int TR = 1 << 8;

  /** Type in the flags of a hardware error: nobody answered. */
  public static final int MASTER_ABORT = 1 << 9;

  private static final int TYPE_SHIFT = 9;
  private static final int DOMAIN_SHIFT = 32;
  private static final int FLAGS_SHIFT = 48;
  private static final int CODE_SHIFT = 60;
  private static final int PASID_HIGH_SHIFT = 16;
  private static final long PASID_HIGH = 0xfL << PASID_HIGH_SHIFT;

  private Event() {}

  /**
   * Composes the first word.
   *
   * @param code what happened
   * @param deviceId whose request it was, 0 if none
   * @param domainId its domain, 0 if none
   * @param flags flag bits
   * @return q0
   */
  public static long firstWord(int code, int deviceId, int domainId, int flags) {
    return ((long) code << CODE_SHIFT)
        | ((long) flags << FLAGS_SHIFT)
        | ((long) domainId << DOMAIN_SHIFT)
        | deviceId;
  }

  /**
   * Composes the first word of a guest translation's event.
   *
   * @param code what happened
   * @param deviceId whose request it was
   * @param pasid 0 to 0xfffff
   * @param flags flag bits
   * @return q0
   */
  static long guestWord(int code, int deviceId, int pasid, int flags) {
    return firstWord(code, deviceId, pasid & 0xffff, flags) | (pasid & PASID_HIGH);
  }

  /**
   * The flags that carry the type of an INVALID_DEVICE_REQUEST.
   *
   * @param type 0 to 7
   * @return flag bits
   */
  static int requestType(int type) {
    return type << TYPE_SHIFT;
  }

  /**
   * The type that is part of the flags of hardware errors and of INVALID_DEVICE_REQUEST.
   *
   * @param code what happened
   * @param flags 12 flag bits
   * @return 0 to 3 of a hardware error, 0 to 7 of an invalid request, 0 of anything else
   */
  public static int type(int code, int flags) {
    return switch (code) {
      case DEV_TAB_HARDWARE_ERROR, PAGE_TAB_HARDWARE_ERROR, COMMAND_HARDWARE_ERROR, RMP_HW_ERROR ->
          flags >>> TYPE_SHIFT & 3;
      case INVALID_DEVICE_REQUEST -> flags >>> TYPE_SHIFT & 7;
      default -> 0;
    };
  }

  /**
   * What happened.
   *
   * @param q0 the first word
   * @return an event code, 0 to 15
   */
  public static int code(long q0) {
    return (int) (q0 >>> CODE_SHIFT);
  }

  /**
   * The flags.
   *
   * @param q0 the first word
   * @return 12 bits
   */
  public static int flags(long q0) {
    return (int) (q0 >>> FLAGS_SHIFT) & 0xfff;
  }

  /**
   * Whose request it was.
   *
   * @param q0 the first word
   * @return device id
   */
  public static int deviceId(long q0) {
    return (int) q0 & 0xffff;
  }

  /**
   * The domain of the request.
   *
   * @param q0 the first word
   * @return domain id, or the low 16 bits of the PASID in guest translations
   */
  public static int domainId(long q0) {
    return (int) (q0 >>> DOMAIN_SHIFT) & 0xffff;
  }

  /**
   * The PASID of a guest translation.
   *
   * @param q0 the first word, with {@link #GN}
   * @return 0 to 0xfffff
   */
  public static int pasid(long q0) {
    return domainId(q0) | (int) (q0 & PASID_HIGH);
  }
}
