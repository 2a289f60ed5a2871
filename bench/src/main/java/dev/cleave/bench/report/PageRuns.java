package dev.cleave.bench.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A value for each page of an address space, kept as runs of equal ones.
 *
 * <p>Not thread-safe.
 */
final class PageRuns {
  /** Pages of 4 KiB in 2^64 bytes. */
  static final long PAGES = 1L << 52;

  /** A run's value by its first page; it goes on to the next key. */
  private final TreeMap<Long, Integer> values = new TreeMap<>(Map.of(0L, 0));

  /**
   * A run.
   *
   * @param pages its length
   */
  record Run(long pages, int value) {}

  /** The value of a page. */
  int at(long page) {
    return values.floorEntry(page).getValue();
  }

  /** The runs of a part. */
  List<Run> over(long from, long end) {
    List<Run> runs = new ArrayList<>();
    long at = from;
    int value = at(from);
    for (Map.Entry<Long, Integer> next : values.subMap(from, false, end, false).entrySet()) {
      runs.add(new Run(next.getKey() - at, value));
      at = next.getKey();
      value = next.getValue();
    }
    runs.add(new Run(end - at, value));
    return runs;
  }

  /** Puts runs, none of them empty, in the place of what was there. */
  void replace(long from, List<Run> runs) {
    long end = from + runs.stream().mapToLong(Run::pages).sum();
    int after = end < PAGES ? at(end) : 0;
    values.subMap(from, true, end, true).clear();
    long at = from;
    for (Run run : runs) {
      put(at, run.value);
      at += run.pages;
    }
    if (end < PAGES) {
      put(end, after);
    }
  }

  private void put(long page, int value) {
    Map.Entry<Long, Integer> below = values.lowerEntry(page);
    if (below == null || below.getValue() != value) {
      values.put(page, value);
    }
  }
}
