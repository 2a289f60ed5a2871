package dev.cleave.bench.machine;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.extent.ExtentMap;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The memory of one sort that devices use. Of many mappings the youngest are used, as by drivers
 * that map each transfer anew.
 *
 * <p>Not thread-safe.
 */
final class UsedExtents {
  private static final int MOST_EXTENTS = 1024;

  private final ExtentMap used = new ExtentMap();
  private final Deque<Extent> byAge = new ArrayDeque<>();

  /** All of them, as long as nothing changes: every kind of device asks. */
  private @Nullable List<Extent> all;

  /** What is used around an address, or null. */
  @Nullable Extent at(long iova) {
    return used.at(iova);
  }

  /** All that is used, by address. */
  List<Extent> all() {
    if (all == null) {
      all = used.over(0, -1);
    }
    return all;
  }

  List<Extent> over(long first, long last) {
    return used.over(first, last);
  }

  /** Takes a range out; returns what was used of it. */
  List<Extent> remove(long first, long last) {
    List<Extent> removed = used.over(first, last);
    if (!removed.isEmpty()) {
      all = null;
      used.remove(first, last);
    }
    return removed;
  }

  void add(Extent extent) {
    all = null;
    used.add(extent);
    byAge.add(extent);
  }

  /** Gives up the oldest if there is too much; returns it. */
  List<Extent> forgetOldest() {
    List<Extent> forgotten = new ArrayList<>();
    if (byAge.size() > 2 * MOST_EXTENTS) {
      all = null;
      byAge.removeIf(extent -> !extent.equals(used.at(extent.first())));
      while (byAge.size() > MOST_EXTENTS) {
        Extent oldest = byAge.remove();
        used.remove(oldest.first(), oldest.last());
        forgotten.add(oldest);
      }
    }
    return forgotten;
  }
}
