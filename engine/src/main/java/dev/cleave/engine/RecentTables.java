package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * Where the leaf tables of regions lately written were found: what spares a writer the walk to a
 * single page (benchmark {@code SinglePage}: map and unmap 61 against 36 ns). It only guesses. Who
 * locks a table by its place finds out whether the guess is right.
 *
 * <p>Thread-safe: of two that note at once one stays.
 */
final class RecentTables {
  private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(long[].class);
  private static final int SLOTS_LOG2 = 11;

  /** 2^64 divided by the golden ratio: it spreads regions that lie a power of two apart. */
  private static final long SPREAD = 0x9E37_79B9_7F4A_7C15L;

  private final long[] tables = new long[1 << SLOTS_LOG2];

  /**
   * Nothing but guesses yet.
   *
   * @param table any table of the memory
   */
  RecentTables(long table) {
    Arrays.fill(tables, table);
  }

  private static int slot(long iova) {
    return (int) (((iova >>> REGION_LOG2) * SPREAD) >>> (Long.SIZE - SLOTS_LOG2));
  }

  /** A page that is or was a table, and may be the leaf table of an address. */
  long find(long iova) {
    return (long) SLOT.getOpaque(tables, slot(iova));
  }

  void note(long iova, long table) {
    SLOT.setOpaque(tables, slot(iova), table);
  }
}
