package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import java.util.List;

/**
 * Devices are given shared pages alone, as QEMU does it through iommufd: one map call for each page
 * of 4 KiB, since what is mapped by one call can only be unmapped whole; one unmap call for a range
 * that was wholly shared, else one for each of its shared pages; and below it one flush for each
 * page, since the kernel takes the areas one by one. No area covers a table, so none is ever freed.
 */
final class SharedPageActions extends SharedBackingActions {
  SharedPageActions(GuestTables tables, SimulatedRmp rmp) {
    super(tables, rmp);
  }

  @Override
  void give(GuestTable table, GuestTables.Run run) {
    for (long page = run.gpa(); page < run.gpa() + run.length(); page += PAGE_BYTES) {
      if (table.mapShared(page, PAGE_BYTES)) {
        for (int time = 0; time < table.times(); time++) {
          table.keptTables().needed(table.base(time) + page);
        }
      }
    }
  }

  @Override
  void take(GuestTable table, List<GuestTables.Run> runs) {
    for (GuestTables.Run run : runs) {
      if (run.gpa() < 0 || run.gpa() >= states().guestBytes()) {
        var _ = table.takeOutPart(run.gpa(), run.length());
        continue;
      }
      table.flushes().setOfPages(true);
      for (long page = run.gpa(); page < run.gpa() + run.length(); page += PAGE_BYTES) {
        if (table.takeOutPart(page, PAGE_BYTES) > 0) {
          for (int time = 0; time < table.times(); time++) {
            table.keptTables().emptied(table.table(), table.base(time) + page);
          }
        }
      }
      table.flushes().setOfPages(false);
    }
  }

  @Override
  void countUnmap(GuestTable table, List<GuestTables.Run> runs, boolean isWhole) {
    long pages = 0;
    for (GuestTables.Run run : runs) {
      pages += table.mappedBytes(run.gpa(), run.length()) / PAGE_BYTES;
    }
    table.addUnmapCalls((isWhole ? Math.min(pages, 1) : pages) * table.times());
  }
}
