package dev.cleave.bench.conform;

import java.util.EnumMap;
import java.util.Map;

/** What a run has done so far. Belongs to one thread at a time. */
final class Tally {
  /** Operations that were accepted, and then flushed and probed. */
  long states;

  /** Operations that the engine refused, rightly. */
  long refused;

  long reads;
  long writes;

  /** Reads and writes that were answered from a stale translation, as they had to be. */
  long stale;

  /** Reads done between the stores of one operation, or beside them in another thread. */
  long during;

  /** Reads beyond memory, of which QEMU said where they went. */
  long far;

  long commands;

  /** Probes that were not sent. */
  final Map<KnownDeviation, Long> excluded = new EnumMap<>(KnownDeviation.class);

  void exclude(KnownDeviation deviation) {
    excluded.merge(deviation, 1L, Long::sum);
  }

  long probes() {
    return reads + writes;
  }
}
