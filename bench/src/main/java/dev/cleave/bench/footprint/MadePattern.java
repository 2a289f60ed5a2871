package dev.cleave.bench.footprint;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;

/** Patterns that are made of a fraction and a seed, the same in every run. */
public enum MadePattern implements SharePattern {
  /** Single pages anywhere: the worst that a guest can do to its tables. */
  SCATTERED {
    @Override
    void share(BitSet pages, int guestPages, int count, Random random) {
      addRuns(pages, guestPages, count, 1, random);
    }
  },
  /** Runs of 1 MiB anywhere, as rings and queues of many devices are. */
  CLUSTERED {
    @Override
    void share(BitSet pages, int guestPages, int count, Random random) {
      addRuns(pages, guestPages, count, CLUSTER_PAGES, random);
    }
  },
  /**
   * As a guest has it after boot: a bounce-buffer pool in one piece, and one page in fifty of those
   * shared in short runs of 16 beside each other, in the sixteenth of memory that drivers got.
   */
  BOOT {
    @Override
    void share(BitSet pages, int guestPages, int count, Random random) {
      int loose = Math.min(count / LOOSE_SHARE, guestPages / DRIVER_SHARE / 2);
      int pool = count - loose;
      int driverPages = Math.max(loose, (guestPages - pool) / DRIVER_SHARE);
      pages.set(guestPages - pool, guestPages);
      addRuns(pages, Math.min(driverPages, guestPages - pool), loose, LOOSE_RUN_PAGES, random);
    }
  };

  private static final int CLUSTER_PAGES = 256;
  private static final int LOOSE_SHARE = 50;
  private static final int LOOSE_RUN_PAGES = 16;
  private static final int DRIVER_SHARE = 16;

  /**
   * The shared pages of a guest.
   *
   * @param guestBytes a multiple of 4096, below 8 TiB if anything is shared
   * @param fraction how much of it is shared, 0 to 1; rounded to whole pages
   * @param seed what random choices depend on
   * @return the shared pages by number, exactly that many
   */
  public BitSet sharedPages(long guestBytes, double fraction, long seed) {
    BitSet pages = new BitSet();
    if (fraction == 0) {
      return pages;
    }
    int guestPages = Math.toIntExact(guestBytes >>> PAGE_LOG2);
    int count = (int) Math.round(guestPages * fraction);
    if (count == guestPages) {
      pages.set(0, guestPages);
    } else {
      share(pages, guestPages, count, new Random(seed));
    }
    return pages;
  }

  abstract void share(BitSet pages, int guestPages, int count, Random random);

  /** Adds runs, each aligned to its length, until so many pages more are set. */
  private static void addRuns(BitSet pages, int limit, int count, int runPages, Random random) {
    int runs = (limit + runPages - 1) / runPages;
    for (int left = count; left > 0; ) {
      int page = random.nextInt(runs) * runPages;
      int end = Math.min(page + runPages, limit);
      for (; page < end && left > 0; page++) {
        if (!pages.get(page)) {
          pages.set(page);
          left--;
        }
      }
    }
  }

  @Override
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Finds a pattern.
   *
   * @param word its name on the command line
   */
  public static Optional<MadePattern> of(String word) {
    return Arrays.stream(values()).filter(pattern -> pattern.word().equals(word)).findFirst();
  }
}
