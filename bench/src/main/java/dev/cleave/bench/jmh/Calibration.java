package dev.cleave.bench.jmh;

import java.util.Arrays;

/**
 * How long 1000 chained dependent additions take: what a time that is bound by a core is a multiple
 * of, on whatever machine. Not thread-safe.
 */
final class Calibration {
  /** Of the machine whose times are in {@link LinuxReference}. */
  static final double REFERENCE_NANOS = 330;

  /** By how much it may differ before and after something that was measured. */
  private static final double LARGEST_MOVE = 1.1;

  private static final int ADDITIONS = 1000;
  private static final int CHAINS_IN_SAMPLE = 64;
  private static final int SAMPLES = 801;
  private static final int WARMUPS = 40_000;

  private long sink;

  /** Has it compiled. */
  Calibration() {
    for (int i = 0; i < WARMUPS; i++) {
      sink += chain(sink, i);
    }
  }

  /** Fibonacci's numbers: each needs the one before, and no compiler knows a shorter way. */
  private static long chain(long first, long second) {
    long before = first;
    long last = second;
    for (int i = 0; i < ADDITIONS; i++) {
      long next = before + last;
      before = last;
      last = next;
    }
    return last;
  }

  /** {@return the median of some milliseconds, in nanoseconds for 1000 additions} */
  double nanos() {
    double[] samples = new double[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
      long begin = System.nanoTime();
      for (int k = 0; k < CHAINS_IN_SAMPLE; k++) {
        sink += chain(sink, k);
      }
      samples[i] = (double) (System.nanoTime() - begin) / CHAINS_IN_SAMPLE;
    }
    Arrays.sort(samples);
    return samples[SAMPLES / 2];
  }

  /** Around something that was measured. */
  record Around(double before, double after) {
    /** How often the larger is the smaller, 1 or more. */
    double move() {
      return Math.max(before, after) / Math.min(before, after);
    }

    /** Whether the machine did something else meanwhile. */
    boolean isLoud() {
      return move() > LARGEST_MOVE;
    }

    double mean() {
      return (before + after) / 2;
    }
  }
}
