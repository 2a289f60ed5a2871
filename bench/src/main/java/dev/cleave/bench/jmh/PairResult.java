package dev.cleave.bench.jmh;

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
 */
public record PairResult(
    String work,
    String against,
    double ns,
    double againstNs,
    double ratio,
    double limit,
    double error,
    String unit) {
  /** Whether the limit was reached. */
  public boolean isReached() {
    return ratio <= limit;
  }
}
