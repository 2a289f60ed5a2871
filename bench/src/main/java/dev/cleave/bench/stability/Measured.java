package dev.cleave.bench.stability;

import java.util.Arrays;

/** What one JVM knows of a work, by the slices of time in which it was done. */
final class Measured {
  /** How many slices must have been quiet for their times to be the work's. */
  private static final int LEAST_QUIET = 6;

  /** What string literals of a few classes take at most. */
  private static final long LITERAL_BYTES = 4096;

  final Work work;

  /** How often it is done in a batch. */
  int batch = 1;

  private final double[] quiet;
  private final double[] loud;
  private final long[] bytes;
  private int quietSlices;
  private int loudSlices;
  private long times;

  Measured(Work work, int mostSlices) {
    this.work = work;
    this.quiet = new double[mostSlices];
    this.loud = new double[mostSlices];
    this.bytes = new long[mostSlices];
  }

  String name() {
    return work.name();
  }

  /**
   * Another slice counts.
   *
   * @param chains what one took in it, in {@linkplain dev.cleave.bench.processor.Chains chains}
   * @param isQuiet whether nobody else had a part of the core meanwhile
   * @param done how often it was done
   * @param heapBytes what all threads put on the heap
   */
  void add(double chains, boolean isQuiet, long done, long heapBytes) {
    bytes[quietSlices + loudSlices] = heapBytes;
    times += done;
    if (isQuiet) {
      quiet[quietSlices++] = chains;
    } else {
      loud[loudSlices++] = chains;
    }
  }

  /** Whether enough of the slices were quiet. */
  boolean isQuiet() {
    return quietSlices >= LEAST_QUIET;
  }

  /** Median of the quiet slices, or of the others if those are too few. */
  double chains() {
    int count = isQuiet() ? quietSlices : loudSlices;
    double[] sorted = Arrays.copyOf(isQuiet() ? quiet : loud, count);
    Arrays.sort(sorted);
    return sorted[count / 2];
  }

  /** What one put on the heap, but for the literals of one slice. */
  double bytes() {
    return (double) garbage(Arrays.copyOf(bytes, quietSlices + loudSlices)) / times;
  }

  /** What all slices put on the heap, but for the one with most if that may be literals. */
  static long garbage(long[] bytes) {
    long most = Arrays.stream(bytes).max().orElseThrow();
    return Arrays.stream(bytes).sum() - (most <= LITERAL_BYTES ? most : 0);
  }
}
