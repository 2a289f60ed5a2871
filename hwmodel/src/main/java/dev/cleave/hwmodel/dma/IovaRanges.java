package dev.cleave.hwmodel.dma;

import java.util.Arrays;

/**
 * The memory a device may use: ranges of I/O virtual addresses, numbered through by one offset.
 * Immutable.
 */
public final class IovaRanges {
  private static final int PAGE_BYTES = 4096;

  private final long[] starts;

  /** Offset of each range's first byte, and at the end that behind the last range. */
  private final long[] offsets;

  private IovaRanges(long[] starts, long[] offsets) {
    this.starts = starts;
    this.offsets = offsets;
  }

  /**
   * Ranges of whole pages.
   *
   * @param startsAndBytes start, length, start, length and so on; multiples of 4096, at least one
   * @return the ranges in this order
   * @throws IllegalArgumentException if there is none, one is empty or not whole pages
   */
  public static IovaRanges of(long... startsAndBytes) {
    if (startsAndBytes.length == 0 || startsAndBytes.length % 2 != 0) {
      throw new IllegalArgumentException(
          "ranges must be pairs of start and length, values=%d".formatted(startsAndBytes.length));
    }
    int count = startsAndBytes.length / 2;
    long[] starts = new long[count];
    long[] offsets = new long[count + 1];
    for (int i = 0; i < count; i++) {
      long start = startsAndBytes[2 * i];
      long bytes = startsAndBytes[2 * i + 1];
      if (start % PAGE_BYTES != 0 || bytes <= 0 || bytes % PAGE_BYTES != 0) {
        throw new IllegalArgumentException(
            "a range must be whole 4096-byte pages, start=0x%x, length=0x%x"
                .formatted(start, bytes));
      }
      starts[i] = start;
      offsets[i + 1] = offsets[i] + bytes;
    }
    return new IovaRanges(starts, offsets);
  }

  /**
   * How much there is.
   *
   * @return bytes of all ranges
   */
  public long bytes() {
    return offsets[starts.length];
  }

  /**
   * Where an offset lies.
   *
   * @param offset 0 to {@link #bytes} - 1
   * @return I/O virtual address
   */
  public long iova(long offset) {
    int range = range(offset);
    return starts[range] + offset - offsets[range];
  }

  /**
   * How far one can go from an offset without leaving its range.
   *
   * @param offset 0 to {@link #bytes} - 1
   * @param wanted bytes
   * @return bytes, at most what was wanted
   */
  public int contiguous(long offset, int wanted) {
    return (int) Math.min(wanted, offsets[range(offset) + 1] - offset);
  }

  private int range(long offset) {
    if (starts.length == 1) {
      return 0;
    }
    int found = Arrays.binarySearch(offsets, offset);
    return found >= 0 ? found : -2 - found;
  }
}
