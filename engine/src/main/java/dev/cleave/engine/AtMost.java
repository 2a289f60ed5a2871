package dev.cleave.engine;

/** One limit for all addresses. Immutable and thread-safe. */
record AtMost(int alwaysAllowedLog2) implements SizeRule {
  @Override
  public long segmentLast(long iova, long last) {
    return last;
  }

  @Override
  public long sizes(long iova) {
    return LeafSizes.upTo(alwaysAllowedLog2, -1L);
  }
}
