package dev.cleave.bench.compare;

import dev.cleave.bench.compare.Figure.Sureness;
import dev.cleave.bench.figure.Better;
import java.util.OptionalDouble;

/**
 * A figure in two results.
 *
 * @param a the first, by which is divided
 * @param b the second
 */
public record Difference(Figure a, Figure b) {
  /** What a difference says. */
  public enum Verdict {
    /** There is none. */
    SAME("same"),
    /** There is one, and the second result is the better one. */
    BETTER("better"),
    /** There is one, and the second result is the worse one. */
    WORSE("worse"),
    /** There is one, of a figure that is neither good nor bad. */
    OTHER("differs"),
    /** It is within the error. */
    NOISE("within error"),
    /** A measured figure, whose error is not known. */
    UNSURE("error unknown");

    private final String word;

    Verdict(String word) {
      this.word = word;
    }

    /** How a person is told. */
    public String word() {
      return word;
    }
  }

  /** The second by the first: 1 where both are 0, infinite where only the first is. */
  public double ratio() {
    return a.value() == b.value() ? 1 : b.value() / a.value();
  }

  /** Half of the ratio's 95% confidence interval; empty where the error of a side is not known. */
  public OptionalDouble error() {
    if (a.error().isEmpty() || b.error().isEmpty() || a.value() == 0 || b.value() == 0) {
      return OptionalDouble.empty();
    }
    double relative =
        Math.hypot(a.error().getAsDouble() / a.value(), b.error().getAsDouble() / b.value());
    return OptionalDouble.of(ratio() * relative);
  }

  /** What it says. */
  public Verdict verdict() {
    if (a.value() == b.value()) {
      return Verdict.SAME;
    }
    OptionalDouble error = error();
    if (a.sureness() == Sureness.MEASURED) {
      if (error.isEmpty()) {
        return Verdict.UNSURE;
      }
      if (Math.abs(ratio() - 1) <= error.getAsDouble()) {
        return Verdict.NOISE;
      }
    }
    boolean isMore = b.value() > a.value();
    return switch (a.better()) {
      case LOW -> isMore ? Verdict.WORSE : Verdict.BETTER;
      case HIGH -> isMore ? Verdict.BETTER : Verdict.WORSE;
      case NEITHER -> Verdict.OTHER;
    };
  }

  /** Whether the error, or that there is none, says that it is no accident. */
  public boolean isSignificant() {
    return switch (verdict()) {
      case BETTER, WORSE, OTHER -> true;
      case SAME, NOISE, UNSURE -> false;
    };
  }

  /**
   * Whether the second result is worse by more than a ratio, and nothing says that it is noise. A
   * figure of which more is better is worse by how much less of it there is.
   */
  public boolean isOver(double limit) {
    boolean isLow = a.better() == Better.LOW;
    if (a.better() == Better.NEITHER || verdict() == Verdict.NOISE || verdict() == Verdict.SAME) {
      return false;
    }
    return (isLow ? ratio() : 1 / ratio()) > limit;
  }
}
