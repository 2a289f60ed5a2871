package dev.cleave.bench.conform;

/**
 * What QEMU's AMD IOMMU gets wrong or does not have, and is therefore not asked. Nothing else is
 * left out.
 */
public enum KnownDeviation {
  /** See {@link #why}. */
  NOT_PRESENT_LEAF("it translates through a leaf with PR = 0 whose other bits are set"),
  /** See {@link #why}. */
  IOVA_BEYOND_WIDTH("an IOVA wider than the table's levels wraps instead of faulting"),
  /** See {@link #why}. */
  SKIPPED_BITS("it ignores IOVA bits of skipped levels that are not zero"),
  /** See {@link #why}. */
  TRANSLATION_NOT_VALID("a device table entry with V = 1, TV = 0 passes through, not blocks"),
  /** See {@link #why}. */
  INTERRUPT_WINDOW("IOVAs fee00000 to feefffff reach the interrupt window before any table"),
  /** See {@link #why}. */
  ALIAS_ABOVE_48("its IOTLB confuses IOVAs that differ only above bit 48"),
  /** See {@link #why}. */
  RIGHTS_ABOVE_LEAF_NOT_CACHED(
      "its IOTLB keeps the leaf's rights only: reads and writes are checked with a flush between"),
  /** See {@link #why}. */
  ACCESSED_AND_DIRTY("it never sets A or D"),
  /** See {@link #why}. */
  GUEST_TABLES("it has no v2 tables, no PASID and no SNP"),
  /** See {@link #why}. */
  INVALIDATION_RANGE(
      "INVALIDATE_IOMMU_PAGES flushes the whole domain: a missing flush shows, a short one cannot"),
  /** See {@link #why}. */
  DIRECTORY_CACHE(
      "it caches leaves, no directories: what a device sees in a table that was taken out cannot");

  private final String why;

  KnownDeviation(String why) {
    this.why = why;
  }

  /**
   * Why it is left out.
   *
   * @return one line
   */
  public String why() {
    return why;
  }
}
