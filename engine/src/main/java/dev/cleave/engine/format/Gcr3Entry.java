package dev.cleave.engine.format;

/**
 * Entries of the GCR3 tables, which lead from a PASID to its guest table.
 *
 * <pre>
 *   63        52 51                                12 11          1  0
 *  +------------+------------------------------------+-------------+---+
 *  |     0      |       guest table / next table     |      0      | V |
 *  +------------+------------------------------------+-------------+---+
 * </pre>
 *
 * <p>Tables have 512 entries; one of level 1 is indexed by the lowest nine bits of the PASID, one
 * of level 2 by the next. Thread-safe: functions of their arguments. Source: {@code
 * docs/spec/iommu-behaviour.md} §7.
 */
public final class Gcr3Entry {
  /** Width of a PASID. */
  public static final int PASID_BITS = 20;

  private static final long VALID = 1;
  private static final long ADDRESS_MASK = 0x000F_FFFF_FFFF_F000L;

  private Gcr3Entry() {}

  /**
   * The entry that points at a table.
   *
   * @param table address of the guest table or the next GCR3 table, 4 KiB-aligned
   * @return a raw entry
   */
  public static long of(long table) {
    return table | VALID;
  }

  /**
   * Whether there is anything behind an entry.
   *
   * @param entry a raw entry
   * @return false for a hole
   */
  public static boolean isValid(long entry) {
    return (entry & VALID) != 0;
  }

  /**
   * What an entry points at.
   *
   * @param entry a raw entry, valid
   * @return address of a table
   */
  public static long table(long entry) {
    return entry & ADDRESS_MASK;
  }

  /**
   * The bits set that hardware wants zero.
   *
   * @param entry a raw entry, valid
   * @return the offending bits, 0 for a good entry
   */
  public static long reservedBits(long entry) {
    return entry & ~(ADDRESS_MASK | VALID);
  }

  /**
   * The PASIDs that an entry stands for.
   *
   * @param index its index in the table, 0 to 511
   * @param level level of the table, from 1
   * @return the first of them, as far as this entry decides it
   */
  public static int firstPasid(int index, int level) {
    return index << (Geometry.TABLE_ENTRIES_LOG2 * (level - 1));
  }
}
