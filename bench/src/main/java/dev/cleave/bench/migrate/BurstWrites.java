package dev.cleave.bench.migrate;

import java.util.SplittableRandom;

/**
 * Bursts: 1024 pages in a row from a random one on, at eight times the average rate, then nothing
 * until the average is reached again.
 */
final class BurstWrites implements WriteStream {
  private static final int BURST_PAGES = 1024;
  private static final int SPEED = 8;

  private final int pages;
  private final double pageNanos;
  private final SplittableRandom random;
  private long burst;
  private int inBurst;
  private int first;

  BurstWrites(int pages, double pageNanos, long seed) {
    this.pages = pages;
    this.pageNanos = pageNanos;
    this.random = new SplittableRandom(seed);
    this.first = random.nextInt(pages);
  }

  @Override
  public double nanos() {
    return (burst * BURST_PAGES + (double) inBurst / SPEED) * pageNanos;
  }

  @Override
  public int page() {
    return (int) (((long) first + inBurst) % pages);
  }

  @Override
  public void next() {
    if (++inBurst == BURST_PAGES) {
      inBurst = 0;
      burst++;
      first = random.nextInt(pages);
    }
  }
}
