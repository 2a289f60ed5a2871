package dev.cleave.bench.jmh;

import org.jspecify.annotations.Nullable;

/**
 * How a comparison ended.
 *
 * @param work what was done
 * @param against what it was compared with
 * @param ns median time of one operation, or another amount where {@code unit} says so
 * @param againstNs the same of the other
 * @param ratio of the two; where the other is 0, the amount itself
 * @param limit the largest ratio that is good enough
 * @param error half the width of the ratio's 95% confidence interval
 * @param unit {@code ns}, {@code B/op} or {@code B}
 * @param calibrationNs time of 1000 chained dependent additions around it; null where no time was
 *     measured
 * @param cNs what Linux's C code would take here, scaled by that or by a fill; null where it has no
 *     such operation
 * @param isLoud whether the calibration moved by over 10%, twice: the machine did something else
 */
public record PairResult(
    String work,
    String against,
    double ns,
    double againstNs,
    double ratio,
    double limit,
    double error,
    String unit,
    @Nullable Double calibrationNs,
    @Nullable Double cNs,
    boolean isLoud) {
  /** What is no pair of benchmarks. */
  public PairResult(
      String work,
      String against,
      double ns,
      double againstNs,
      double ratio,
      double limit,
      double error,
      String unit) {
    this(work, against, ns, againstNs, ratio, limit, error, unit, null, null, false);
  }

  /** The same with the calibration around it. */
  PairResult calibrated(double calibration, boolean loud) {
    var c = LinuxReference.nanos(work, calibration, againstNs);
    return new PairResult(
        work,
        against,
        ns,
        againstNs,
        ratio,
        limit,
        error,
        unit,
        calibration,
        c.isPresent() ? c.getAsDouble() : null,
        loud);
  }

  /** Its part of the time of C, or null. */
  public @Nullable Double cRatio() {
    return cNs == null ? null : ns / cNs;
  }

  /** Whether the limit was reached. */
  public boolean isReached() {
    return ratio <= limit;
  }
}
