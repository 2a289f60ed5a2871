package dev.cleave.bench.replay;

import dev.cleave.engine.SizeRule;
import java.util.List;

/** Page states do not matter: no RMP is checked, or all its entries are as small as all leaves. */
record IgnoreActions(GuestTables tables, SimulatedRmp rmp) implements PolicyActions {
  private static final SizeRule ANY = SizeRule.atMost(Long.SIZE - 1);

  @Override
  public void share(long gpa, long length) {
    tables.move(runs(gpa, length, false), true, ANY);
    rmp.unassign(gpa, length);
  }

  @Override
  public void unshare(long gpa, long length) {
    tables.move(runs(gpa, length, true), false, ANY);
    rmp.assign(gpa, length, false);
  }

  /** The pages that change their state. */
  private List<GuestTables.Run> runs(long gpa, long length, boolean wereShared) {
    return tables.isSharedElsewhere()
        ? GuestTables.runs(rmp.actual(), gpa, gpa + length, wereShared)
        : List.of();
  }

  @Override
  public void populate(long gpa, long paddr, long length) {
    var _ = rmp.populate(gpa, paddr, length, null);
  }

  @Override
  public SizeRule rule() {
    return ANY;
  }

  @Override
  public void close() {}
}
