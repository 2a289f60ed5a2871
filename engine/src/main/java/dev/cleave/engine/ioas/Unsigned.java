package dev.cleave.engine.ioas;

/** Addresses are unsigned. Thread-safe: functions of their arguments. */
final class Unsigned {
  private Unsigned() {}

  static boolean isBelow(long a, long b) {
    return Long.compareUnsigned(a, b) < 0;
  }

  static long min(long a, long b) {
    return isBelow(a, b) ? a : b;
  }

  static long max(long a, long b) {
    return isBelow(a, b) ? b : a;
  }
}
