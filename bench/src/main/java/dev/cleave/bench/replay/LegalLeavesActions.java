package dev.cleave.bench.replay;

import dev.cleave.engine.rmp.RmpBitmap;
import java.util.List;

/**
 * A policy whose leaves are as large as the RMP allows: what it does with the log's own maps. How
 * its leaves change with page states is its own.
 */
abstract class LegalLeavesActions implements PolicyActions {
  final GuestTables tables;
  final RmpBitmap known;
  final SimulatedRmp rmp;

  LegalLeavesActions(GuestTables tables, SimulatedRmp rmp, ReplayOptions options) {
    this.tables = tables;
    this.known = new RmpBitmap(options.guestBytes(), options.isSharedInPlace());
    this.rmp = rmp;
    tables.liesBy(known);
  }

  @Override
  public void populate(long gpa, long paddr, long length) {
    tables.checkFit(rmp.losing(gpa, paddr, length), known);
    tables.fit(rmp.populate(gpa, paddr, length, known));
  }

  @Override
  public void map(ReplayedSpace space, long iova, long paddr, long length, int access) {
    tables.map(space, iova, paddr, length, access);
  }

  @Override
  public long unmap(ReplayedSpace space, long iova, long length) {
    tables.checkFit(rmp.cutBy(iova, length), known);
    long bytes = tables.unmap(space, iova, length);
    cut(iova, length);
    return bytes;
  }

  @Override
  public long clear(ReplayedSpace space, long first, long last) {
    tables.checkFit(rmp.cutBy(first, last - first + 1), known);
    long bytes = tables.clear(space, first, last);
    cut(first, last - first + 1);
    return bytes;
  }

  /** A range has been unmapped: regions of which a part is left need small entries, and leaves. */
  private void cut(long iova, long length) {
    List<GuestTables.Run> regions = rmp.cutBy(iova, length);
    if (!regions.isEmpty()) {
      var _ = tables.flushOwed(); // the old leaf must not be remembered
      rmp.cut(regions, known);
      tables.fit(regions);
    }
  }

  @Override
  public void close() {
    known.close();
  }
}
