package dev.cleave.engine.ioas;

import dev.cleave.engine.SizeRule;

/**
 * A rule for one operation, which asks the real one once for each segment and not for each leaf
 * (benchmark {@code AddressSpaces.adjust}): where an operation is at work what is allowed does not
 * change. Belongs to one thread at a time.
 */
final class RememberedRule implements SizeRule {
  private SizeRule rule = SizeRule.atMost(Granularity.UNLIMITED);
  private boolean isKnown;
  private long first;
  private long last;

  /** How far was asked for: a segment that ends there may go on. */
  private long asked;

  private long sizes;
  private int alwaysAllowedLog2;

  /** Begins anew, with what a rule says now. */
  RememberedRule of(SizeRule real) {
    rule = real;
    isKnown = false;
    alwaysAllowedLog2 = real.alwaysAllowedLog2();
    return this;
  }

  private boolean has(long iova) {
    return isKnown && !Unsigned.isBelow(iova, first) && !Unsigned.isBelow(last, iova);
  }

  @Override
  public long segmentLast(long iova, long limit) {
    if (!has(iova) || (last == asked && Unsigned.isBelow(last, limit))) {
      first = iova;
      last = rule.segmentLast(iova, limit);
      asked = limit;
      sizes = rule.sizes(iova);
      isKnown = true;
    }
    return Unsigned.min(last, limit);
  }

  @Override
  public long sizes(long iova) {
    return has(iova) ? sizes : rule.sizes(iova);
  }

  @Override
  public int alwaysAllowedLog2() {
    return alwaysAllowedLog2;
  }
}
