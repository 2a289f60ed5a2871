package dev.cleave.engine.format;

/**
 * The shape that both entry formats share: tables of 512 entries of 8 bytes, nine address bits a
 * level, 4 KiB at the bottom. Levels are the hardware's: 1 is the table of 4 KiB leaves.
 *
 * <pre>
 *   63        57 56    48 47    39 38    30 29    21 20    12 11       0
 *  +------------+--------+--------+--------+--------+--------+----------+
 *  |  level 6   | lvl 5  | lvl 4  | lvl 3  | lvl 2  | lvl 1  |  offset  |
 *  +------------+--------+--------+--------+--------+--------+----------+
 * </pre>
 *
 * <p>Sizes are given as their logarithm, {@code …Log2}. Thread-safe: static functions of their
 * arguments. Source: {@code docs/spec/amd-vi.md} §1.
 */
public final class Geometry {
  /** Logarithm of the smallest page and of a table page. */
  public static final int PAGE_LOG2 = 12;

  /** Bytes in the smallest page and in a table page. */
  public static final int PAGE_BYTES = 1 << PAGE_LOG2;

  /** Logarithm of the entries in a table. */
  public static final int TABLE_ENTRIES_LOG2 = 9;

  /** Entries in a table. */
  public static final int TABLE_ENTRIES = 1 << TABLE_ENTRIES_LOG2;

  /** Logarithm of the bytes in an entry. */
  public static final int ENTRY_BYTES_LOG2 = 3;

  /** Logarithm of a region, the piece of guest memory that one RMP entry can cover. */
  public static final int REGION_LOG2 = PAGE_LOG2 + TABLE_ENTRIES_LOG2;

  /** Bytes in a region: 2 MiB. */
  public static final long REGION_BYTES = 1L << REGION_LOG2;

  private Geometry() {}

  /**
   * Logarithm of the bytes that one entry of a table translates.
   *
   * @param level hardware level, from 1
   * @return 12 for level 1, 21 for level 2, and so on
   */
  public static int entryLog2(int level) {
    return PAGE_LOG2 + TABLE_ENTRIES_LOG2 * (level - 1);
  }

  /**
   * Logarithm of the bytes that a whole table translates.
   *
   * @param level hardware level of the table, from 1
   * @return 21 for level 1, 30 for level 2, and so on; 66 for level 6, of which 64 are decoded
   */
  public static int tableLog2(int level) {
    return PAGE_LOG2 + TABLE_ENTRIES_LOG2 * level;
  }

  /**
   * Where in a table of the given level an address is decoded.
   *
   * @param address the address, all 64 bits
   * @param level hardware level of the table, from 1
   * @return the entry's index, 0 to 511
   */
  public static int index(long address, int level) {
    return (int) (address >>> entryLog2(level) & (TABLE_ENTRIES - 1));
  }

  /**
   * The level at which a leaf of the given size stands.
   *
   * @param sizeLog2 logarithm of the leaf's bytes, from 12
   * @return its hardware level
   */
  public static int leafLevel(int sizeLog2) {
    return (sizeLog2 - PAGE_LOG2) / TABLE_ENTRIES_LOG2 + 1;
  }

  /**
   * Logarithm of the number of slots that a leaf of the given size fills.
   *
   * @param sizeLog2 logarithm of the leaf's bytes, from 12
   * @return 0 for a level's own size, 1 to 8 for a sized leaf
   */
  public static int slotsLog2(int sizeLog2) {
    return (sizeLog2 - PAGE_LOG2) % TABLE_ENTRIES_LOG2;
  }

  /**
   * Levels needed to decode an address.
   *
   * @param address the address, unsigned
   * @return the smallest number of levels whose tables reach it, 1 to 6
   */
  public static int levelsFor(long address) {
    int level = 1;
    while (!reaches(level, address)) {
      level++;
    }
    return level;
  }

  /**
   * Whether a table of so many levels decodes an address.
   *
   * @param levels number of levels, from 1
   * @param address the address, unsigned
   * @return true when no address bit lies above the table's
   */
  public static boolean reaches(int levels, long address) {
    int bits = tableLog2(levels);
    return bits >= Long.SIZE || address >>> bits == 0;
  }

  /**
   * The mask of the offset bits in an aligned block.
   *
   * @param sizeLog2 logarithm of the block's bytes, 0 to 63
   * @return that many one bits
   */
  public static long offsetMask(int sizeLog2) {
    return (1L << sizeLog2) - 1;
  }
}
