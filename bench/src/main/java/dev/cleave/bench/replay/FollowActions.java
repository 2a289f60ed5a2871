package dev.cleave.bench.replay;

import dev.cleave.engine.rmp.RmpFollower;

/** The tables follow the RMP by hitless split and merge. */
final class FollowActions extends LegalLeavesActions {
  /** A lazy follower merges what has not changed for so many changes, */
  private static final int QUIET_CHANGES = 256;

  /** and looks for it once in so many. */
  private static final int BATCH_CHANGES = 64;

  private final RmpFollower follower;
  private final boolean isLazy;
  private int changes;
  private boolean hasTidied;

  FollowActions(GuestTables tables, SimulatedRmp rmp, ReplayOptions options, boolean isLazy) {
    super(tables, rmp, options);
    this.follower = new RmpFollower(tables.followed(known), known, rmp, options.order(), isLazy);
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
  public void close() {
    follower.close();
    super.close();
  }
}
