package dev.cleave.engine.format;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.offsetMask;

/**
 * Entries of the AMD-Vi host page table, "v1".
 *
 * <pre>
 *   63  62  61  60  59  58   52 51                         12 11   9 8 7  6   5  4   1  0
 *  +---+---+---+---+---+-------+-----------------------------+------+---+---+---+-----+---+
 *  | - |IW |IR |FC | U | rsvd  |  output address / next table | NxtL | - | D | A |  -  |PR |
 *  +---+---+---+---+---+-------+-----------------------------+------+---+---+---+-----+---+
 * </pre>
 *
 * <p>NextLevel 0 is a leaf of the level's own size, 1 to 6 a directory to a table of that level, 7
 * a sized leaf: of 2^s bytes, with address bits 12 to s-2 all ones and bit s-1 zero, the same entry
 * 2^((s-12) mod 9) times in a row. Linux's choices where the specification leaves one: FC is set in
 * every leaf and in no directory, IR and IW in every directory.
 *
 * <p>The SME C-bit, where used, lies inside the address field. It is kept apart from the address
 * here: {@link #leafPaddr} never has it, {@link #attributesOf} does.
 *
 * <p>Immutable and thread-safe. Source: {@code docs/spec/amd-vi.md} §1.
 */
public final class AmdV1 implements EntryFormat {
  /** As Linux writes it on a host without memory encryption: FC set, no C-bit. */
  public static final AmdV1 LINUX = new AmdV1(true, 0);

  /** Bits 58:52 must be zero in every present entry, bits 60:59 also in directories. */
  private static final long RESERVED_LEAF = 0x7FL << 52;

  private static final long RESERVED_DIRECTORY = 0x1FFL << 52;

  private static final long PRESENT = 1;
  private static final long ACCESSED = 1L << 5;
  private static final long DIRTY = 1L << 6;
  private static final int NEXT_LEVEL_SHIFT = 9;
  private static final long NEXT_LEVEL_MASK = 7L << NEXT_LEVEL_SHIFT;
  private static final int NEXT_LEVEL_SIZED = 7;
  private static final long ADDRESS_MASK = 0x000F_FFFF_FFFF_F000L;
  private static final long FORCE_COHERENT = 1L << 60;
  private static final long READ = 1L << 61;
  private static final long WRITE = 1L << 62;

  /** Every power of two from 4 KiB to 2^51 but 512 GiB, which an erratum forbids. */
  private static final long LEAF_SIZES = 0x000F_FF7F_FFFF_F000L;

  private static final int OUTPUT_BITS = 52;
  private static final int MAX_LEVELS = 6;

  private final boolean forceCoherent;
  private final long encryptionMask;
  private final long paddrMask;

  private AmdV1(boolean forceCoherent, long encryptionMask) {
    this.forceCoherent = forceCoherent;
    this.encryptionMask = encryptionMask;
    this.paddrMask = encryptionMask == 0 ? ADDRESS_MASK : ADDRESS_MASK & (encryptionMask - 1);
  }

  /**
   * The same format on a host with memory encryption: leaves mapped {@link Access#ENCRYPTED} and
   * all directories carry the C-bit.
   *
   * @param bit position of the C-bit, 32 to 51; output addresses end below it
   * @return a format
   * @throws IllegalArgumentException if the position is outside the address field
   */
  public AmdV1 withEncryptionBit(int bit) {
    return new AmdV1(forceCoherent, EncryptionBit.mask(bit));
  }

  /**
   * The same format without FC in its leaves, so that a device may ask for no-snoop.
   *
   * @return a format
   */
  public AmdV1 withoutForcedCoherence() {
    return new AmdV1(false, encryptionMask);
  }

  @Override
  public int minLevels() {
    return 1;
  }

  @Override
  public int maxLevels() {
    return MAX_LEVELS;
  }

  @Override
  public boolean canGrow() {
    return true;
  }

  @Override
  public long leafSizes() {
    return encryptionMask == 0 ? LEAF_SIZES : LEAF_SIZES & (2 * encryptionMask - 1);
  }

  @Override
  public int outputBits() {
    return encryptionMask == 0 ? OUTPUT_BITS : Long.numberOfTrailingZeros(encryptionMask);
  }

