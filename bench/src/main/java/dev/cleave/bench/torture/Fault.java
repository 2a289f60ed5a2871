package dev.cleave.bench.torture;

import dev.cleave.engine.memory.TablePages;
import java.util.Locale;

/** What can be broken on purpose, to see that it is found. */
public enum Fault {
  /** Nothing. */
  NONE,
  /** A directory is seen before what its table holds. */
  MISSING_RELEASE,
  /** Table pages are put back before the flush. */
  FREE_BEFORE_FLUSH,
  /** A merge does not look again at the tables that it replaced. */
  FORGOTTEN_DIRTY,
  /** Of what a split owes only the first page is flushed. */
  SHORT_FLUSH,
  /** A table that is taken back counts an entry too many. */
  STALE_COUNT,
  /** A table that is taken back is put back by the gather that it waited in. */
  FREED_BY_OLD_GATHER,
  /** A table that is taken back is handed out once more. */
  TAKEN_BACK_TWICE,
  /** A table that waits below a larger leaf does not say what the leaf says. */
  NO_SHADOW;

  /**
   * Whether it is one of tables that wait for a flush, which deferred flushing makes many of.
   *
   * @return false where flushing at once finds it as well
   */
  public boolean isOfWaitingTables() {
    return compareTo(STALE_COUNT) >= 0;
  }

  /**
   * Its name on the command line.
   *
   * @return lower case, with hyphens
   */
  public String word() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** Table pages that have the fault, if it is one of memory. */
  TablePages pages(long bytes, long base) {
    return switch (this) {
      case NONE, FREE_BEFORE_FLUSH, SHORT_FLUSH -> TablePages.reserve(bytes, bytes, base, false);
      default -> new BrokenPages(bytes, base, this);
    };
  }
}
