package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import dev.cleave.bench.extent.Extent;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTableException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.Consumer;

/**
 * The regions whose legal leaf size changes are unmapped, and mapped again with sizes computed
 * anew. Between the two the RMP changes, and a device that comes by meets a hole. With shared pages
 * elsewhere the pages that move are part of it.
 */
final class RemapActions extends LegalLeavesActions {
  RemapActions(GuestTables tables, SimulatedRmp rmp, ReplayOptions options) {
    super(tables, rmp, options);
    tables.obey(known);
  }

  @Override
  public void share(long gpa, long length) {
    BitSet wereLarge = regions(gpa, length, known::isLarge);
    change(
        gpa,
        length,
        true,
        () -> known.share(gpa, length),
        () -> {
          wereLarge.stream()
              .mapToLong(region -> (long) region << REGION_LOG2)
              .filter(region -> region < gpa || region + REGION_BYTES > gpa + length)
              .forEach(rmp::smash);
          rmp.unassign(gpa, length);
        });
  }

  @Override
  public void unshare(long gpa, long length) {
    change(
        gpa,
        length,
        false,
        () -> {
          known.unshare(gpa, length);
          regions(gpa, length, this::becomesLarge).stream()
              .forEach(region -> known.setLarge((long) region << REGION_LOG2, REGION_BYTES, true));
        },
        () -> {
          rmp.assign(gpa, length, false);
          regions(gpa, length, known::isLarge).stream()
              .forEach(region -> rmp.unsmash((long) region << REGION_LOG2));
        });
  }

  private boolean becomesLarge(long region) {
    return region + REGION_BYTES <= known.guestBytes()
        && known.isPrivate(region)
        && rmp.canBeLarge(region, REGION_BYTES);
  }

  private interface RegionTest {
    boolean test(long gpa);
  }

  private static BitSet regions(long gpa, long length, RegionTest test) {
    BitSet found = new BitSet();
    for (long region = gpa & -REGION_BYTES; region < gpa + length; region += REGION_BYTES) {
      found.set((int) (region >>> REGION_LOG2), test.test(region));
    }
    return found;
  }

  private void change(long gpa, long length, boolean areShared, Runnable inKnown, Runnable inRmp) {
    BitSet changed = regions(gpa, length, known::allowsLarge);
    known.save(gpa, length);
    inKnown.run();
    changed.xor(regions(gpa, length, known::allowsLarge));
    try {
      for (GuestTable table : tables.all()) {
        forEachRun(changed, (first, bytes) -> table.checkFit(first, bytes));
      }
    } catch (PageTableException e) {
      known.restore(gpa, length);
      throw e;
    }
    if (!tables.isSharedElsewhere()) {
      List<List<Extent>> extents = tables.all().stream().map(t -> unmap(t, changed)).toList();
      inRmp.run();
      for (int i = 0; i < extents.size(); i++) {
        for (Extent e : extents.get(i)) {
          tables.all().get(i).map(e.first(), e.paddr(), e.length(), e.access());
        }
      }
    } else {
      List<GuestTables.Run> moved = GuestTables.runs(rmp.actual(), gpa, gpa + length, !areShared);
      tables.all().forEach(table -> takeOut(table, changed, moved));
      inRmp.run();
      tables.all().forEach(table -> putBack(table, changed, moved));
    }
  }

  /**
   * Takes out regions, and the pages that move: theirs is no gap, since they come to lie elsewhere.
   */
  private void takeOut(GuestTable table, BitSet changed, List<GuestTables.Run> moved) {
    for (GuestTables.Run run : moved) {
      forEachPart(
          run,
          regionsOf(run, changed),
          part -> table.addGap(-table.mappedBytes(part.gpa(), part.length())));
    }
    forEachRun(
        changed, (first, bytes) -> table.addGap(table.takeOutAtOnce(first, inGuest(first, bytes))));
    for (GuestTables.Run run : moved) {
      forEachPart(
          run,
          unchanged(run, changed),
          part -> {
            var _ = table.takeOutAtOnce(part.gpa(), part.length());
          });
    }
  }

  private void putBack(GuestTable table, BitSet changed, List<GuestTables.Run> moved) {
    forEachRun(changed, (first, bytes) -> table.mapAgain(first, inGuest(first, bytes)));
    for (GuestTables.Run run : moved) {
      forEachPart(run, unchanged(run, changed), part -> table.mapAgain(part.gpa(), part.length()));
    }
  }

  /** Visits what a run has of regions. */
  private static void forEachPart(
      GuestTables.Run run, BitSet regions, Consumer<GuestTables.Run> visitor) {
    forEachRun(
        regions,
        (first, bytes) -> {
          long from = Math.max(first, run.gpa());
          long end = Math.min(first + bytes, run.gpa() + run.length());
          visitor.accept(new GuestTables.Run(from, end - from));
        });
  }

  /** The regions of a run that are among those that changed. */
  private static BitSet regionsOf(GuestTables.Run run, BitSet changed) {
    BitSet among = regions(run.gpa(), run.length(), _ -> true);
    among.and(changed);
    return among;
  }

  /** The regions of a run that are not among those that changed. */
  private static BitSet unchanged(GuestTables.Run run, BitSet changed) {
    BitSet unchanged = regions(run.gpa(), run.length(), _ -> true);
    unchanged.andNot(changed);
    return unchanged;
  }

  private long inGuest(long first, long bytes) {
    return Math.min(bytes, known.guestBytes() - first);
  }

  private interface RunVisitor {
    void visit(long first, long bytes);
  }

  private static void forEachRun(BitSet regions, RunVisitor visitor) {
    for (int from = regions.nextSetBit(0), to; from >= 0; from = regions.nextSetBit(to)) {
      to = regions.nextClearBit(from);
      visitor.visit((long) from << REGION_LOG2, (long) (to - from) << REGION_LOG2);
    }
  }

  /** Unmaps regions; returns what was there, to be mapped again. */
  private List<Extent> unmap(GuestTable table, BitSet regions) {
    List<Extent> extents = new ArrayList<>();
    LeafCursor cursor = table.table().leaves();
    forEachRun(
        regions,
        (first, bytes) -> {
          note(cursor, first, first + bytes - 1, extents);
          table.addGap(table.takeOutAtOnce(first, bytes));
        });
    return extents;
  }

  private static void note(LeafCursor cursor, long first, long last, List<Extent> extents) {
    int before = extents.size();
    cursor.over(first, last);
    while (cursor.advance()) {
      long cut = Math.max(0, first - cursor.iova());
      long iova = cursor.iova() + cut;
      long end = Math.min(cursor.iova() + (1L << cursor.sizeLog2()) - 1, last);
      Extent part = new Extent(iova, end, cursor.paddr() + cut, cursor.access());
      Extent latest = extents.size() == before ? null : extents.getLast();
      if (latest != null && latest.continuesWith(part)) {
        extents.set(extents.size() - 1, latest.with(part));
      } else {
        extents.add(part);
      }
    }
  }
}
