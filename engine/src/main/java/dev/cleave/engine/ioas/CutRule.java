package dev.cleave.engine.ioas;

import dev.cleave.engine.SizeRule;
import dev.cleave.engine.format.Geometry;

/** Every leaf is allowed that does not reach over an end of a range, from inside or outside. */
final class CutRule implements SizeRule {
  private long first;
  private long last;

  CutRule around(long from, long to) {
    first = from;
    last = to;
    return this;
  }

  @Override
  public long segmentLast(long iova, long limit) {
    if (Long.compareUnsigned(iova, first) < 0) {
      return Unsigned.min(limit, first - 1);
    }
    return Long.compareUnsigned(iova, last) <= 0 ? Unsigned.min(limit, last) : limit;
  }

  @Override
  public long sizes(long iova) {
    return -1L;
  }

  @Override
  public int alwaysAllowedLog2() {
    return Geometry.PAGE_LOG2;
  }
}
