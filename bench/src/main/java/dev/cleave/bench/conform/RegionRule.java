package dev.cleave.bench.conform;

import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import dev.cleave.engine.SizeRule;
import dev.cleave.engine.format.Geometry;

/**
 * Leaf sizes that change from region to region as a salt makes them up, much as a guest's page
 * states do: a quarter of the regions allows 4 KiB only, a quarter up to 1 MiB, the rest anything.
 *
 * <p>The engine asks a rule while it works, so a rule is also the way to do something between its
 * stores. Belongs to one thread at a time.
 */
final class RegionRule implements SizeRule {
  private static final int SMALL_LOG2 = 12;
  private static final int MIDDLE_LOG2 = 20;
  private static final long ANY = -1L;
  private static final long FACTOR = 0x9E37_79B9_7F4A_7C15L;

  private final long salt;
  private final Runnable asked;

  RegionRule(long salt, Runnable asked) {
    this.salt = salt;
    this.asked = asked;
  }

  @Override
  public long segmentLast(long iova, long last) {
    asked.run();
    long end = iova | Geometry.offsetMask(REGION_LOG2);
    while (allowed(iova) == ANY && Long.compareUnsigned(end, last) < 0 && allowed(end + 1) == ANY) {
      end = (end + 1) | Geometry.offsetMask(REGION_LOG2);
    }
    return Long.compareUnsigned(end, last) < 0 ? end : last;
  }

  @Override
  public long sizes(long iova) {
    asked.run();
    return allowed(iova);
  }

  private long allowed(long iova) {
    long hash = ((iova >>> REGION_LOG2) + salt) * FACTOR;
    return switch ((int) (hash >>> (Long.SIZE - 2))) {
      case 0 -> (2L << SMALL_LOG2) - 1;
      case 1 -> (2L << MIDDLE_LOG2) - 1;
      default -> ANY;
    };
  }

  @Override
  public int alwaysAllowedLog2() {
    return SMALL_LOG2;
  }
}
