package dev.cleave.bench.replay;

import java.util.List;

/**
 * All guest memory stays mapped through the memory of shared pages, whatever the page states: what
 * VMMs did before they followed them. Nothing is done when states change; each page that was mapped
 * so has memory twice.
 */
final class StaticActions extends SharedBackingActions {
  StaticActions(GuestTables tables, SimulatedRmp rmp) {
    super(tables, rmp);
  }

  @Override
  void give(GuestTable table, GuestTables.Run run) {
    table.mapShared(run.gpa(), run.length());
  }

  @Override
  void take(GuestTable table, List<GuestTables.Run> runs) {
    for (GuestTables.Run run : runs) {
      var _ = table.takeOut(run.gpa(), run.length());
    }
  }

  @Override
  public void share(long gpa, long length) {
    rmp().unassign(gpa, length);
  }

  @Override
  public void unshare(long gpa, long length) {
    rmp().assign(gpa, length, false);
  }

  @Override
  List<GuestTables.Run> sharedRuns(long gpa, long length) {
    return List.of(new GuestTables.Run(gpa, length));
  }
}
