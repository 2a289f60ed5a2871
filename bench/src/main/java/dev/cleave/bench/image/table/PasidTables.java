package dev.cleave.bench.image.table;

import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.format.Gcr3Entry;
import dev.cleave.engine.format.Geometry;
import dev.cleave.engine.format.X86;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds the guest tables of a device table entry: one domain for each PASID that its GCR3 tables
 * lead somewhere. Source: {@code docs/spec/iommu-behaviour.md} §7.
 *
 * <p>One object serves for one entry. Not thread-safe.
 */
final class PasidTables {
  /** More processes than share a device; an image that lists more is not a machine's. */
  static final int MOST_PASIDS = 1 << 16;

  private final TableSource source;
  private final X86 format;
  private final DeviceTableEntry entry;
  private final Domain outer;
  private final List<Domain> domains = new ArrayList<>();
  private boolean isTruncated;

  /**
   * A search.
   *
   * @param outer the domain of the entry itself, whose host table, if it has one, translates all
   *     addresses of the guest's tables; it takes the findings
   */
  PasidTables(PhysicalMemory memory, X86 format, DeviceTableEntry entry, Domain outer) {
    this.source = new TableSource(memory, outer.root());
    this.format = format;
    this.entry = entry;
    this.outer = outer;
  }

  /** The domains, by ascending PASID. */
  List<Domain> find() {
    int levels = entry.gcr3Levels();
    if (levels > 3 || entry.guestLevels() > format.maxLevels()) {
      error(
          Rule.DEVICE_TABLE,
          "%d levels of GCR3 tables and %d of guest tables: one is reserved"
              .formatted(levels, entry.guestLevels()));
    } else {
      table(entry.gcr3Root(), levels, 0);
    }
    return domains;
  }

  private void table(long table, int level, int firstPasid) {
    if (!source.isBacked(table)) {
      error(
          Rule.DANGLING,
          "the GCR3 table %s of level %d is not in the image".formatted(Numbers.hex(table), level));
      return;
    }
    for (int index = 0; index < Geometry.TABLE_ENTRIES; index++) {
      int pasid = firstPasid + Gcr3Entry.firstPasid(index, level);
      long found = source.entry(table, index);
      if (pasid >>> Gcr3Entry.PASID_BITS != 0 || isTruncated) {
        return;
      }
      if (!Gcr3Entry.isValid(found)) {
        continue;
      }
      if (Gcr3Entry.reservedBits(found) != 0) {
        error(
            Rule.RESERVED_BITS,
            "bits %s of the GCR3 entry of PASID %d must be zero"
                .formatted(Numbers.hex(Gcr3Entry.reservedBits(found)), pasid));
      } else if (level > 1) {
        table(Gcr3Entry.table(found), level - 1, pasid);
      } else {
        add(pasid, Gcr3Entry.table(found));
      }
    }
  }

  private void add(int pasid, long root) {
    if (domains.size() == MOST_PASIDS) {
      isTruncated = true;
      error(Rule.TRUNCATED, "only the first %d PASIDs were looked at".formatted(MOST_PASIDS));
      return;
    }
    domains.add(
        new Domain(
            "%s pasid %d".formatted(outer.name(), pasid),
            entry.kind(),
            new TableRoot(
                format,
                format.tablePaddr(root),
                entry.guestLevels(),
                entry.access(),
                true,
                outer.root()),
            outer.devices(),
            List.of()));
  }

  private void error(Rule rule, String detail) {
    outer.findings().add(new Finding(rule, null, detail));
  }
}
