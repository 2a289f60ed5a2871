package dev.cleave.hwmodel.rmp;

/**
 * The architectural form of an RMP entry: what RMPUPDATE takes and RMPREAD returns, 16 bytes, two
 * words.
 *
 * <pre>
 *      63                                                                     0
 *    +--------------------------------------------------------------------------+
 * q0 |                                   gpa                                    |
 *    +--------------------------------------------------------------------------+
 *      63         32 31    24 23      17    16     15     10  9    8    7  1   0
 *    +--------------+--------+---------+---------+----------+-----+----+----+---------+
 * q1 |     ASID     |   0    |    0    |immutable|    0     | 2M  |size| 0  |assigned |
 *    |              |        |         |         |          |state|    |    |         |
 *    +--------------+--------+---------+---------+----------+-----+----+----+---------+
 * </pre>
 *
 * <p>The 2M-region state is read-only and its meaning is not known here: it reads 0. APM volume 2,
 * 15.36.
 */
public final class RmpState {
  /** q1 of a page that belongs to the hypervisor. */
  public static final long HYPERVISOR = 0;

  private static final long ASSIGNED = 1L;
  private static final long LARGE = 1L << 8;
  private static final long IMMUTABLE = 1L << 16;
  private static final int ASID_SHIFT = 32;
  private static final long RESERVED = 0xfffe_fcfeL;

  private RmpState() {}

  /**
   * Composes the second word of an assigned page.
   *
   * @param asid whose it is; 0 for the firmware
   * @param large whether it has 2 MiB
   * @param immutable whether RMPUPDATE may not change it again
   * @return q1
   */
  public static long assigned(int asid, boolean large, boolean immutable) {
    return ASSIGNED
        | (large ? LARGE : 0)
        | (immutable ? IMMUTABLE : 0)
        | ((long) asid << ASID_SHIFT);
  }

  /**
   * Composes the second word of a page to be given back to the hypervisor.
   *
   * @param large whether it has 2 MiB
   * @return q1
   */
  public static long unassigned(boolean large) {
    return large ? LARGE : 0;
  }

  /**
   * Whether it is not the hypervisor's.
   *
   * @param q1 the second word
   * @return the assigned bit
   */
  public static boolean isAssigned(long q1) {
    return (q1 & ASSIGNED) != 0;
  }

  /**
   * Whether it is a 2 MiB page.
   *
   * @param q1 the second word
   * @return the size bit
   */
  public static boolean isLarge(long q1) {
    return (q1 & LARGE) != 0;
  }

  /**
   * Whether it may not be changed.
   *
   * @param q1 the second word
   * @return the immutable bit
   */
  public static boolean isImmutable(long q1) {
    return (q1 & IMMUTABLE) != 0;
  }

  /**
   * Whose it is.
   *
   * @param q1 the second word
   * @return ASID, unsigned
   */
  public static int asid(long q1) {
    return (int) (q1 >>> ASID_SHIFT);
  }

  static boolean isWellFormed(long q1) {
    int asid = asid(q1);
    return (q1 & RESERVED) == 0
        && asid >= 0
        && asid < RmpEntry.ASIDS
        && (isAssigned(q1) || (asid == 0 && !isImmutable(q1)));
  }
}
