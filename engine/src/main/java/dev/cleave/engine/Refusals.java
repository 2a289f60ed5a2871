package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import dev.cleave.engine.PageTableException.Reason;

/** What a table says when it refuses for a reason that lies in the table, not in the arguments. */
final class Refusals {
  private Refusals() {}

  static PageTableException closed() {
    return new PageTableException(Reason.CLOSED, 0, "the page table is closed");
  }

  static PageTableException readOnly() {
    return new PageTableException(
        Reason.CLOSED, 0, "the page table is attached to an image and may only be read");
  }

  /** Pages that wait for a flush would be free, had their gathers been completed. */
  static PageTableException outOfMemory(long tables, long iova, long waiting) {
    return new PageTableException(
        Reason.OUT_OF_TABLE_MEMORY,
        iova,
        "table memory must have %d free pages of %d bytes for iova=0x%x%s"
            .formatted(
                tables,
                PAGE_BYTES,
                iova,
                waiting == 0
                    ? ""
                    : "; pages of this table that wait in gathers to be completed: " + waiting));
  }

  static PageTableException notMapped(long first, long last) {
    return new PageTableException(
        Reason.NOT_MAPPED,
        first,
        "a range must have something mapped in it, iova=0x%x, last=0x%x".formatted(first, last));
  }

  static PageTableException alreadyMapped(long iova) {
    return new PageTableException(
        Reason.ALREADY_MAPPED,
        iova,
        "a range to map must be free, iova=0x%x is mapped".formatted(iova));
  }
}
