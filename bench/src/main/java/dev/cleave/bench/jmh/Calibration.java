package dev.cleave.bench.jmh;

import dev.cleave.bench.processor.CoreLook;
import dev.cleave.bench.processor.CoreWatch;
import java.util.Arrays;

/**
 * What the machine is like. How long 1000 chained dependent additions take is what a time that is
 * bound by a core is a multiple of, on whatever machine; what a core {@linkplain CoreLook looks
 * like} shows a neighbour on it, who leaves the chain alone. Not thread-safe.
 */
final class Calibration {
  /** Of the machine whose times are in {@link LinuxReference}. */
  static final double REFERENCE_NANOS = 330;

  /** How much longer the chain may take than before. */
  private static final double LARGEST_MOVE = 1.1;

  private static final int LOOKS = 1 << 12;

  private final CoreWatch watch = new CoreWatch(CoreLook.UNKNOWN);

  /** Looks at the machine, for some tens of milliseconds. */
  Reading read() {
    double[] chained = new double[LOOKS];
    double[] adding = new double[LOOKS];
    double[] copying = new double[LOOKS];
    for (int i = 0; i < LOOKS; i++) {
      var _ = watch.isOwn();
      watch.learn();
      chained[i] = watch.chainNanos();
      adding[i] = watch.adding();
      copying[i] = watch.copying();
    }
    CoreLook most = new CoreLook(quantile(adding, 0.75), quantile(copying, 0.75));
    return new Reading(quantile(chained, 0.5), most);
  }

  private static double quantile(double[] samples, double part) {
    Arrays.sort(samples);
    return samples[(int) (samples.length * part)];
  }

  /** {@return what the core looks like without neighbours, as far as is known} */
  CoreLook own() {
    return watch.own();
  }

  /**
   * Some thousand looks at the machine.
   *
   * @param chained median nanoseconds of 1000 chained additions
   * @param most what the core looked like: upper quartiles, since a neighbour comes in bursts
   */
  record Reading(double chained, CoreLook most) {}

  /** Around something that was measured. */
  record Around(Reading before, Reading after) {
    /** Whether the machine did something else meanwhile. */
    boolean isLoud(CoreLook own) {
      return move() > LARGEST_MOVE || !before.most.isOwn(own) || !after.most.isOwn(own);
    }

    private double move() {
      return Math.max(before.chained, after.chained) / Math.min(before.chained, after.chained);
    }

    /** The pace of a core, in nanoseconds of 1000 chained additions. */
    double pace() {
      return (before.chained + after.chained) / 2;
    }
  }
}
