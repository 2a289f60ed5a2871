package dev.cleave.bench.trace;

import dev.cleave.bench.trace.LiveMaps.Live;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Tells domains apart in a log of {@code iommu:map} and {@code iommu:unmap}, which name none.
 *
 * <ol>
 *   <li>A map over a live mapping belongs to another domain: to one where its range is free, or to
 *       a new one. Where several have room, that in which the same task mapped last is taken.
 *   <li>An unmap belongs to the domain that maps its range; where several do, to that whose mapping
 *       the same task made, and else to that whose mapping is youngest.
 *   <li>An unmap that stands before its map at the same time stands there because clocks tie: the
 *       map is gone already. A mapping from before lost events may be gone: neither shows that
 *       there is another domain.
 * </ol>
 *
 * <p>Not thread-safe.
 */
final class DomainSorter {
  /** So many can be told apart; a log that needs more is one that does not fit at all. */
  private static final int MOST_DOMAINS = 64;

  private final List<Domain> domains = new ArrayList<>();
  private final Map<String, Domain> lastByTask = new HashMap<>();

  /** What unmaps at the time {@link #orphansTime} did not find. */
  private final Ranges orphans = new Ranges();

  private String orphansTime = "";
  private long count;
  private long conflicts;
  private long firstConflict;

  private record Domain(AddressSpace space, LiveMaps maps) {}

  /** The domain of a map or an unmap. */
  AddressSpace sort(Told told) {
    if (!told.time().equals(orphansTime)) {
      orphans.clear();
      orphansTime = told.time();
    }
    count++;
    return switch (told.event()) {
      case TraceEvent.Map map when isRange(map.iova(), map.length()) -> mapped(map, told.task());
      case TraceEvent.Unmap unmap when isRange(unmap.iova(), unmap.length()) ->
          unmapped(unmap, told.task());
      default -> first().space;
    };
  }

  private static boolean isRange(long first, long length) {
    return length != 0 && Long.compareUnsigned(first + length - 1, first) >= 0;
  }

  /** Events were lost. */
  void doubt() {
    domains.forEach(domain -> domain.maps.doubt());
  }

  private AddressSpace mapped(TraceEvent.Map map, String task) {
    long first = map.iova();
    long last = first + map.length() - 1;
    if (!orphansTime.isEmpty() && orphans.holds(first, last)) {
      return lastOf(task).space;
    }
    Domain domain = roomFor(first, last, task);
    if (domain == null) {
      if (conflicts++ == 0) {
        firstConflict = map.line();
      }
      if (domains.size() == MOST_DOMAINS) {
        return first().space;
      }
      domain = open();
    }
    domain.maps.put(new Live(first, last, task, count, true));
    lastByTask.put(task, domain);
    return domain.space;
  }

  private @Nullable Domain roomFor(long first, long last, String task) {
    Domain latest = lastOf(task);
    if (isFree(latest, first, last)) {
      return latest;
    }
    return domains.stream().filter(d -> isFree(d, first, last)).findFirst().orElse(null);
  }

  private static boolean isFree(Domain domain, long first, long last) {
    return domain.maps.over(first, last).stream().noneMatch(Live::isSure);
  }

  private AddressSpace unmapped(TraceEvent.Unmap unmap, String task) {
    long first = unmap.iova();
    long last = first + unmap.length() - 1;
    Domain domain =
        domains.stream()
            .max(
                Comparator.<Domain>comparingLong(d -> d.maps.mappedBytes(first, last))
                    .thenComparing(d -> isOf(d, first, last, task))
                    .thenComparingLong(d -> youngest(d, first, last)))
            .orElseGet(this::first);
    Ranges found = new Ranges();
    domain.maps.over(first, last).forEach(live -> found.add(live.first(), live.last()));
    found.without(first, last).forEach(missing -> orphans.add(missing.first(), missing.last()));
    domain.maps.remove(first, last);
    return domain.space;
  }

  private static boolean isOf(Domain domain, long first, long last, String task) {
    return domain.maps.over(first, last).stream().anyMatch(live -> live.task().equals(task));
  }

  private static long youngest(Domain domain, long first, long last) {
    return domain.maps.over(first, last).stream().mapToLong(Live::number).max().orElse(0);
  }

  private Domain lastOf(String task) {
    Domain last = lastByTask.get(task);
    return last == null ? first() : last;
  }

  private Domain first() {
    return domains.isEmpty() ? open() : domains.getFirst();
  }

  private Domain open() {
    Domain domain = new Domain(AddressSpace.ofDomain(domains.size() + 1), new LiveMaps());
    domains.add(domain);
    return domain;
  }

  /** Domains that were told apart. */
  int domains() {
    return domains.size();
  }

  /** Maps over live mappings that no known domain had room for. */
  long conflicts() {
    return conflicts;
  }

  /** The line of the first of them. */
  long firstConflict() {
    return firstConflict;
  }
}
