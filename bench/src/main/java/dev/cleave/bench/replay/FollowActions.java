package dev.cleave.bench.replay;

import dev.cleave.engine.SizeRule;
import dev.cleave.engine.rmp.RmpBitmap;
import dev.cleave.engine.rmp.RmpFollower;
import java.util.List;

/** The tables follow the RMP by hitless split and merge. */
final class FollowActions implements PolicyActions {
  /** A lazy follower merges what has not changed for so many changes, */
  private static final int QUIET_CHANGES = 256;

  /** and looks for it once in so many. */
  private static final int BATCH_CHANGES = 64;

  private final GuestTables tables;
  private final RmpBitmap known;
  private final SimulatedRmp rmp;
  private final RmpFollower follower;
  private final boolean isLazy;
  private int changes;
  private boolean hasTidied;

  FollowActions(GuestTables tables, SimulatedRmp rmp, ReplayOptions options, boolean isLazy) {
    this.tables = tables;
    this.known = new RmpBitmap(options.guestBytes(), options.isSharedInPlace());
    this.rmp = rmp;
    this.follower = new RmpFollower(tables.followed(), known, rmp, tables, options.order(), isLazy);
    this.isLazy = isLazy;
  }

  @Override
  public void share(long gpa, long length) {
    follower.share(gpa, length);
    mergeNowAndThen();
  }

  @Override
  public void unshare(long gpa, long length) {
    follower.unshare(gpa, length);
    mergeNowAndThen();
  }

  private void mergeNowAndThen() {
    if (isLazy && ++changes % BATCH_CHANGES == 0) {
      hasTidied |= follower.mergeQuiet(QUIET_CHANGES) > 0;
    }
  }

  @Override
  public boolean takeTidied() {
    boolean was = hasTidied;
    hasTidied = false;
    return was;
  }

  @Override
  public void rest() {
    var _ = follower.mergeQuiet(0);
  }

  @Override
  public void populate(long gpa, long paddr, long length) {
    tables.checkFit(rmp.losing(gpa, paddr, length), known);
    tables.fit(rmp.populate(gpa, paddr, length, known), known.rule());
  }

  @Override
  public void map(ReplayedSpace space, long iova, long paddr, long length, int access) {
    tables.map(space, iova, paddr, length, access, rule(), rmp.actual());
  }

  @Override
  public long unmap(ReplayedSpace space, long iova, long length) {
    tables.checkFit(rmp.cutBy(iova, length), known);
    long bytes = tables.unmap(space, iova, length, rule());
    cut(iova, length);
    return bytes;
  }

  @Override
  public long clear(ReplayedSpace space, long first, long last) {
    tables.checkFit(rmp.cutBy(first, last - first + 1), known);
    long bytes = tables.clear(space, first, last, rule());
    cut(first, last - first + 1);
    return bytes;
  }

  /** A range has been unmapped: regions of which a part is left need small entries, and leaves. */
  private void cut(long iova, long length) {
    List<GuestTables.Run> regions = rmp.cutBy(iova, length);
    if (!regions.isEmpty()) {
      var _ = tables.flushOwed(); // the old leaf must not be remembered
      rmp.cut(regions, known);
      tables.fit(regions, known.rule());
    }
  }

  @Override
  public SizeRule rule() {
    return known.rule();
  }

  @Override
  public void close() {
    follower.close();
    known.close();
  }
}
