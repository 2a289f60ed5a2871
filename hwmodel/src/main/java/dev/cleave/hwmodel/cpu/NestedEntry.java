package dev.cleave.hwmodel.cpu;

/**
 * An entry of the nested page table: the x86-64 layout, 8 bytes.
 *
 * <pre>
 *  63 62     52 51              12 11  8  7  6  5  4   3   2  1  0
 * +--+---------+------------------+-----+--+--+--+---+---+--+--+--+
 * |NX|    -    |     address      |  -  |PS| D| A|PCD|PWT| U|RW| P|
 * +--+---------+------------------+-----+--+--+--+---+---+--+--+--+
 * </pre>
 *
 * <p>Level 1 has leaves only; at levels 2 and 3 PS says leaf (2 MiB, 1 GiB), above it is reserved.
 * In a large leaf the address bits below its size are reserved, but for bit 12 (PAT). All nested
 * accesses are user accesses: U must be set on the way.
 */
final class NestedEntry {
  static final long PRESENT = 1L;
  static final long WRITABLE = 1L << 1;
  static final long USER = 1L << 2;
  static final long ACCESSED = 1L << 5;
  static final long DIRTY = 1L << 6;
  static final long NO_EXECUTE = 1L << 63;
  static final long ADDRESS = 0x000f_ffff_ffff_f000L;

  private static final long PAGE_SIZE = 1L << 7;
  private static final long PAT_OF_LARGE = 1L << 12;
  private static final int HIGHEST_LEAF_LEVEL = 3;

  private NestedEntry() {}

  static int coverLog2(int level) {
    return 12 + 9 * (level - 1);
  }

  static long slot(long table, int level, long gpa) {
    return table + ((gpa >>> coverLog2(level)) & 0x1ff) * Long.BYTES;
  }

  static boolean isLeaf(long entry, int level) {
    return level == 1 || (entry & PAGE_SIZE) != 0;
  }

  static boolean hasReservedBit(long entry, int level) {
    if (level == 1 || (entry & PAGE_SIZE) == 0) {
      return false;
    }
    long below = ((1L << coverLog2(level)) - 1) & ADDRESS & ~PAT_OF_LARGE;
    return level > HIGHEST_LEAF_LEVEL || (entry & below) != 0;
  }

  static long output(long entry, int level, long gpa) {
    long offset = (1L << coverLog2(level)) - 1;
    return (entry & ADDRESS & ~offset) | (gpa & offset);
  }
}
