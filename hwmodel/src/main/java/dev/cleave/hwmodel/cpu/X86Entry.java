package dev.cleave.hwmodel.cpu;

/**
 * An entry of a page table in the processor's layout (x86-64), 8 bytes: of the nested table, and of
 * the IOMMU's guest tables ("v2").
 *
 * <pre>
 *  63 62     52 51              12 11  8  7  6  5  4   3   2  1  0
 * +--+---------+------------------+-----+--+--+--+---+---+--+--+--+
 * |NX|    -    |     address      |  -  |PS| D| A|PCD|PWT| U|RW| P|
 * +--+---------+------------------+-----+--+--+--+---+---+--+--+--+
 * </pre>
 *
 * <p>Level 1 has leaves only, and its bit 7 is PAT; at levels 2 and 3 PS says leaf (2 MiB, 1 GiB),
 * above it is reserved. In a large leaf the address bits below its size are reserved, but for bit
 * 12 (PAT). What a path allows is what all its entries allow. APM volume 2, 5.3; AMD 48882, guest
 * translation tables.
 */
public final class X86Entry {
  /** P: with it clear every other bit is ignored. */
  public static final long PRESENT = 1L;

  /** RW: may be written. */
  public static final long WRITABLE = 1L << 1;

  /** U: user accesses too. */
  public static final long USER = 1L << 2;

  /** A: an access went through this entry. */
  public static final long ACCESSED = 1L << 5;

  /** D: a write went through this leaf. */
  public static final long DIRTY = 1L << 6;

  /** NX: no instruction fetches. */
  public static final long NO_EXECUTE = 1L << 63;

  /** The address field. */
  public static final long ADDRESS = 0x000f_ffff_ffff_f000L;

  /** Right: instruction fetches. */
  public static final int MAY_EXECUTE = 1;

  /** Right: writes; the bit is RW's own. */
  public static final int MAY_WRITE = (int) WRITABLE;

  /** Right: user accesses; the bit is U's own. */
  public static final int MAY_USER = (int) USER;

  /** Every right. */
  public static final int ALL_RIGHTS = MAY_EXECUTE | MAY_WRITE | MAY_USER;

  private static final long PAGE_SIZE = 1L << 7;
  private static final long PAT_OF_LARGE = 1L << 12;
  private static final int HIGHEST_LEAF_LEVEL = 3;

  private X86Entry() {}

  /**
   * What an entry of a level covers.
   *
   * @param level 1 to 5; one more for a whole table of five
   * @return log2 of bytes
   */
  public static int coverLog2(int level) {
    return 12 + 9 * (level - 1);
  }

  /**
   * Where a table keeps the entry for an address.
   *
   * @param table address of the table
   * @param level of the table, 1 to 5
   * @param address what is translated
   * @return address of the entry, in the same space as the table's
   */
  public static long slot(long table, int level, long address) {
    return table + ((address >>> coverLog2(level)) & 0x1ff) * Long.BYTES;
  }

  /**
   * Whether an entry translates.
   *
   * @param entry a present entry without a reserved bit
   * @param level of its table
   * @return false if it is a directory
   */
  public static boolean isLeaf(long entry, int level) {
    return level == 1 || (entry & PAGE_SIZE) != 0;
  }

  /**
   * Whether a bit is set that its place does not allow.
   *
   * @param entry a present entry
   * @param level of its table
   * @return true for PS above level 3 and for address bits below the size of a large leaf
   */
  public static boolean hasReservedBit(long entry, int level) {
    if (level == 1 || (entry & PAGE_SIZE) == 0) {
      return false;
    }
    long below = ((1L << coverLog2(level)) - 1) & ADDRESS & ~PAT_OF_LARGE;
    return level > HIGHEST_LEAF_LEVEL || (entry & below) != 0;
  }

  /**
   * What one entry allows.
   *
   * @param entry a present entry
   * @return bits that can be ANDed over a path: {@link #MAY_EXECUTE}, {@link #MAY_WRITE}, {@link
   *     #MAY_USER}
   */
  public static int rights(long entry) {
    int execute = (entry & NO_EXECUTE) == 0 ? MAY_EXECUTE : 0;
    return ((int) entry & (MAY_WRITE | MAY_USER)) | execute;
  }

  /**
   * Where a leaf leads.
   *
   * @param entry a leaf; bits of the address field that are no address must be clear
   * @param level of its table
   * @param address what is translated
   * @return the output address
   */
  public static long output(long entry, int level, long address) {
    long offset = (1L << coverLog2(level)) - 1;
    return (entry & ADDRESS & ~offset) | (address & offset);
  }
}
