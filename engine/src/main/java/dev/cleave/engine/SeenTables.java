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

  /** Where among all bits those of each begin. */
  final int[] places = new int[MOST];

  /** Which entries were dirty. */
  final GatheredBits found = new GatheredBits();

  /** What was loaded ahead and nobody needs: a load whose value goes nowhere is left out. */
  @SuppressWarnings("unused")
  long fetched;

  /**
   * Gives tables a place each, in the order in which they lie in memory.
   *
   * @param isDown whether each lies before the one of the entry before
   */
  void place(int number, int count, boolean isDown) {
    for (int i = 0; i < count; i++) {
      places[number + i] = (number + (isDown ? count - 1 - i : i)) * TABLE_ENTRIES;
    }
  }
}
