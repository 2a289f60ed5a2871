package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import dev.cleave.bench.extent.Extent;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.ArrayList;
import java.util.List;

/**
 * What the log maps is memory that the guest has, all private at first; devices are given it page
 * by page as it becomes shared, from memory that only shared pages lie in. Memory beyond the guest
 * has no page states and is mapped as the log says. No page that is given lies in memory that a
 * guest owns, so the RMP forbids no leaf.
 */
abstract class SharedBackingActions implements PolicyActions {
  private final GuestTables tables;
  private final SimulatedRmp rmp;

  SharedBackingActions(GuestTables tables, SimulatedRmp rmp) {
    this.tables = tables;
    this.rmp = rmp;
  }

  GuestTables tables() {
    return tables;
  }

  SimulatedRmp rmp() {
    return rmp;
  }

  /** The page states as they are. */
  RmpBitmap states() {
    return rmp.actual();
  }

  /** Maps a run of shared pages, as far as a table has memory there; all of it or nothing. */
  abstract void give(GuestTable table, GuestTables.Run run);

  /** Unmaps what is mapped of runs of pages. */
  abstract void take(GuestTable table, List<GuestTables.Run> runs);

  /**
   * Counts the calls that {@link #take} stands for, if they are not one for each run.
   *
   * @param isWhole whether the runs are all of what is to be unmapped
   */
  void countUnmap(GuestTable table, List<GuestTables.Run> runs, boolean isWhole) {}

  /** Guest memory was mapped, and given as far as it is shared. */
  void mapped(long gpa, long length) {}

  @Override
  public void share(long gpa, long length) {
    giveAll(tables.all(), GuestTables.runs(states(), gpa, gpa + length, false));
    rmp.unassign(gpa, length);
  }

  /** Gives runs to tables, or to none. */
  private void giveAll(List<GuestTable> to, List<GuestTables.Run> runs) {
    List<GuestTable> begun = new ArrayList<>();
    try {
      for (GuestTable table : to) {
        begun.add(table);
        runs.forEach(run -> give(table, run));
      }
    } catch (PageTableException e) {
      begun.forEach(table -> take(table, runs));
      throw e;
    }
  }

  @Override
  public void unshare(long gpa, long length) {
    List<GuestTables.Run> runs = GuestTables.runs(states(), gpa, gpa + length, true);
    boolean isWhole = runs.size() == 1 && runs.getFirst().length() == length;
    for (GuestTable table : tables.all()) {
      countUnmap(table, runs, isWhole);
      take(table, runs);
    }
    rmp.assign(gpa, length, false);
  }

  @Override
  public void populate(long gpa, long paddr, long length) {
    var _ = rmp.populate(gpa, paddr, length, null);
  }

  @Override
  public boolean isFree(ReplayedSpace space, long iova, long length) {
    return space.table().sharedMemory().isFree(iova, length);
  }

  @Override
  public void map(ReplayedSpace space, long iova, long paddr, long length, int access) {
    GuestTable table = space.table();
    check(iova, paddr, length);
    if (!isFree(space, iova, length)) {
      throw new PageTableException(
          Reason.ALREADY_MAPPED, iova, "something is mapped already, iova=0x%x".formatted(iova));
    }
    long inside = inGuest(iova, length);
    if (inside < length) {
      table.map(iova + inside, paddr + inside, length - inside, access);
    }
    table.sharedMemory().add(iova, paddr, length, access);
    if (inside > 0) {
      try {
        giveAll(List.of(table), sharedRuns(iova, inside));
      } catch (PageTableException e) {
        table.sharedMemory().remove(iova, length);
        if (inside < length) {
          take(table, List.of(new GuestTables.Run(iova + inside, length - inside)));
        }
        throw e;
      }
      mapped(iova, inside);
    }
  }

  /** The runs of a range of guest memory that devices are to be given. */
  List<GuestTables.Run> sharedRuns(long gpa, long length) {
    return GuestTables.runs(states(), gpa, gpa + length, true);
  }

  /** How many bytes of a range have page states. */
  private long inGuest(long iova, long length) {
    long end = states().guestBytes();
    return Long.compareUnsigned(iova, end) >= 0
        ? 0
        : Long.compareUnsigned(length, end - iova) > 0 ? end - iova : length;
  }

  @Override
  public long unmap(ReplayedSpace space, long iova, long length) {
    check(iova, 0, length);
    GuestTable table = space.table();
    long inside = inGuest(iova, length);
    List<GuestTables.Run> runs = new ArrayList<>();
    if (inside > 0) {
      runs.addAll(sharedRuns(iova, inside));
    }
    if (inside < length) {
      runs.add(new GuestTables.Run(iova + inside, length - inside));
    }
    if (isFree(space, iova, length)) {
      throw new PageTableException(
          Reason.NOT_MAPPED, iova, "nothing is mapped, iova=0x%x".formatted(iova));
    }
    countUnmap(table, runs, true);
    take(table, runs);
    return table.sharedMemory().remove(iova, length);
  }

  @Override
  public long clear(ReplayedSpace space, long first, long last) {
    long bytes = 0;
    for (Extent extent : space.table().sharedMemory().over(first, last)) {
      bytes += unmap(space, extent.first(), extent.length());
    }
    return bytes;
  }

  private static void check(long iova, long paddr, long length) {
    if (((iova | paddr | length) & (PAGE_BYTES - 1)) != 0 || length == 0) {
      throw new PageTableException(
          Reason.MISALIGNED, iova, "pages are mapped whole, iova=0x%x".formatted(iova));
    }
    boolean isWrapped = Long.compareUnsigned(iova + (length - 1), iova) < 0;
    boolean isBeyond =
        paddr != 0
            && (Long.compareUnsigned(paddr, PolicyRun.END_OF_MEMORY) >= 0
                || Long.compareUnsigned(length, PolicyRun.END_OF_MEMORY - paddr) > 0);
    if (isWrapped || isBeyond) {
      throw new PageTableException(
          Reason.OUT_OF_RANGE, iova, "a range ends where addresses do, iova=0x%x".formatted(iova));
    }
  }

  @Override
  public void close() {}
}
