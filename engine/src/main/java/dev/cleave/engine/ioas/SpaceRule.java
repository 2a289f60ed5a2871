package dev.cleave.engine.ioas;

import dev.cleave.engine.SizeRule;
import dev.cleave.engine.format.Geometry;
import java.util.Arrays;

/**
 * What leaves a space allows: what its granularity, its dirty tracking and every rule of its
 * owner's allow, all at once.
 *
 * <p>Thread-safe; the rules themselves change only while no operation is under way.
 */
final class SpaceRule implements SizeRule {
  final Granularity granularity = new Granularity();
  final Granularity tracked = new Granularity();
  private SizeRule[] others = {};
  private boolean allowsLarge = true;

  /** Whether it forbids nothing at all. */
  boolean isFree() {
    return allowsLarge && others.length == 0 && granularity.isEmpty() && tracked.isEmpty();
  }

  void allowLarge(boolean allowed) {
    allowsLarge = allowed;
  }

  void add(SizeRule rule) {
    others = Arrays.copyOf(others, others.length + 1);
    others[others.length - 1] = rule;
  }

  void remove(SizeRule rule) {
    int at = Arrays.asList(others).indexOf(rule);
    if (at < 0) {
      throw new IllegalArgumentException("a rule must have been added to be removed");
    }
    SizeRule[] left = new SizeRule[others.length - 1];
    System.arraycopy(others, 0, left, 0, at);
    System.arraycopy(others, at + 1, left, at, left.length - at);
    others = left;
  }

  /** Whether all rules but one allow leaves of a size around an address. */
  boolean allowsBut(SizeRule excepted, long iova, int log2) {
    boolean isAllowed =
        (allowsLarge || log2 == Geometry.PAGE_LOG2)
            && granularity.at(iova) >= log2
            && tracked.at(iova) >= log2;
    for (SizeRule rule : others) {
      isAllowed &= rule.equals(excepted) || (rule.sizes(iova) >>> log2 & 1) != 0;
    }
    return isAllowed;
  }

  @Override
  public long segmentLast(long iova, long last) {
    long end = granularity.isEmpty() ? last : granularity.segmentLast(iova, last);
    if (!tracked.isEmpty()) {
      end = tracked.segmentLast(iova, end);
    }
    for (SizeRule rule : others) {
      end = rule.segmentLast(iova, end);
    }
    return end;
  }

  @Override
  public long sizes(long iova) {
    long sizes = allowsLarge ? -1L : Geometry.PAGE_BYTES;
    if (!granularity.isEmpty()) {
      sizes &= granularity.sizes(iova);
    }
    if (!tracked.isEmpty()) {
      sizes &= tracked.sizes(iova);
    }
    for (SizeRule rule : others) {
      sizes &= rule.sizes(iova);
    }
    return sizes;
  }

  @Override
  public int alwaysAllowedLog2() {
    int log2 = allowsLarge ? Granularity.UNLIMITED : Geometry.PAGE_LOG2;
    log2 = Math.min(log2, granularity.alwaysAllowedLog2());
    log2 = Math.min(log2, tracked.alwaysAllowedLog2());
    for (SizeRule rule : others) {
      log2 = Math.min(log2, rule.alwaysAllowedLog2());
    }
    return log2;
  }
}
