package dev.cleave.bench.footprint;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;

import java.util.BitSet;
import java.util.Random;

/**
 * A guest whose memory is mapped whole, at its own addresses and with memory that lies as it does.
 *
 * @param bytes where it ends, a multiple of 4096
 * @param isWhollyShared whether all its pages are shared, which {@code shared} then does not say
 * @param shared pages by number
 */
record Guest(long bytes, boolean isWhollyShared, BitSet shared) {
  private static final int CHURN_SHARE = 8;
  private static final long SEED = 0xc0ffee;

  /** Is given a run of pages. */
  @FunctionalInterface
  interface RunVisitor {
    void visit(long first, long length);
  }

  /**
   * A guest that shares a part of its memory.
   *
   * @param share of it, 0 to 1
   * @param seed what random choices depend on
   */
  static Guest of(long bytes, MadePattern pattern, double share, long seed) {
    if (share == 1) {
      return new Guest(bytes, true, new BitSet());
    }
    BitSet shared = pattern.sharedPages(bytes, share, seed);
    boolean isWhollyShared = shared.cardinality() == bytes >>> PAGE_LOG2;
    return new Guest(bytes, isWhollyShared, isWhollyShared ? new BitSet() : shared);
  }

  /** Whether all its pages are in the same state. */
  boolean isUniform() {
    return shared.isEmpty();
  }

  /** The same memory, of which nothing is shared. */
  Guest unshared() {
    return new Guest(bytes, false, new BitSet());
  }

  /** Whether all pages of an aligned block are shared. */
  boolean isShared(long first, int sizeLog2) {
    return isUniform()
        ? isWhollyShared
        : shared.nextClearBit(page(first)) > lastPage(first, sizeLog2);
  }

  /** Whether any page of an aligned block is shared. */
  boolean isAnyShared(long first, int sizeLog2) {
    if (isUniform()) {
      return isWhollyShared;
    }
    int next = shared.nextSetBit(page(first));
    return next >= 0 && next <= lastPage(first, sizeLog2);
  }

  private static int page(long address) {
    return Math.toIntExact(address >>> PAGE_LOG2);
  }

  private int lastPage(long first, int sizeLog2) {
    return page(Math.min(first + (1L << sizeLog2), bytes) - 1);
  }

  /** One in the same state that is larger. */
  Guest stretchedTo(long otherBytes) {
    assert isUniform();
    return new Guest(otherBytes, isWhollyShared, shared);
  }

  long sharedPages() {
    return isWhollyShared ? bytes >>> PAGE_LOG2 : shared.cardinality();
  }

  /** Runs of shared pages. */
  void forEachSharedRun(RunVisitor visitor) {
    if (isWhollyShared) {
      visitor.visit(0, bytes);
    }
    forEachRun(shared, visitor);
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
    BitSet churn = new BitSet();
    if (isUniform()) {
      return churn;
    }
    int pages = Math.toIntExact(bytes >>> PAGE_LOG2);
    int count = Math.min(shared.cardinality() / CHURN_SHARE, pages - shared.cardinality());
    Random random = new Random(SEED);
    for (int left = count; left > 0; ) {
      int page = random.nextInt(pages);
      if (!shared.get(page) && !churn.get(page)) {
        churn.set(page);
        left--;
      }
    }
    return churn;
  }
}
