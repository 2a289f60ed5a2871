package dev.cleave.hwmodel.iommu;

/**
 * One page in a list of PSMASH_IO: 32 bytes, four words.
 *
 * <pre>
 * q0   system physical address of the page, 2 MiB-aligned
 * q1   address of the page of 512 prefilled entries that shall translate it, 4 KiB-aligned
 * q2   address of the slot that holds its leaf, 8-byte aligned
 *      63        60 59        56 55   52 51                  12 11         8 7        0
 *    +-------------+------------+-------+----------------------+------------+----------+
 * q3 | entry error | its detail |   0   | guest context [51:12]|  phase     |  status  |
 *    +-------------+------------+-------+----------------------+------------+----------+
 * </pre>
 *
 * <p>The engine writes what stands beside the guest context. AMD 58151 revision 0.51, as one driver
 * has it; which entry error means what is the model's choice.
 */
public final class PsmashEntry {
  /** Bytes of one page's entry. */
  public static final int BYTES = 32;

  /** Phase: found while looking, nothing was changed. */
  public static final int VALIDATE = 1;

  /** Phase: memory could not be reached, nothing was changed. */
  public static final int ACCESS = 2;

  /** Entry error: the slot does not hold a present 2 MiB leaf of the page. */
  public static final int NO_LEAF = 1;

  /** Entry error: a prefilled entry is no leaf of 4 KiB with the old leaf's attributes. */
  public static final int BAD_PREFILLED = 2;

  private static final long CONTEXT = 0x000f_ffff_ffff_f000L;
  private static final int PHASE_SHIFT = 8;
  private static final int ERROR_SHIFT = 60;

  private PsmashEntry() {}

  static long context(long q3) {
    return q3 & CONTEXT;
  }

  static boolean hasReservedBit(long q3) {
    return (q3 & ~CONTEXT) != 0;
  }

  /** The last word with a result in place of an older one. */
  static long withResult(long q3, int status, int phase, int error) {
    return context(q3) | (long) error << ERROR_SHIFT | (long) phase << PHASE_SHIFT | status;
  }

  /**
   * What became of the page.
   *
   * @param q3 the last word
   * @return a {@link MigrationStatus}
   */
  public static int status(long q3) {
    return (int) q3 & 0xff;
  }

  /**
   * Where it failed.
   *
   * @param q3 the last word
   * @return {@link #VALIDATE}, {@link #ACCESS} or 0
   */
  public static int phase(long q3) {
    return (int) (q3 >>> PHASE_SHIFT) & 0xf;
  }

  /**
   * What is wrong with a table entry.
   *
   * @param q3 the last word
   * @return {@link #NO_LEAF}, {@link #BAD_PREFILLED} or 0
   */
  public static int entryError(long q3) {
    return (int) (q3 >>> ERROR_SHIFT);
  }
}
