package dev.cleave.engine;

import dev.cleave.engine.format.AmdV1;

/**
 * A small piece of the address space in which a random run takes place, so that collisions happen.
 *
 * @param base first iova, 2 MiB-aligned
 * @param unitLog2 logarithm of the bytes of a unit; all operations are in whole units
 * @param units number of units
 * @param levels levels to start with
 * @param pageSizes leaf sizes of the table
 */
record Window(long base, int unitLog2, int units, int levels, long pageSizes) {
  static final long ALL = AmdV1.LINUX.leafSizes();
  static final long X86_SIZES = 1L << 12 | 1L << 21 | 1L << 30;

  long iova(int unit) {
    return base + ((long) unit << unitLog2);
  }

  long bytes(int count) {
    return (long) count << unitLog2;
  }

  /** Whether regions are small enough in number to keep an RMP bitmap of them. */
  boolean hasRmp() {
    return unitLog2 <= 21;
  }

  PageTableConfig config() {
    return PageTableConfig.of(AmdV1.LINUX).withLevels(levels).withPageSizes(pageSizes);
  }
}
