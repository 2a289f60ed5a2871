package dev.cleave.bench.cli;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Numbers;

/** What {@code --flush} says: when flushes are issued. */
final class DeferredFlush {
  private static final String DEFERRED = "deferred";
  private static final int DEFAULT = 64;
  private static final int MOST = 1 << 16;

  private DeferredFlush() {}

  /**
   * How many operations owe a flush before any is issued.
   *
   * @return 0 to flush at once
   * @throws BadInput if it is neither {@code immediate} nor {@code deferred} nor {@code deferred=N}
   */
  static int parse(String how) {
    if (how.equals("immediate")) {
      return 0;
    }
    if (how.equals(DEFERRED)) {
      return DEFAULT;
    }
    long count = how.startsWith(DEFERRED + "=") ? number(how) : 0;
    if (count < 1 || count > MOST) {
      throw new BadInput(
          "--flush must be immediate, deferred or deferred=N with N from 1 to %d, flush=%s"
              .formatted(MOST, how));
    }
    return (int) count;
  }

  private static long number(String how) {
    try {
      return Numbers.parse(how.substring(DEFERRED.length() + 1));
    } catch (IllegalArgumentException _) {
      return 0;
    }
  }
}
