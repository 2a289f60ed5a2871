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
  STALE_COUNT;

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
      case MISSING_RELEASE, FORGOTTEN_DIRTY, STALE_COUNT -> new BrokenPages(bytes, base, this);
      default -> TablePages.reserve(bytes, bytes, base, false);
    };
  }
}
