package dev.cleave.hwmodel.rmp;

/**
 * A raw RMP entry as it lies in memory: 16 bytes, two words q0 and q1.
 *
 * <pre>
 *      63     62     61   60   51 50         12 11         3    2       1       0
 *    +----+---------+----+-------+-------------+------------+---------+----+--------+
 * q0 |lock|validated|VMSA| ASID  |  gpa >> 12  |  subpages  |immutable|size|assigned|
 *    +----+---------+----+-------+-------------+------------+---------+----+--------+
 *      63     62 61         54 53         49 48       32 31     24 23     16 15      8 7       0
 *    +----------+-------------+-------------+-----------+---------+---------+---------+---------+
 * q1 |migration |  stream id  |  root port  |     0     | VMPL 3  | VMPL 2  | VMPL 1  | VMPL 0  |
 *    +----------+-------------+-------------+-----------+---------+---------+---------+---------+
 *      a VMPL's byte: 4 shadow stack, 3 supervisor execute, 2 user execute, 1 write, 0 read
 * </pre>
 *
 * <p>Size 0 is 4 KiB, 1 is 2 MiB. The subpage count stands in the head of a region and counts the
 * other 511 pages that are assigned as 4 KiB; in a 2 MiB entry it is zero. The lock bit is a lock
 * while the page is mutable; in an immutable one it stands for good. Root port, stream and
 * migration are trusted I/O's, of pages that are a device's registers. APM volume 2, 15.36; AMD's
 * firmware source for q1 above the permissions.
 */
public final class RmpEntry {
  /** Bytes of an entry. */
  public static final int BYTES = 16;

  /** q0: not the hypervisor's. */
  public static final long ASSIGNED = 1L;

  /** q0: a 2 MiB page. */
  public static final long LARGE = 1L << 1;

  /** q0: RMPUPDATE may not change it. */
  public static final long IMMUTABLE = 1L << 2;

  /** q0: a VM save area. */
  public static final long VMSA = 1L << 61;

  /** q0: the guest accepted it. */
  public static final long VALIDATED = 1L << 62;

  /** q0: being changed; in an immutable entry it may stand for good and means nothing. */
  public static final long LOCK = 1L << 63;

  /** A VMPL's permission to read. */
  public static final int VMPL_READ = 1;

  /** A VMPL's permission to write. */
  public static final int VMPL_WRITE = 1 << 1;

  /** A VMPL's permission to execute as user. */
  public static final int VMPL_USER_EXECUTE = 1 << 2;

  /** A VMPL's permission to execute as supervisor. */
  public static final int VMPL_SUPERVISOR_EXECUTE = 1 << 3;

  /** A VMPL's permission to use it as shadow stack. */
  public static final int VMPL_SHADOW_STACK = 1 << 4;

  /** Number of VM privilege levels. */
  public static final int VMPLS = 4;

  /** One more than the largest ASID. */
  public static final int ASIDS = 1 << 10;

  /** 4 KiB pages in a region. */
  public static final int REGION_PAGES = 512;

  static final int ALL_VMPL_PERMISSIONS = 0x1f;

  private static final int PAGE_LOG2 = 12;
  private static final int SUBPAGES_SHIFT = 3;
  private static final int SUBPAGES_MASK = 0x1ff;
  private static final long GPA = 0x0007_ffff_ffff_f000L;
  private static final int ASID_SHIFT = 51;

  private static final int ROOT_PORT_SHIFT = 49;
  private static final int ROOT_PORT_MASK = 0x1f;
  private static final int STREAM_SHIFT = 54;
  private static final int STREAM_MASK = 0xff;
  private static final int MIGRATION_SHIFT = 62;

  private RmpEntry() {}

  /**
   * Whether somebody is changing it at this moment: the lock bit, unless it stands there for good.
   *
   * @param q0 the first word
   * @return false for an immutable page, whose lock bit means nothing
   */
  public static boolean isLocked(long q0) {
    return (q0 & (LOCK | IMMUTABLE)) == LOCK;
  }

  /** An entry that nobody holds: the lock bit stays only where it stands for good. */
  static long unlocked(long q0) {
    return (q0 & IMMUTABLE) != 0 ? q0 : q0 & ~LOCK;
  }

