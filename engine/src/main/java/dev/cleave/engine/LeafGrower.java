package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.REGION_LOG2;
import static dev.cleave.engine.format.Geometry.offsetMask;

import dev.cleave.engine.recording.FitEvent;
import dev.cleave.engine.recording.Recording;

/**
 * Makes the leaf around an address larger: by the table's next size, as long as all of that block
 * becomes one leaf. Nothing else is looked at, so that the cost does not depend on what else lies
 * in a large block (benchmark {@code ShareAmongMixed}: 4,900 ns with merging all of it, 480 so).
 *
 * <p>Thread-safe for writers whose blocks are disjoint.
 */
final class LeafGrower {
  private final TableTree tree;
  private final long sizes;

  LeafGrower(TableTree tree, long tableSizes) {
    this.tree = tree;
    this.sizes = tableSizes & -2L << REGION_LOG2;
  }

  /**
   * Grows from 2 MiB on.
   *
   * @param first where the area begins that the leaf may not leave
   * @param last where it ends
   */
  void grow(long iova, long first, long last, SizeRule rule, IotlbGather gather) {
    long larger = sizes;
    while (larger != 0) {
      int sizeLog2 = Long.numberOfTrailingZeros(larger);
      long from = iova & -1L << sizeLog2;
      long to = iova | offsetMask(sizeLog2);
      boolean isAllowed =
          Long.compareUnsigned(from, first) >= 0
              && Long.compareUnsigned(to, last) <= 0
              && rule.segmentLast(from, to) == to
              && (rule.sizes(from) & 1L << sizeLog2) != 0;
      larger = isAllowed && merge(from, to, sizeLog2, gather) ? larger & larger - 1 : 0;
    }
  }

  private boolean merge(long from, long to, int sizeLog2, IotlbGather gather) {
    FitEvent event = Recording.ofFits() ? new FitEvent() : null;
    boolean isOne;
    long home = tree.lockHome(from, to);
    try {
      isOne =
          TableTree.reaches(home, to) && gather.workspace.merger.mergeBlock(home, from, sizeLog2);
    } finally {
      tree.unlock(TableTree.table(home));
    }
    if (event != null && isOne) {
      event.done(from, to - from + 1, true);
    }
    return isOne;
  }
}
