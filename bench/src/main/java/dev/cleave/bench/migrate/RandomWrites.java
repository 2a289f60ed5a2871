package dev.cleave.bench.migrate;

import java.util.SplittableRandom;

/** Any page, at equal distances in time. */
final class RandomWrites implements WriteStream {
  private final int pages;
  private final double pageNanos;
  private final SplittableRandom random;
  private long number;
  private int page;

  RandomWrites(int pages, double pageNanos, long seed) {
    this.pages = pages;
    this.pageNanos = pageNanos;
    this.random = new SplittableRandom(seed);
    this.page = random.nextInt(pages);
  }

  @Override
  public double nanos() {
    return number * pageNanos;
  }

  @Override
  public int page() {
    return page;
  }

  @Override
  public void next() {
    number++;
    page = random.nextInt(pages);
  }
}