  /**
   * The root port that a device's registers are reached by.
   *
   * @param q1 the second word
   * @return 0 to 31
   */
  public static int rootPort(long q1) {
    return (int) (q1 >>> ROOT_PORT_SHIFT) & ROOT_PORT_MASK;
  }

  /**
   * The IDE stream that a device's registers are reached by.
   *
   * @param q1 the second word
   * @return 0 to 255
   */
  public static int stream(long q1) {
    return (int) (q1 >>> STREAM_SHIFT) & STREAM_MASK;
  }

  /**
   * The state of a migration, whose values are not known here.
   *
   * @param q1 the second word
   * @return 0 to 3
   */
  public static int migration(long q1) {
    return (int) (q1 >>> MIGRATION_SHIFT);
  }

  /**
   * The same with another way to a device.
   *
   * @param q1 the second word
   * @param rootPort 0 to 31
   * @param stream 0 to 255
   * @return q1
   */
  public static long withRoute(long q1, int rootPort, int stream) {
    long route = (long) ROOT_PORT_MASK << ROOT_PORT_SHIFT | (long) STREAM_MASK << STREAM_SHIFT;
    return (q1 & ~route) | (long) rootPort << ROOT_PORT_SHIFT | (long) stream << STREAM_SHIFT;
  }

  /**
   * Composes an assigned page.
   *
   * @param gpa where the guest sees it, aligned to the page
   * @param asid whose it is, 0 for the firmware
   * @param large whether it has 2 MiB
   * @param immutable whether RMPUPDATE may not change it
   * @return q0
   */
  public static long assigned(long gpa, int asid, boolean large, boolean immutable) {
    return ASSIGNED
        | (large ? LARGE : 0)
        | (immutable ? IMMUTABLE : 0)
        | (gpa & GPA)
        | ((long) asid << ASID_SHIFT);
  }

  /**
   * Whether it is not the hypervisor's.
   *
   * @param q0 the first word
   * @return the assigned bit
   */
  public static boolean isAssigned(long q0) {
    return (q0 & ASSIGNED) != 0;
  }

  /**
   * Whether it is a 2 MiB page.
   *
   * @param q0 the first word of the head
   * @return true if it is assigned and has 2 MiB
   */
  public static boolean isLarge(long q0) {
    return (q0 & (ASSIGNED | LARGE)) == (ASSIGNED | LARGE);
  }

  /**
   * Where the guest sees it.
   *
   * @param q0 the first word
   * @return guest physical address
   */
  public static long gpa(long q0) {
    return q0 & GPA;
  }

  /**
   * Whose it is.
   *
   * @param q0 the first word
   * @return ASID, 0 to 1023
   */
  public static int asid(long q0) {
    return (int) (q0 >>> ASID_SHIFT) & (ASIDS - 1);
  }

  /**
   * How many of the other pages of the region are assigned as 4 KiB.
   *
   * @param q0 the first word of the head
   * @return 0 to 511
   */
  public static int subpages(long q0) {
    return (int) (q0 >>> SUBPAGES_SHIFT) & SUBPAGES_MASK;
  }

  /**
   * The same with another subpage count.
   *
   * @param q0 the first word of the head
   * @param count 0 to 511
   * @return q0
   */
  public static long withSubpages(long q0, int count) {
    return (q0 & ~((long) SUBPAGES_MASK << SUBPAGES_SHIFT)) | ((long) count << SUBPAGES_SHIFT);
  }

  /**
   * What a VMPL may do.
   *
   * @param q1 the second word
   * @param vmpl 0 to 3
   * @return permission bits
   */
  public static int permissions(long q1, int vmpl) {
    return (int) (q1 >>> (vmpl * Byte.SIZE)) & 0xff;
  }

  /**
   * The same with other permissions for a VMPL.
   *
   * @param q1 the second word
   * @param vmpl 0 to 3
   * @param permissions its bits
   * @return q1
   */
  public static long withPermissions(long q1, int vmpl, int permissions) {
    return (q1 & ~(0xffL << (vmpl * Byte.SIZE))) | ((long) permissions << (vmpl * Byte.SIZE));
  }

  /** The entry of a 4 KiB page inside what was a 2 MiB page. */
  static long piece(long large, int page) {
    return withSubpages(large & ~(LARGE | LOCK), 0) + ((long) page << PAGE_LOG2);
  }
}
