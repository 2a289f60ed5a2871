package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.tableLog2;

import dev.cleave.engine.memory.TablePages;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * Where tables lately written were found: what spares a writer the walk to a single leaf (benchmark
 * {@code SinglePage}: map and unmap 61 against 36 ns). It only guesses. Who locks a table by its
 * place finds out whether the guess is right.
 *
 * <p>Thread-safe: of two that note at once one stays.
 */
final class RecentTables {
  private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(long[].class);

  /** In 32 KiB (benchmark {@code SizedLeaves}, of 2048 tables: unmap 33 ns with 2^11, 21 ns). */
  private static final int SLOTS_LOG2 = 12;

  /** 2^64 divided by the golden ratio: it spreads tables that lie a power of two apart. */
  private static final long SPREAD = 0x9E37_79B9_7F4A_7C15L;

  /** Where tables of each level begin: those above each other lie apart. */
  private static final int LEVEL_SHIFT = 32;

  private final long[] tables = new long[1 << SLOTS_LOG2];

  private final TablePages pages;

  /** Nothing but the first page of the memory yet, which is no worse a guess than others. */
  RecentTables(TablePages pages) {
    this.pages = pages;
    Arrays.fill(tables, pages.base());
  }

  private static int slot(long iova, int level) {
    long number = (iova >>> tableLog2(level)) + ((long) level << LEVEL_SHIFT);
    return (int) ((number * SPREAD) >>> (Long.SIZE - SLOTS_LOG2));
  }

  /** A page that is or was a table, and may be the one that decodes an address at a level. */
  long find(long iova, int level) {
    int slot = slot(iova, level);
    pages.beforeGuess(slot, false);
    return (long) SLOT.getOpaque(tables, slot);
  }

  /** Notes where a table was found; what is known already is not written again. */
  void note(long iova, int level, long table) {
    if (find(iova, level) != table) {
      int slot = slot(iova, level);
      pages.beforeGuess(slot, true);
      SLOT.setOpaque(tables, slot, table);
    }
  }
}
