package dev.cleave.bench.image.rmp;

import dev.cleave.bench.image.table.LeafRow;
import dev.cleave.bench.image.table.TableVisitor;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.rmp.RmpEntry;
import java.io.IOException;
import java.io.Writer;
import java.util.TreeMap;

/**
 * Writes the RMP of a simulated guest as a kernel prints that of a real one, so that {@link
 * PrintedRmp} reads it: the entries of all memory that a table leads to.
 *
 * <p>Not thread-safe.
 */
public final class RmpDump implements TableVisitor {
  /** The guest's ASID; a simulation has one guest. */
  public static final int ASID = 1;

  /** What is known of a guest's pages. */
  public interface States {
    /** Whether a page is the hypervisor's. */
    boolean isShared(long gpa);

    /** Whether a page is part of a private page of 2 MiB. */
    boolean isLarge(long gpa);
  }

  private final States states;

  /** The first words of a region's entries, by its number: 512, or one of a page of 2 MiB. */
  private final TreeMap<Long, long[]> regions = new TreeMap<>();

  /**
   * An RMP of which nothing is known.
   *
   * @param states what is private
   */
  public RmpDump(States states) {
    this.states = states;
  }

  @Override
  public void leaf(LeafRow row) {
    for (long offset = 0; offset < row.sizeBytes(); offset += Geometry.PAGE_BYTES) {
      long gpa = row.site().iova() + offset;
      long spa = row.paddr() + offset;
      if (!states.isShared(gpa) && states.isLarge(gpa)) {
        long skipped = gpa & Geometry.REGION_BYTES - 1;
        regions.put(
            (spa - skipped) >>> Geometry.REGION_LOG2, new long[] {entry(gpa - skipped, true)});
        offset += Geometry.REGION_BYTES - skipped - Geometry.PAGE_BYTES;
        continue;
      }
      long[] entries =
          regions.computeIfAbsent(
              spa >>> Geometry.REGION_LOG2, _ -> new long[RmpEntry.REGION_PAGES]);
      int page = (int) (spa >>> Geometry.PAGE_LOG2) & RmpEntry.REGION_PAGES - 1;
      if (!states.isShared(gpa) && page < entries.length) {
        entries[page] = entry(gpa, false);
      }
    }
  }

  private static long entry(long gpa, boolean isLarge) {
    return RmpEntry.assigned(gpa, ASID, isLarge, false) | RmpEntry.VALIDATED;
  }

  /**
   * Writes all lines.
   *
   * @throws IOException if writing fails
   */
  public void write(Writer out) throws IOException {
    out.write("# the RMP of a simulated guest, as a kernel prints it\n");
    for (var region : regions.entrySet()) {
      long first = region.getKey() * RmpEntry.REGION_PAGES;
      long[] entries = region.getValue();
      if (entries.length == 1) {
        out.write(
            "SEV-SNP: PFN 0x%x, RMP entry: [0x%016x - 0x%016x]\n".formatted(first, entries[0], 0));
      } else {
        write(out, first, entries);
      }
    }
  }

  private static void write(Writer out, long first, long[] entries) throws IOException {
    out.write(
        "SEV-SNP: PFN 0x%x unassigned, dumping non-zero entries in 2M PFN region: [0x%x - 0x%x]\n"
            .formatted(first, first, first + entries.length));
    int others = 0;
    for (int page = 1; page < entries.length; page++) {
      others += entries[page] == 0 ? 0 : 1;
    }
    entries[0] = RmpEntry.withSubpages(entries[0], others);
    for (int page = 0; page < entries.length; page++) {
      if (entries[page] != 0) {
        out.write(
            "SEV-SNP: PFN: 0x%x, [0x%016x - 0x%016x]\n".formatted(first + page, entries[page], 0));
      }
    }
  }
}
