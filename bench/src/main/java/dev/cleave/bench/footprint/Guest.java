package dev.cleave.bench.footprint;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;

import java.util.BitSet;
import java.util.Random;

/**
 * A guest whose memory is mapped whole, at its own addresses and with memory that lies as it does.
 *
 * @param bytes where it ends, a multiple of 4096
 * @param shared pages by number
 */
record Guest(long bytes, BitSet shared) {
  private static final int CHURN_SHARE = 8;
  private static final long SEED = 0xc0ffee;

  /** Is given a run of pages. */
  @FunctionalInterface
  interface RunVisitor {
    void visit(long first, long length);
  }

  int pages() {
    return Math.toIntExact(bytes >>> PAGE_LOG2);
  }

  /** Whether all its pages are in the same state. */
  boolean isUniform() {
    return shared.isEmpty() || shared.cardinality() == pages();
  }

  /** Runs of pages of a set. */
  static void forEachRun(BitSet pages, RunVisitor visitor) {
    for (int from = pages.nextSetBit(0), to; from >= 0; from = pages.nextSetBit(to)) {
      to = pages.nextClearBit(from);
      visitor.visit((long) from << PAGE_LOG2, (long) (to - from) << PAGE_LOG2);
    }
  }

  /**
   * Private pages that were shared for a while: an eighth as many as are shared. A policy that
   * forgets to tidy up behind them shows it.
   */
  BitSet churn() {
    BitSet churn = new BitSet(pages());
    int count = Math.min(shared.cardinality() / CHURN_SHARE, pages() - shared.cardinality());
    Random random = new Random(SEED);
    for (int left = count; left > 0; ) {
      int page = random.nextInt(pages());
      if (!shared.get(page) && !churn.get(page)) {
        churn.set(page);
        left--;
      }
    }
    return churn;
  }
}
