package dev.cleave.bench.processor;

/**
 * Additions of which each needs the one before, as in Fibonacci's numbers: no compiler knows a
 * shorter way, and no cache has a part in it. How long a chain takes is a core's pace; how much
 * longer four chains take that are worked on at once shows how much of the core's width others
 * have.
 */
public final class Chains {
  /** Additions of one chain. */
  public static final int ADDITIONS = 1000;

  /** Enough of either for the compiler to be done with them. */
  private static final int WARMUPS = 40_000;

  private Chains() {}

  /**
   * Has them compiled.
   *
   * @return anything
   */
  public static long warmUp() {
    long sum = 0;
    for (int i = 0; i < WARMUPS; i++) {
      sum += one(sum, i) + four(i);
    }
    return sum;
  }

  /**
   * One chain.
   *
   * @param first any number
   * @param second any number
   * @return the last
   */
  public static long one(long first, long second) {
    long before = first;
    long last = second;
    for (int i = 0; i < ADDITIONS; i++) {
      long next = before + last;
      before = last;
      last = next;
    }
    return last;
  }

  /**
   * Four chains side by side, each of twice as many additions.
   *
   * @param start any number
   * @return what depends on the last of each
   */
  public static long four(long start) {
    long a = start;
    long b = start + 1;
    long c = start + 2;
    long d = start + 3;
    long e = start + 4;
    long f = start + 5;
    long g = start + 6;
    long h = start + 7;
    for (int i = 0; i < ADDITIONS; i++) {
      a += b;
      c += d;
      e += f;
      g += h;
      b += a;
      d += c;
      f += e;
      h += g;
    }
    return b ^ d ^ f ^ h;
  }
}