  @Override
  public long presentMask() {
    return PRESENT;
  }

  @Override
  public long kindMask(int level) {
    return PRESENT | NEXT_LEVEL_MASK;
  }

  @Override
  public boolean isLeaf(long entry, int level) {
    int nextLevel = nextLevel(entry);
    return nextLevel == 0 || nextLevel == NEXT_LEVEL_SIZED;
  }

  /**
   * The raw NextLevel field.
   *
   * @param entry a raw entry
   * @return 0 to 7
   */
  public static int nextLevel(long entry) {
    return (int) (entry >>> NEXT_LEVEL_SHIFT) & 7;
  }

  /**
   * Whether a leaf's size stands in its address field.
   *
   * @param entry a raw leaf entry
   * @return true for NextLevel 7
   */
  public static boolean isSized(long entry) {
    return nextLevel(entry) == NEXT_LEVEL_SIZED;
  }

  /**
   * The bits set that hardware wants zero.
   *
   * @param entry a raw entry, present
   * @return the offending bits, 0 for a good entry
   */
  public static long reservedBits(long entry) {
    int nextLevel = nextLevel(entry);
    boolean leaf = nextLevel == 0 || nextLevel == NEXT_LEVEL_SIZED;
    return entry & (leaf ? RESERVED_LEAF : RESERVED_DIRECTORY);
  }

  @Override
  public long directory(long tablePaddr, int tableLevel) {
    return tablePaddr
        | encryptionMask
        | (long) tableLevel << NEXT_LEVEL_SHIFT
        | WRITE
        | READ
        | PRESENT;
  }

  @Override
  public long tablePaddr(long entry) {
    return entry & paddrMask;
  }

  @Override
  public long leaf(long paddr, int sizeLog2, long attributes) {
    if (Geometry.slotsLog2(sizeLog2) == 0) {
      return paddr | attributes;
    }
    long ones = offsetMask(sizeLog2 - 1) & ~offsetMask(PAGE_LOG2);
    return paddr | ones | NEXT_LEVEL_MASK | attributes;
  }

  @Override
  public int leafSizeLog2(long entry, int level) {
    if (!isSized(entry)) {
      return Geometry.entryLog2(level);
    }
    return Long.numberOfTrailingZeros(~((entry & ADDRESS_MASK) | offsetMask(PAGE_LOG2))) + 1;
  }

  @Override
  public long leafPaddr(long entry, int level) {
    return entry & paddrMask & -(1L << leafSizeLog2(entry, level));
  }

  @Override
  public boolean canExpress(int access) {
    return (access & Access.READ_WRITE) != 0
        && (access & ~(Access.READ_WRITE | Access.ENCRYPTED)) == 0;
  }

  @Override
  public String accessRule() {
    return "a mapping must permit reads, writes or both, and cannot forbid execution";
  }

  @Override
  public long attributes(int access) {
    long bits = PRESENT | permissions(access);
    if (forceCoherent) {
      bits |= FORCE_COHERENT;
    }
    return (access & Access.ENCRYPTED) == 0 ? bits : bits | EncryptionBit.required(encryptionMask);
  }

  private static long permissions(int access) {
    long bits = 0;
    if ((access & Access.READ) != 0) {
      bits |= READ;
    }
    if ((access & Access.WRITE) != 0) {
      bits |= WRITE;
    }
    return bits;
  }

  @Override
  public long withPermissions(long entry, int access) {
    return (entry & ~(READ | WRITE)) | permissions(access);
  }

  @Override
  public long attributesOf(long entry) {
    return entry & ~(paddrMask | NEXT_LEVEL_MASK | ACCESSED | DIRTY);
  }

  @Override
  public int access(long entry) {
    int access = 0;
    if ((entry & READ) != 0) {
      access |= Access.READ;
    }
    if ((entry & WRITE) != 0) {
      access |= Access.WRITE;
    }
    if ((entry & encryptionMask) != 0) {
      access |= Access.ENCRYPTED;
    }
    return access;
  }

  @Override
  public long statusMask() {
    return ACCESSED | DIRTY;
  }

  @Override
  public long dirtyMask() {
    return DIRTY;
  }

  @Override
  public String toString() {
    return "AMD v1";
  }
}
