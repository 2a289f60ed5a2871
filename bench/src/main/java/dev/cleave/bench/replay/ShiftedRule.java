package dev.cleave.bench.replay;

import dev.cleave.engine.SizeRule;

/**
 * A rule for memory that is mapped once more, higher up.
 *
 * @param rule says what is allowed below
 * @param offset by how much higher, a multiple of every size that is allowed
 */
record ShiftedRule(SizeRule rule, long offset) implements SizeRule {
  @Override
  public long segmentLast(long iova, long last) {
    return rule.segmentLast(iova - offset, last - offset) + offset;
  }

  @Override
  public long sizes(long iova) {
    return rule.sizes(iova - offset);
  }

  @Override
  public int alwaysAllowedLog2() {
    return rule.alwaysAllowedLog2();
  }
}
