package dev.cleave.bench.migrate;

/**
 * A receive ring: a buffer of a page is written, then its descriptor of 16 bytes.
 *
 * <pre>
 *  pages 0 ..       descriptors, at most 256 in a page and as many in each
 *  pages behind     buffers, one a page
 * </pre>
 */
final class RingWrites implements WriteStream {
  private static final int MOST_DESCRIPTORS = 256;

  private final int rings;
  private final int buffers;
  private final double pageNanos;
  private long number;
  private int buffer;
  private boolean isDescriptor;

  RingWrites(int pages, double pageNanos) {
    this.rings = (pages + MOST_DESCRIPTORS) / (MOST_DESCRIPTORS + 1);
    this.buffers = pages - rings;
    this.pageNanos = pageNanos;
  }

  @Override
  public double nanos() {
    return number * pageNanos;
  }

  @Override
  public int page() {
    if (buffers == 0) {
      return 0;
    }
    return isDescriptor ? (int) ((long) buffer * rings / buffers) : rings + buffer;
  }

  @Override
  public void next() {
    if (isDescriptor) {
      number++;
      buffer = buffer + 1 < buffers ? buffer + 1 : 0;
    }
    isDescriptor = !isDescriptor;
  }
}
