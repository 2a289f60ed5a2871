package dev.cleave.bench.jmh;

import dev.cleave.bench.processor.Chains;
import java.util.Arrays;

/**
 * What the machine is like. How long 1000 chained dependent additions take is what a time that is
 * bound by a core is a multiple of, on whatever machine. How long additions take that can be done
 * four at a time shows a neighbour on the same core, who takes of its width and leaves the chain
 * alone. Not thread-safe.
 */
final class Calibration {
  /** Of the machine whose times are in {@link LinuxReference}. */
  static final double REFERENCE_NANOS = 330;

  /** How much longer something may take than before, or than at best. */
  private static final double LARGEST_MOVE = 1.1;

  private static final int TIMES_IN_SAMPLE = 64;
  private static final int SAMPLES = 801;

  private double leastWide = Double.POSITIVE_INFINITY;
  private long sink = Chains.warmUp();

  /** Looks at the machine, for some tens of milliseconds. */
  Reading read() {
    double[] chained = new double[SAMPLES];
    double[] wide = new double[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
      long begin = System.nanoTime();
      for (int k = 0; k < TIMES_IN_SAMPLE; k++) {
        sink += Chains.one(sink, k);
      }
      long middle = System.nanoTime();
      for (int k = 0; k < TIMES_IN_SAMPLE; k++) {
        sink += Chains.four(k);
      }
      chained[i] = (double) (middle - begin) / TIMES_IN_SAMPLE;
      wide[i] = (double) (System.nanoTime() - middle) / TIMES_IN_SAMPLE;
    }
    Reading reading = new Reading(quantile(chained, 0.5), quantile(wide, 0.75));
    leastWide = Math.min(leastWide, reading.wide());
    return reading;
  }

  private static double quantile(double[] samples, double part) {
    Arrays.sort(samples);
    return samples[(int) (samples.length * part)];
  }

  /** {@return the least that additions side by side have taken so far} */
  double leastWide() {
    return leastWide;
  }

  /**
   * One look at the machine.
   *
   * @param chained median nanoseconds of 1000 chained additions
   * @param wide of 8000, four at a time; the upper quartile, since a neighbour comes in bursts
   */
  record Reading(double chained, double wide) {}

  /** Around something that was measured. */
  record Around(Reading before, Reading after) {
    /**
     * How much more the machine did meanwhile than at its quietest, 1 or more.
     *
     * @param leastWide what additions side by side take then
     */
    double loudness(double leastWide) {
      double smaller = Math.min(before.chained, after.chained);
      double larger = Math.max(before.chained, after.chained);
      return Math.max(larger / smaller, Math.max(before.wide, after.wide) / leastWide);
    }

    /** Whether the machine did something else meanwhile. */
    boolean isLoud(double leastWide) {
      return loudness(leastWide) > LARGEST_MOVE;
    }

    /** The pace of a core, in nanoseconds of 1000 chained additions. */
    double pace() {
      return (before.chained + after.chained) / 2;
    }
  }
}
