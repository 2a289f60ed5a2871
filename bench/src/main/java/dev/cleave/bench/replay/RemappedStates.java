package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * The regions whose legal leaf size changes are unmapped, and mapped again with sizes computed
 * anew. Between the two the RMP changes, and a device that comes by meets a hole.
 */
final class RemappedStates implements PageStates {
  private static final long REGION_BYTES = 1L << REGION_LOG2;

  private final PageTable table;
  private final RmpBitmap known;
  private final SimulatedRmp rmp;
  private final FlushCounter flush;
  private final IotlbGather gather;
  private final LeafCursor cursor;
  private long gapBytes;

  /** What was mapped in the regions, to be mapped again. */
  private record Extent(long iova, long paddr, long length, int access) {
    boolean continuesWith(LeafCursor next) {
      return iova + length == next.iova()
          && paddr + length == next.paddr()
          && access == next.access();
    }
  }

  RemappedStates(PageTable table, SimulatedRmp rmp, FlushCounter flush, ReplayOptions options) {
    this.table = table;
    this.known = new RmpBitmap(options.guestBytes());
    this.rmp = rmp;
    this.flush = flush;
    this.gather = table.newGather();
    this.cursor = table.leaves();
  }

  @Override
  public void share(long gpa, long length) {
    BitSet wereLarge = regions(gpa, length, known::isLarge);
    change(
        gpa,
        length,
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

  private void change(long gpa, long length, Runnable inKnown, Runnable inRmp) {
    BitSet changed = regions(gpa, length, known::allowsLarge);
    known.save(gpa, length);
    inKnown.run();
    changed.xor(regions(gpa, length, known::allowsLarge));
    try {
      forEachRun(changed, (first, bytes) -> table.checkFit(first, bytes, known.rule(), gather));
    } catch (PageTableException e) {
      known.restore(gpa, length);
      throw e;
    }
    List<Extent> extents = new ArrayList<>();
    forEachRun(changed, (first, bytes) -> unmap(first, bytes, extents));
    if (!gather.isEmpty()) {
      flush.flush(table, gather);
      gather.complete();
    }
    inRmp.run();
    for (Extent extent : extents) {
      table.map(extent.iova, extent.paddr, extent.length, extent.access, known.rule());
    }
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

  private void unmap(long first, long bytes, List<Extent> extents) {
    long last = first + bytes - 1;
    int before = extents.size();
    cursor.over(first, last);
    while (cursor.advance()) {
      long cut = Math.max(0, first - cursor.iova());
      long iova = cursor.iova() + cut;
      long end = Math.min(cursor.iova() + (1L << cursor.sizeLog2()) - 1, last);
      Extent latest = extents.size() == before ? null : extents.getLast();
      if (latest != null && latest.continuesWith(cursor)) {
        extents.set(
            extents.size() - 1,
            new Extent(latest.iova, latest.paddr, end + 1 - latest.iova, latest.access));
      } else {
        extents.add(new Extent(iova, cursor.paddr() + cut, end + 1 - iova, cursor.access()));
      }
    }
    if (extents.size() > before) {
      gapBytes += table.unmap(first, bytes, gather);
    }
  }

  @Override
  public void populate(long gpa, long paddr, long length) {
    rmp.populate(gpa, paddr, length, known);
  }

  @Override
  public SizeRule rule() {
    return known.rule();
  }

  @Override
  public long gapBytes() {
    return gapBytes;
  }

  @Override
  public void close() {
    known.close();
  }
}
