package dev.cleave.hwmodel.iommu;

/**
 * An entry of the host page table ("v1"), 8 bytes.
 *
 * <pre>
 *  63 62 61 60 59 58    52 51             12 11   9 8 7  6  5 4     1  0
 * +--+--+--+--+--+--------+-----------------+------+---+--+--+-------+--+
 * | -|IW|IR|FC| U|reserved|     address     | Next | - | D| A|   -   |PR|
 * |  |  |  |  |  |   0    |                 | Level|   |  |  |       |  |
 * +--+--+--+--+--+--------+-----------------+------+---+--+--+-------+--+
 * </pre>
 *
 * <p>NextLevel 0 is a leaf of its level's own size, 1 to 6 a directory, 7 a sized leaf: the lowest
 * zero bit n of the address, n at least 12, gives its size 2^(n+1). U and FC are reserved in a
 * directory. AMD 48882, host translation tables.
 */
public final class HostEntry {
  /** PR: with it clear every other bit is ignored. */
  public static final long PRESENT = 1L;

  /** A: an access went through this entry. */
  public static final long ACCESSED = 1L << 5;

  /** D: a write went through this leaf. */
  public static final long DIRTY = 1L << 6;

  /** FC: forced coherent; leaves only. */
  public static final long FORCE_COHERENT = 1L << 60;

  /** IR. */
  public static final long READ = 1L << 61;

  /** IW. */
  public static final long WRITE = 1L << 62;

  /** The address field. */
  public static final long ADDRESS = 0x000f_ffff_ffff_f000L;

  /** Bits that must be zero in a leaf. */
  public static final long RESERVED_IN_LEAF = 0x07f0_0000_0000_0000L;

  /** Bits that must be zero in a directory: besides the leaf's also U and FC. */
  public static final long RESERVED_IN_DIRECTORY = 0x1ff0_0000_0000_0000L;

  /** NextLevel of a leaf of its level's own size. */
  public static final int LEAF = 0;

  /** NextLevel of a sized leaf. */
  public static final int SIZED_LEAF = 7;

  /** The highest level a table can have. */
  public static final int MAX_LEVEL = 6;

  /** The largest legal leaf, 2 PiB. */
  public static final int LARGEST_LEAF_LOG2 = 51;

  private static final long ATTRIBUTES = -1L << 52;
  private static final int NEXT_LEVEL_SHIFT = 9;
  private static final int PERMISSION_SHIFT = 61;
  private static final int PAGE_LOG2 = 12;
  private static final int INDEX_BITS = 9;

  private HostEntry() {}

  /**
   * What an entry of a level covers.
   *
   * @param level 1 to 6
   * @return log2 of bytes
   */
  public static int coverLog2(int level) {
    return PAGE_LOG2 + INDEX_BITS * (level - 1);
  }

  /**
   * Where a table keeps the entry for an address.
   *
   * @param table physical address of the table
   * @param level of the table, 1 to 6
   * @param iova the address
   * @return physical address of the entry
   */
  public static long slot(long table, int level, long iova) {
    return table + ((iova >>> coverLog2(level)) & 0x1ff) * Long.BYTES;
  }

  /**
   * The field that tells leaves from directories.
   *
   * @param entry an entry
   * @return 0 to 7
   */
  public static int nextLevel(long entry) {
    return (int) (entry >>> NEXT_LEVEL_SHIFT) & 7;
  }

  /**
   * Whether a NextLevel says leaf.
   *
   * @param nextLevel 0 to 7
   * @return true for 0 and 7
   */
  public static boolean isLeaf(int nextLevel) {
    return nextLevel == LEAF || nextLevel == SIZED_LEAF;
  }

  /**
   * The permissions of one entry, as bits: 1 read, 2 write.
   *
   * @param entry an entry
   * @return 0 to 3
   */
  public static int permissions(long entry) {
    return (int) (entry >>> PERMISSION_SHIFT) & Permission.ALL;
  }

  /**
   * The size of a sized leaf.
   *
   * @param entry an entry with NextLevel 7
   * @return log2 of bytes, 13 and up; more than {@link #LARGEST_LEAF_LOG2} if it encodes no size
   */
  public static int sizedLeafLog2(long entry) {
    return Long.numberOfTrailingZeros(~entry & ADDRESS) + 1;
  }

  /** Whether an entry is present and a leaf of its level's own size. */
  static boolean isPlainLeaf(long entry) {
    return (entry & PRESENT) != 0 && nextLevel(entry) == LEAF;
  }

  /** Whether two leaves differ in what stands above the address field. */
  static boolean differsInAttributes(long entry, long other) {
    return ((entry ^ other) & ATTRIBUTES) != 0;
  }

  /** What an entry leads to, permissions and marks left out: its level field and its address. */
  static long meaning(long entry) {
    return entry & (ADDRESS | 7L << NEXT_LEVEL_SHIFT);
  }

  /**
   * Composes a directory as software would, readable and writable.
   *
   * @param table physical address of the table it points to
   * @param tableLevel level of that table, 1 to 5
   * @return the entry
   */
  public static long directory(long table, int tableLevel) {
    return PRESENT | ((long) tableLevel << NEXT_LEVEL_SHIFT) | (table & ADDRESS) | READ | WRITE;
  }
}
