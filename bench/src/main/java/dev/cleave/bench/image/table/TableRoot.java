package dev.cleave.bench.image.table;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.format.Geometry;
import org.jspecify.annotations.Nullable;

/**
 * Where a walk begins, and how it goes.
 *
 * @param format the format of the table's entries
 * @param paddr address of the top table, without the C-bit
 * @param levels hardware level of the top table, 1 to 6
 * @param access the permissions that bound those of the table
 * @param signExtended whether the bits of an iova above those that the table decodes repeat the
 *     highest of these; otherwise they are zero
 * @param host the table that translates every address in this one, its own included; null where
 *     they are physical
 */
public record TableRoot(
    EntryFormat format,
    long paddr,
    int levels,
    int access,
    boolean signExtended,
    @Nullable TableRoot host) {
  /**
   * A table whose iovas begin at 0 and whose addresses are physical.
   *
   * @param format the format of its entries
   * @param paddr physical address of the top table, without the C-bit
   * @param levels hardware level of the top table, 1 to 6
   * @param access the permissions that bound those of the table
   * @return a root
   */
  public static TableRoot of(EntryFormat format, long paddr, int levels, int access) {
    return new TableRoot(format, paddr, levels, access, false, null);
  }

  /**
   * The same with sign-extended iovas.
   *
   * @return a root
   */
  public TableRoot withSignExtension() {
    return new TableRoot(format, paddr, levels, access, true, host);
  }

  /**
   * Whether the table leads from the addresses of a guest, or of its devices, to system memory:
   * only such a table is compared with an RMP.
   */
  public boolean leadsFromGpa() {
    return host == null && !signExtended;
  }

  /** The iova that the bits which the table decodes stand for. */
  long iova(long bits) {
    int above = Long.SIZE - Geometry.tableLog2(levels);
    return signExtended && above > 0 ? bits << above >> above : bits;
  }

  /** Whether the table decodes an iova. */
  boolean decodes(long iova) {
    return signExtended ? iova(iova) == iova : Geometry.reaches(levels, iova);
  }
}
