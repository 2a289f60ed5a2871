package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Where the leaf tables of regions lately written were found: what spares a writer the walk to a
 * single page (benchmark {@code SinglePage}: map + unmap 61 against 41 ns). It only guesses. Who
 * locks a table by its place finds out whether the guess is right.
 *
 * <p>Thread-safe: of two that note at once one stays.
 */
final class RecentTables {
  private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(long[].class);
  private static final int SLOTS = 512;

  private final long[] tables = new long[SLOTS];

  private static int slot(long iova) {
    return (int) (iova >>> REGION_LOG2) & (SLOTS - 1);
  }

  /** A table that may be the leaf table of an address; any number if there never was one. */
  long find(long iova) {
    return (long) SLOT.getOpaque(tables, slot(iova));
  }

  void note(long iova, long table) {
    SLOT.setOpaque(tables, slot(iova), table);
  }
}
