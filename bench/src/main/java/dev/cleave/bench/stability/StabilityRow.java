package dev.cleave.bench.stability;

/**
 * How stable a work is.
 *
 * @param work what was done
 * @param forks number of JVMs that did it and count
 * @param bestNs time of one in the best of them, at the pace of {@link Stability#chainNanos}: each
 *     counts with its median
 * @param worstNs the same in the worst
 * @param ratio of the two
 * @param limit the largest ratio that is good enough
 * @param bytesPerOp heap bytes for one, of all threads, in the JVM that made most; to the hundredth
 * @param worstFork the worst of them
 */
public record StabilityRow(
    String work,
    int forks,
    double bestNs,
    double worstNs,
    double ratio,
    double limit,
    double bytesPerOp,
    Stability.Fork worstFork) {
  private static final double LIMIT = 1.5;

  static StabilityRow of(
      String work, int forks, double best, double worst, double bytes, Stability.Fork worstFork) {
    double rounded = Math.round(bytes * 100) / 100.0;
    return new StabilityRow(work, forks, best, worst, worst / best, LIMIT, rounded, worstFork);
  }

  /** Whether it is stable, and makes no garbage. */
  public boolean isReached() {
    return ratio <= limit && bytesPerOp == 0;
  }
}
