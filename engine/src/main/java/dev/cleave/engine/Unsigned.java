package dev.cleave.engine;

/** Addresses are unsigned. Thread-safe: functions of their arguments. */
final class Unsigned {
  private Unsigned() {}

  static long min(long a, long b) {
    return Long.compareUnsigned(a, b) < 0 ? a : b;
  }

  static long max(long a, long b) {
    return Long.compareUnsigned(a, b) > 0 ? a : b;
  }
}
