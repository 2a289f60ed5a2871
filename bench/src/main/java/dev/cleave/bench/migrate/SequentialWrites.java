package dev.cleave.bench.migrate;

/** One page after the other, at equal distances in time. */
final class SequentialWrites implements WriteStream {
  private final int pages;
  private final double pageNanos;
  private long number;

  SequentialWrites(int pages, double pageNanos) {
    this.pages = pages;
    this.pageNanos = pageNanos;
  }

  @Override
  public double nanos() {
    return number * pageNanos;
  }

  @Override
  public int page() {
    return (int) (number % pages);
  }

  @Override
  public void next() {
    number++;
  }
}
