package dev.cleave.bench.replay;

import dev.cleave.engine.rmp.RmpBitmap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Page states do not matter: no RMP is checked, or all its entries are as small as all leaves. With
 * shared pages elsewhere they move.
 */
final class IgnoreActions implements PolicyActions {
  private final GuestTables tables;
  private final SimulatedRmp rmp;

  /** Where pages lie, if they move; it changes before the RMP does. */
  private final @Nullable RmpBitmap places;

  IgnoreActions(GuestTables tables, SimulatedRmp rmp, ReplayOptions options) {
    this.tables = tables;
    this.rmp = rmp;
    this.places = options.isSharedInPlace() ? null : new RmpBitmap(options.guestBytes(), false);
    if (places != null) {
      tables.liesBy(places);
    }
  }

  @Override
  public void share(long gpa, long length) {
    if (places != null) {
      List<GuestTables.Run> runs = GuestTables.runs(places, gpa, gpa + length, false);
      places.share(gpa, length);
      tables.renew(runs);
    }
    rmp.unassign(gpa, length);
  }

  @Override
  public void unshare(long gpa, long length) {
    if (places != null) {
      List<GuestTables.Run> runs = GuestTables.runs(places, gpa, gpa + length, true);
      places.unshare(gpa, length);
      tables.renew(runs);
    }
    rmp.assign(gpa, length, false);
  }

  @Override
  public void populate(long gpa, long paddr, long length) {
    var _ = rmp.populate(gpa, paddr, length, null);
  }

  @Override
  public void map(ReplayedSpace space, long iova, long paddr, long length, int access) {
    tables.map(space, iova, paddr, length, access);
  }

  @Override
  public long unmap(ReplayedSpace space, long iova, long length) {
    return tables.unmap(space, iova, length);
  }

  @Override
  public long clear(ReplayedSpace space, long first, long last) {
    return tables.clear(space, first, last);
  }

  @Override
  public void close() {
    if (places != null) {
      places.close();
    }
  }
}
