package dev.cleave.bench.report;

import java.util.Map;
import java.util.TreeMap;

/**
 * Ranges of pages that may have changed; those that touch are one.
 *
 * <p>Not thread-safe.
 */
final class DirtyPages {
  private final TreeMap<Long, Long> endOf = new TreeMap<>();

  void add(long from, long to) {
    long first = from;
    long end = to;
    Map.Entry<Long, Long> below = endOf.floorEntry(first);
    if (below != null && below.getValue() >= first) {
      first = below.getKey();
    }
    for (Map.Entry<Long, Long> next = endOf.ceilingEntry(first);
        next != null && next.getKey() <= end;
        next = endOf.ceilingEntry(first)) {
      end = Math.max(end, next.getValue());
      endOf.remove(next.getKey());
    }
    endOf.put(first, end);
  }

  /** Is given a range. */
  @FunctionalInterface
  interface Visitor {
    void visit(long from, long end);
  }

  void forEach(Visitor visitor) {
    endOf.forEach(visitor::visit);
  }

  void clear() {
    endOf.clear();
  }
}
