package dev.cleave.engine;

import java.util.Arrays;

/** One limit for all addresses. Immutable and thread-safe. */
record AtMost(int alwaysAllowedLog2) implements SizeRule {
  /** One for each size, so that an operation need not make one. */
  private static final AtMost[] ALL = new AtMost[Long.SIZE];

  static {
    Arrays.setAll(ALL, AtMost::new);
  }

  static AtMost of(int sizeLog2) {
    return ALL[sizeLog2];
  }

  @Override
  public long segmentLast(long iova, long last) {
    return last;
  }

  @Override
  public long sizes(long iova) {
    return LeafSizes.upTo(alwaysAllowedLog2, -1L);
  }
}
