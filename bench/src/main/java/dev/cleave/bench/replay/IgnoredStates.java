package dev.cleave.bench.replay;

import dev.cleave.engine.SizeRule;

/** Page states do not matter: no RMP is checked, or all its entries are as small as all leaves. */
record IgnoredStates(SimulatedRmp rmp) implements PageStates {
  private static final SizeRule ANY = SizeRule.atMost(Long.SIZE - 1);

  @Override
  public void share(long gpa, long length) {
    rmp.unassign(gpa, length);
  }

  @Override
  public void unshare(long gpa, long length) {
    rmp.assign(gpa, length, false);
  }

  @Override
  public void populate(long gpa, long paddr, long length) {
    rmp.populate(gpa, paddr, length, null);
  }

  @Override
  public SizeRule rule() {
    return ANY;
  }

  @Override
  public void close() {}
}
