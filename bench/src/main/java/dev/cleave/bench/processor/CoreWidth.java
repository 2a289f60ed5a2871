package dev.cleave.bench.processor;

import java.util.Arrays;

/**
 * Sees a neighbour on the same core: how much longer four {@linkplain Chains chains} take that are
 * worked on at once than one does. On a core of our own that is the same to a hundredth in every
 * JVM and at every clock rate; a neighbour takes of the width, and leaves the single chain alone.
 * Not thread-safe.
 */
public final class CoreWidth {
  /** How much more than on a core of our own is still quiet. */
  private static final double QUIET = 1.03;

  private static final int TIMES = 8;
  private static final int REMEMBERED = 1 << 10;

  private final double[] looks = new double[REMEMBERED];
  private int looked;
  private double own;
  private long sink = Chains.warmUp();

  /**
   * Looks at a core.
   *
   * @param own the least of what others have seen it look like, or infinity
   */
  public CoreWidth(double own) {
    this.own = own;
  }

  /** Looks, for some microseconds, and says whether the core is our own. */
  public boolean isQuiet() {
    double look = look();
    looks[looked++] = look;
    if (looked == REMEMBERED) {
      learn();
    }
    return isQuiet(look, own);
  }

  private double look() {
    long begin = System.nanoTime();
    for (int i = 0; i < TIMES; i++) {
      sink += Chains.one(sink, i);
    }
    long middle = System.nanoTime();
    for (int i = 0; i < TIMES; i++) {
      sink += Chains.four(i);
    }
    return (double) (System.nanoTime() - middle) / Math.max(middle - begin, 1);
  }

  private void learn() {
    Arrays.sort(looks);
    own = Math.min(own, looks[REMEMBERED / 4]);
    looked = 0;
  }

  /**
   * {@return how many times as long as one chain four take on a core of our own, as far as is
   * known}
   */
  public double own() {
    return own;
  }

  /**
   * Whether a core was as good as our own.
   *
   * @param look how many times as long four chains took as one
   * @param own the same where it is
   * @return false if a neighbour had a part of it
   */
  public static boolean isQuiet(double look, double own) {
    return look <= own * QUIET;
  }
}
