package dev.cleave.hwmodel.iommu;

/**
 * An entry of the migration engine's ring: 16 bytes, two words.
 *
 * <pre>
 *      63                                                                     0
 *    +--------------------------------------------------------------------------+
 * q0 |       list address, with the bit that chooses the host's encryption      |
 *    +--------------------------------------------------------------------------+
 *      63         40 39       32 31    28 27          16 15       8 7           0
 *    +--------------+-----------+--------+--------------+----------+------------+
 * q1 |      0       |  status   |   0    |    pages     |    0     |  command   |
 *    +--------------+-----------+--------+--------------+----------+------------+
 * </pre>
 *
 * <p>AMD 58151 revision 0.51, as one driver has it.
 */
public final class MigrationCommand {
  /** Bytes of one entry. */
  public static final int BYTES = 16;

  /** Writes what the engine can do where the list would be: four 32-bit words. */
  public static final int GET_CAPABILITIES = 0;

  /** Does nothing. */
  public static final int NOOP = 1;

  /** Exchanges leaves for directories and 2 MiB RMP entries for 4 KiB; the list says which. */
  public static final int PSMASH_IO = 5;

  /** The most pages of one command. */
  public static final int MAX_PAGES = 0xfff;

  /** Capabilities, last word: PSMASH_IO. Of PUNSMASH_IO only its bit 7 is known; it is not set. */
  public static final int CAPABILITY_PSMASH_IO = 1 << 6;

  /** Which of the 32-bit words of the capabilities tells the commands. */
  public static final int CAPABILITY_WORD = 3;

  private static final int PAGES_SHIFT = 16;
  private static final int STATUS_SHIFT = 32;
  private static final long STATUS = 0xffffffffL << STATUS_SHIFT;
  private static final long RESERVED = 0xf000_ff00L;

  private MigrationCommand() {}

  /**
   * Composes the second word.
   *
   * @param command what to do
   * @param pages how many pages the list has, 0 to {@link #MAX_PAGES}
   * @return q1, with status running
   */
  public static long secondWord(int command, int pages) {
    return (long) pages << PAGES_SHIFT | command;
  }

  /**
   * What to do.
   *
   * @param q1 the second word
   * @return 0 to 255
   */
  static int command(long q1) {
    return (int) q1 & 0xff;
  }

  static int pages(long q1) {
    return (int) (q1 >>> PAGES_SHIFT) & MAX_PAGES;
  }

  static boolean hasReservedBit(long q1) {
    return (q1 & RESERVED) != 0;
  }

  /**
   * What became of it.
   *
   * @param q1 the second word
   * @return a {@link MigrationStatus}
   */
  public static int status(long q1) {
    return (int) (q1 >>> STATUS_SHIFT) & 0xff;
  }

  static long withStatus(long q1, int status) {
    return (q1 & ~STATUS) | (long) status << STATUS_SHIFT;
  }
}
