package dev.cleave.engine.operations;

import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.AmdV1;

/**
 * A small piece of the address space in which a random run takes place, so that collisions happen.
 *
 * @param kind the table, whose iovas begin where its kind says
 * @param offset first iova from there on, 2 MiB-aligned
 * @param unitLog2 logarithm of the bytes of a unit; all operations are in whole units
 * @param units number of units
 * @param config what the table is like
 */
record Window(TableKind kind, long offset, int unitLog2, int units, PageTableConfig config) {
  static final long ALL = AmdV1.LINUX.leafSizes();
  static final long X86_SIZES = 1L << 12 | 1L << 21 | 1L << 30;

  /** A window of an AMD v1 table with so many levels at first and these leaf sizes. */
  static Window v1(long base, int unitLog2, int units, int levels, long pageSizes) {
    TableKind kind = TableKind.AMD_V1;
    PageTableConfig config = kind.config().withLevels(levels).withPageSizes(pageSizes);
    return new Window(kind, base, unitLog2, units, config);
  }

  /** A window of a table as its kind is. */
  static Window of(TableKind kind, long offset, int unitLog2, int units) {
    return new Window(kind, offset, unitLog2, units, kind.config());
  }

  long base() {
    return kind.base() + offset;
  }

  long pageSizes() {
    return config.pageSizes();
  }

  long iova(int unit) {
    return base() + ((long) unit << unitLog2);
  }

  long bytes(int count) {
    return (long) count << unitLog2;
  }

  /** Whether regions are small enough in number to keep an RMP bitmap of them. */
  boolean hasRmp() {
    return unitLog2 <= 21;
  }
}
