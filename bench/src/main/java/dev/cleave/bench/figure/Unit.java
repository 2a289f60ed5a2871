package dev.cleave.bench.figure;

/** What a number counts, and so how it is written. */
public enum Unit {
  /** As it is. */
  COUNT,
  /** Bytes; shown with a binary prefix. */
  BYTES,
  /** Nanoseconds; shown in the unit that fits. */
  NANOS,
  /** A part of 1; shown as a percentage. */
  PART,
  /** A ratio; shown with three digits. */
  RATIO,
  /** A percentile of 100; its axis spreads the nines. */
  PERCENTILE
}
