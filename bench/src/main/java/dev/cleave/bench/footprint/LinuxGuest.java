package dev.cleave.bench.footprint;

/**
 * How much a confidential Linux guest shares once it has booted: the pool of its bounce buffers,
 * and besides what the {@linkplain MadePattern#BOOT boot pattern} has outside of a pool, one page
 * of fifty.
 *
 * <p>The pool is 6 % of memory and at most 1 GiB, rounded up to a power of two: the guest of 8 GiB
 * whose log is bundled has 512 MiB. Source: {@code docs/spec/shared-only.md} §4.
 */
public final class LinuxGuest {
  private static final int POOL_PERCENT = 6;
  private static final int PERCENT = 100;
  private static final long LEAST_POOL = 64L << 20;
  private static final long MOST_POOL = 1L << 30;
  private static final double POOL_OF_SHARED = 0.98;

  private LinuxGuest() {}

  /** Bytes of the pool of a guest. */
  public static long poolBytes(long guestBytes) {
    long part = guestBytes / PERCENT * POOL_PERCENT;
    long pool = Math.clamp(part, LEAST_POOL, MOST_POOL);
    return Long.highestOneBit(pool - 1) << 1;
  }

  /** Fraction of a guest that is shared, 0 to 1. */
  public static double sharedFraction(long guestBytes) {
    return Math.min(1, poolBytes(guestBytes) / POOL_OF_SHARED / guestBytes);
  }
}
