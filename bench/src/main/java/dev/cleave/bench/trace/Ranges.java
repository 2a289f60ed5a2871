package dev.cleave.bench.trace;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * A set of addresses, kept as ranges that do not touch. Addresses are unsigned; a range is named by
 * its first and last address, so that it may reach the top.
 *
 * <p>Not thread-safe.
 */
final class Ranges {
  /** Last addresses by first ones. */
  private final NavigableMap<Long, Long> ranges = new TreeMap<>(Long::compareUnsigned);

  /** Some addresses. */
  record Range(long first, long last) {}

  /** Adds a range. */
  void add(long first, long last) {
    long from = first;
    long to = last;
    Map.Entry<Long, Long> before = ranges.floorEntry(first);
    if (before != null && reaches(before.getValue(), first)) {
      from = before.getKey();
    }
    for (Map.Entry<Long, Long> next = ranges.ceilingEntry(from);
        next != null && (isAtMost(next.getKey(), to) || (next.getKey() == to + 1 && to != -1));
        next = ranges.ceilingEntry(from)) {
      to = isAtMost(next.getValue(), to) ? to : next.getValue();
      ranges.remove(next.getKey());
    }
    ranges.put(from, to);
  }

  /** Whether a range that ends somewhere overlaps or touches what begins somewhere. */
  private static boolean reaches(long last, long first) {
    return isAtMost(first, last) || last + 1 == first;
  }

  private static boolean isAtMost(long a, long b) {
    return Long.compareUnsigned(a, b) <= 0;
  }

  /** The parts of a range that are not in the set, in ascending order. */
  List<Range> without(long first, long last) {
    List<Range> parts = new ArrayList<>();
    long at = first;
    Map.Entry<Long, Long> before = ranges.floorEntry(first);
    if (before != null && isAtMost(first, before.getValue())) {
      if (isAtMost(last, before.getValue())) {
        return parts;
      }
      at = before.getValue() + 1;
    }
    for (Map.Entry<Long, Long> next : ranges.tailMap(at, true).entrySet()) {
      if (!isAtMost(next.getKey(), last)) {
        break;
      }
      if (next.getKey() != at) {
        parts.add(new Range(at, next.getKey() - 1));
      }
      if (isAtMost(last, next.getValue())) {
        return parts;
      }
      at = next.getValue() + 1;
    }
    parts.add(new Range(at, last));
    return parts;
  }

  /** Whether all of a range is in the set. */
  boolean holds(long first, long last) {
    return without(first, last).isEmpty();
  }

  /** Empties the set. */
  void clear() {
    ranges.clear();
  }
}
