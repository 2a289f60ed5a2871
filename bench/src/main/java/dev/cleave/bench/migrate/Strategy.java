package dev.cleave.bench.migrate;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** How a table tracks what devices write while a guest is migrated. */
public enum Strategy {
  /** Nothing is tracked: devices stop, and everything is copied once. */
  STOP_AND_COPY(0, "no tracking: devices stop, and everything is copied once"),
  /** Leaves are left as they are, however large. */
  AS_THEY_ARE(0, "tracks by the leaves as they are"),
  /** Everything is split to 4 KiB before the first pass. */
  SPLIT_ALL(1, "splits everything to 4K before the first pass"),
  /** A leaf is split when it is first found dirty. */
  SPLIT_WRITTEN(1, "splits a leaf when it is first found dirty, in steps: to 2M, then to 4K"),
  /** A leaf is split when it is found dirty for the second time. */
  SPLIT_TWICE(2, "likewise, when it is found dirty for the second time");

  private final int readsToSplit;
  private final String note;

  Strategy(int readsToSplit, String note) {
    this.readsToSplit = readsToSplit;
    this.note = note;
  }

  /** Whether devices go on while memory is copied. */
  public boolean isLive() {
    return this != STOP_AND_COPY;
  }

  /**
   * How often a leaf must be found dirty to be split; 0 for never. What is split before the first
   * pass and merged when it grew cold is split again like that.
   */
  int readsToSplit() {
    return readsToSplit;
  }

  /** What it does, for a person. */
  public String note() {
    return note;
  }

  /** Its name on the command line and in results. */
  public String word() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** All words, with commas between. */
  public static String words() {
    return Arrays.stream(values()).map(Strategy::word).collect(Collectors.joining(", "));
  }

  /**
   * Finds a strategy.
   *
   * @param word its name
   * @throws IllegalArgumentException if there is none of that name
   */
  public static Strategy of(String word) {
    return Arrays.stream(values())
        .filter(strategy -> strategy.word().equals(word))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "'%s' is no strategy, expected some of %s".formatted(word, words())));
  }
}
