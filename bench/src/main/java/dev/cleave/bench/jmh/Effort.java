package dev.cleave.bench.jmh;

/**
 * How long to measure.
 *
 * @param rounds times that every pair is measured, each time in new JVMs: its two sides alternate
 * @param warmups warm-up iterations in each JVM
 * @param iterations measured iterations in each JVM
 * @param millis length of an iteration
 */
public record Effort(int rounds, int warmups, int iterations, int millis) {
  /** A few minutes. Two JVMs for each, so that one with bad luck is seen. */
  public static final Effort QUICK = new Effort(2, 2, 3, 180);

  /** About an hour. */
  public static final Effort FULL = new Effort(5, 5, 10, 1000);
}
