package dev.cleave.hwmodel.iommu;

/**
 * An entry of a GCR3 table, 8 bytes: where a PASID's guest table begins, or the next level of the
 * GCR3 table, which has one to three.
 *
 * <pre>
 *  63      52 51                  12 11      1  0
 * +----------+----------------------+---------+--+
 * | reserved |       address        |reserved | V|
 * +----------+----------------------+---------+--+
 * </pre>
 *
 * <p>AMD 48882, guest CR3 table.
 */
final class Gcr3Entry {
  static final long VALID = 1L;

  /** The address field. */
  static final long ADDRESS = 0x000f_ffff_ffff_f000L;

  /** PASID bits that each level decodes. */
  static final int INDEX_BITS = 9;

  private Gcr3Entry() {}

  /** Where a table of a level, 1 to 3, keeps the entry for a PASID. */
  static long slot(long table, int level, int pasid) {
    int index = (pasid >>> (INDEX_BITS * (level - 1))) & 0x1ff;
    return table + (long) index * Long.BYTES;
  }

  static boolean hasReservedBit(long entry) {
    return (entry & Choices.GCR3_RESERVED) != 0;
  }
}
