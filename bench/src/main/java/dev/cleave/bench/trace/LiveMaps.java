package dev.cleave.bench.trace;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * What one address space of a log maps at a moment, as far as the log tells. Addresses are
 * unsigned.
 *
 * <p>Not thread-safe.
 */
final class LiveMaps {
  private final NavigableMap<Long, Live> maps = new TreeMap<>(Long::compareUnsigned);

  /**
   * A mapping.
   *
   * @param last its last address
   * @param task who made it
   * @param number a number that is larger for later ones
   * @param isSure whether it is there for sure: not if the log has lost events since
   */
  record Live(long first, long last, String task, long number, boolean isSure) {
    private Live part(long from, long to) {
      return new Live(from, to, task, number, isSure);
    }
  }

  /** The mappings that a range overlaps. */
  List<Live> over(long first, long last) {
    List<Live> found = new ArrayList<>();
    Map.Entry<Long, Live> before = maps.lowerEntry(first);
    if (before != null && Long.compareUnsigned(before.getValue().last, first) >= 0) {
      found.add(before.getValue());
    }
    for (Live live : maps.tailMap(first, true).values()) {
      if (Long.compareUnsigned(live.first, last) > 0) {
        break;
      }
      found.add(live);
    }
    return found;
  }

  /** How many bytes of a range are mapped. */
  long mappedBytes(long first, long last) {
    long bytes = 0;
    for (Live live : over(first, last)) {
      long from = Long.compareUnsigned(live.first, first) < 0 ? first : live.first;
      long to = Long.compareUnsigned(live.last, last) > 0 ? last : live.last;
      bytes += to - from + 1;
    }
    return bytes;
  }

  /** Adds a mapping in place of what it overlaps. */
  void put(Live added) {
    remove(added.first, added.last);
    maps.put(added.first, added);
  }

  /** Takes out what is mapped in a range. */
  void remove(long first, long last) {
    for (Live live : over(first, last)) {
      maps.remove(live.first);
      if (Long.compareUnsigned(live.first, first) < 0) {
        maps.put(live.first, live.part(live.first, first - 1));
      }
      if (Long.compareUnsigned(live.last, last) > 0) {
        maps.put(last + 1, live.part(last + 1, live.last));
      }
    }
  }

  /** Events were lost: nothing is sure any more. */
  void doubt() {
    maps.replaceAll((_, live) -> new Live(live.first, live.last, live.task, live.number, false));
  }
}
