package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;

import dev.cleave.engine.kernel.GatheredBits;

/**
 * What {@link CleanTables} has seen of leaf tables below up to {@value #MOST} entries that stand
 * side by side: which entries of theirs were dirty, and what shows later whether a writer has had
 * the table since. Made once, for all passes of who owns it; belongs to one thread at a time.
 */
final class SeenTables {
  /** Entries at most. */
  static final int MOST = GatheredBits.MAX_COUNT / TABLE_ENTRIES;

  /** The leaf table below each entry, or none. */
  final long[] tables = new long[MOST];

  /** What tells whether it has been written; negative where that cannot be told. */
  final long[] writes = new long[MOST];

  /** Which of its entries were dirty, from {@link #place} on. */
  final GatheredBits found = new GatheredBits();

  /** What was loaded ahead and nobody needs: a load whose value goes nowhere is left out. */
  @SuppressWarnings("unused")
  long fetched;

  /** Where the bits of a leaf table begin. */
  static int place(int number) {
    return number * TABLE_ENTRIES;
  }
}
