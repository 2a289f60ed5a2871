package dev.cleave.engine.format;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.offsetMask;

/**
 * Entries of the x86-64 page table: the AMD-Vi guest table, "v2", and the processor's nested table.
 *
 * <pre>
 *   63  62         52 51                         12 11   9  8   7   6   5   4   3   2   1   0
 *  +---+-------------+-----------------------------+------+---+---+---+---+---+---+---+---+---+
 *  |NX |  software   |  output address / next table | sw   | G |PS | D | A |PCD|PWT| U |RW | P |
 *  +---+-------------+-----------------------------+------+---+---+---+---+---+---+---+---+---+
 * </pre>
 *
 * <p>A leaf stands at level 1, or with PS set at level 2 or 3, and is of its level's own size: 4
 * KiB, 2 MiB or 1 GiB. At level 1 bit 7 is no size but selects memory attributes (PAT), as bit 12
 * does in larger leaves; neither is ever set here. What is present can be read. Linux's choices
 * where the architecture leaves one: U is set everywhere, RW and A in every directory, and a leaf
 * is born with A, and with D where it may be written, which spares the hardware setting them.
 *
 * <p>The SME C-bit, where used, lies inside the address field. It is kept apart from the address
 * here: {@link #leafPaddr} never has it, {@link #attributesOf} does.
 *
 * <p>Immutable and thread-safe. Source: {@code docs/spec/amd-vi.md} §2.
 */
public final class X86 implements EntryFormat {
  /** As Linux writes it on a host without memory encryption: A and D set from birth, no C-bit. */
  public static final X86 LINUX = new X86(true, 0);

  private static final long PRESENT = 1;
  private static final long WRITE = 1L << 1;
  private static final long USER = 1L << 2;
  private static final long ACCESSED = 1L << 5;
  private static final long DIRTY = 1L << 6;
  private static final long PAGE_SIZE = 1L << 7;
  private static final long LARGE_PAT = 1L << 12;
  private static final long ADDRESS_MASK = 0x000F_FFFF_FFFF_F000L;
  private static final long NO_EXECUTE = 1L << 63;

  private static final long LEAF_SIZES = 1L << 12 | 1L << 21 | 1L << 30;
  private static final int LARGEST_LEAF_LEVEL = 3;
  private static final int OUTPUT_BITS = 52;
  private static final int MIN_LEVELS = 4;
  private static final int MAX_LEVELS = 5;

  private final long bornAccessed;
  private final long bornDirty;
  private final long encryptionMask;
  private final long paddrMask;

  private X86(boolean bornWithStatus, long encryptionMask) {
    this.bornAccessed = bornWithStatus ? ACCESSED : 0;
    this.bornDirty = bornWithStatus ? DIRTY : 0;
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
  public X86 withEncryptionBit(int bit) {
    return new X86(bornAccessed != 0, EncryptionBit.mask(bit));
  }

  /**
   * The same format whose entries are born without A and D, so that what hardware touched can be
   * told from what it did not.
   *
   * @return a format
   */
  public X86 withHardwareStatus() {
    return new X86(false, encryptionMask);
  }

  @Override
  public int minLevels() {
    return MIN_LEVELS;
  }

  @Override
  public int maxLevels() {
    return MAX_LEVELS;
  }

  @Override
  public boolean canGrow() {
    return false;
  }

  @Override
  public long leafSizes() {
    return LEAF_SIZES;
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
    return level == 1 ? PRESENT : PRESENT | PAGE_SIZE;
  }

  @Override
  public boolean isLeaf(long entry, int level) {
    return level == 1 || (entry & PAGE_SIZE) != 0;
  }

  /**
   * The bits set that hardware wants zero: PS where no leaf may stand, and in larger leaves the
   * address bits below their size, PAT aside.
   *
   * @param entry a raw entry, present
   * @param level hardware level of the table that it stands in
   * @return the offending bits, 0 for a good entry
   */
  public static long reservedBits(long entry, int level) {
    if (level == 1 || (entry & PAGE_SIZE) == 0) {
      return 0;
    }
    return level > LARGEST_LEAF_LEVEL
        ? PAGE_SIZE
        : entry & offsetMask(entryLog2(level)) & ~(offsetMask(PAGE_LOG2) | LARGE_PAT);
  }

  @Override
  public long directory(long tablePaddr, int tableLevel) {
    return tablePaddr | encryptionMask | bornAccessed | USER | WRITE | PRESENT;
  }

  @Override
  public long tablePaddr(long entry) {
    return entry & paddrMask;
  }

  @Override
  public long leaf(long paddr, int sizeLog2, long attributes) {
    return paddr | attributes | (sizeLog2 == PAGE_LOG2 ? 0 : PAGE_SIZE);
  }

  @Override
  public int leafSizeLog2(long entry, int level) {
    return entryLog2(level);
  }

  @Override
  public long leafPaddr(long entry, int level) {
    return entry & paddrMask & -(1L << entryLog2(level));
  }

  @Override
  public boolean canExpress(int access) {
    int known = Access.READ_WRITE | Access.NO_EXECUTE | Access.ENCRYPTED;
    return (access & Access.READ) != 0 && (access & ~known) == 0;
  }

  @Override
  public String accessRule() {
    return "a mapping must permit reads";
  }

  @Override
  public long attributes(int access) {
    long bits = PRESENT | USER | bornAccessed | permissions(access);
    return (access & Access.ENCRYPTED) == 0 ? bits : bits | EncryptionBit.required(encryptionMask);
  }

  private long permissions(int access) {
    long bits = 0;
    if ((access & Access.WRITE) != 0) {
      bits |= WRITE | bornDirty;
    }
    if ((access & Access.NO_EXECUTE) != 0) {
      bits |= NO_EXECUTE;
    }
    return bits;
  }

  @Override
  public long withPermissions(long entry, int access) {
    return (entry & ~(WRITE | NO_EXECUTE)) | permissions(access);
  }

  @Override
  public long attributesOf(long entry) {
    return entry & ~(paddrMask | PAGE_SIZE | ACCESSED | DIRTY);
  }

  @Override
  public int access(long entry) {
    int access = Access.READ;
    if ((entry & WRITE) != 0) {
      access |= Access.WRITE;
    }
    if ((entry & NO_EXECUTE) != 0) {
      access |= Access.NO_EXECUTE;
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
    return "x86-64";
  }
}
