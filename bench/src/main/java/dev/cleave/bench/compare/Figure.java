package dev.cleave.bench.compare;

import dev.cleave.bench.figure.Better;
import dev.cleave.bench.figure.Unit;
import java.util.OptionalDouble;

/**
 * A number of a result that can be found again in another.
 *
 * @param subject what it is of, such as a policy or a pair of benchmarks
 * @param name how it is called in JSON
 * @param value in the unit
 * @param error half of its 95% confidence interval; empty where none is known
 * @param sureness what a difference of it says when no error is known
 */
public record Figure(
    String subject,
    String name,
    double value,
    OptionalDouble error,
    Unit unit,
    Better better,
    Sureness sureness) {
  /** What may make a figure differ. */
  public enum Sureness {
    /** It is the same in every run of the same: any difference is one. */
    EXACT,
    /** It was measured, and differs from run to run. */
    MEASURED
  }

  /** What finds it in another result. */
  Key key() {
    return new Key(subject, name);
  }

  /** A figure's place in a result. */
  record Key(String subject, String name) {}
}
