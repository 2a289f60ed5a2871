package dev.cleave.bench.conform;

import java.util.HashMap;
import java.util.Map;

/**
 * Sees to it that no two IOVAs are probed that differ only above bit 48: every 16 MiB below that
 * bit belongs to the upper bits that came first. Belongs to one thread at a time.
 */
final class AliasGuard {
  private static final int UPPER_SHIFT = 48;
  private static final int SLOT_LOG2 = 24;
  private static final long SLOT_MASK = (1L << UPPER_SHIFT) - 1;

  private final Map<Long, Long> owners = new HashMap<>();

  AliasGuard() {
    owners.put(0L, 0L); // e1000's rings lie in the first 16 MiB
  }

  /** Whether an address may be probed. */
  boolean admits(long iova) {
    long upper = iova >>> UPPER_SHIFT;
    Long owner = owners.putIfAbsent((iova & SLOT_MASK) >>> SLOT_LOG2, upper);
    return owner == null || owner == upper;
  }
}
