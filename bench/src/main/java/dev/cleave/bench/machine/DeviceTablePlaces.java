package dev.cleave.bench.machine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.extent.ExtentMap;
import dev.cleave.bench.trace.AddressSpace;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.format.Access;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * Finds private pages for the {@link GuestDeviceTable} of each address space: contiguous ones which
 * the log maps there, whose state it never changes, and which it maps to no other place and nowhere
 * else.
 */
final class DeviceTablePlaces {
  /** Of many mappings the largest are looked at. */
  private static final int MOST_CANDIDATES = 64;

  /** What a table never needs more pages than: it leads to no more extents at a time. */
  private static final long MOST_PAGES = 8192;

  /** The GCR3 table, the top, and one that waits for a flush. */
  private static final int PAGES_BESIDE = 3;

  /** Tables of one level lead to so much: 2 MiB, 1 GiB, 512 GiB. */
  private static final int[] TABLES_LOG2 = {21, 30, 39};

  private final List<TraceEvent.Map> maps;
  private final long paddrBase;
  private final long guestBytes;
  private final ExtentMap changing = new ExtentMap();

  private DeviceTablePlaces(
      List<TraceEvent> events, List<TraceEvent.Map> maps, long paddrBase, long guestBytes) {
    this.maps = maps;
    this.paddrBase = paddrBase;
    this.guestBytes = guestBytes;
    for (TraceEvent event : events) {
      switch (event) {
        case TraceEvent.Share(long _, long gpa, long length) -> block(gpa, length);
        case TraceEvent.Unshare(long _, long gpa, long length) -> block(gpa, length);
        default -> {}
      }
    }
  }

  /**
   * Finds them.
   *
   * @param maps those events that map usable memory
   * @param guestBytes where pages cease to have states
   * @param spaces where places are wanted
   * @param used the parts of a mapping that devices use
   * @return a place in each space that has one, as paddr by gpa
   */
  static Map<AddressSpace, Extent> find(
      List<TraceEvent> events,
      List<TraceEvent.Map> maps,
      long paddrBase,
      long guestBytes,
      List<AddressSpace> spaces,
      Function<Extent, List<Extent>> used) {
    DeviceTablePlaces finder = new DeviceTablePlaces(events, maps, paddrBase, guestBytes);
    Map<AddressSpace, Extent> places = new HashMap<>();
    for (AddressSpace space : spaces) {
      boolean isFirst = space.equals(spaces.getFirst());
      List<Extent> mapped =
          maps.stream()
              .filter(
                  map -> map.space().equals(space) || (isFirst && !spaces.contains(map.space())))
              .map(finder::extent)
              .toList();
      long bytes = pages(mapped, used) * PAGE_BYTES;
      mapped.stream()
          .filter(finder::isPossible)
          .sorted(Comparator.comparingLong(Extent::length).reversed())
          .limit(MOST_CANDIDATES)
          .flatMap(extent -> finder.place(extent, bytes).stream())
          .findFirst()
          .ifPresent(place -> {
            places.put(space, place);
            finder.block(place.first(), place.length());
          });
    }
    return places;
  }

  private void block(long gpa, long length) {
    if (gpa >= 0 && length > 0 && gpa <= guestBytes - length) {
      long first = gpa & -PAGE_BYTES;
      long last = (gpa + length - 1) | (PAGE_BYTES - 1);
      var _ = changing.remove(first, last);
      changing.join(first, last, first, 0);
    }
  }

  private Extent extent(TraceEvent.Map map) {
    return Extent.of(map.iova(), map.length(), map.paddrOr(paddrBase), map.access());
  }

  /** How many pages a table takes that leads to what devices use. */
  private static long pages(List<Extent> mapped, Function<Extent, List<Extent>> used) {
    List<Set<Long>> tables = new ArrayList<>();
    for (int log2 : TABLES_LOG2) {
      Set<Long> numbers = new TreeSet<>();
      for (Extent extent : mapped) {
        used.apply(extent).forEach(part -> numbers.add(part.first() >>> log2));
      }
      tables.add(numbers);
    }
    long pages = tables.stream().mapToLong(Set::size).sum();
    return Math.min(pages, MOST_PAGES) + PAGES_BESIDE;
  }

  private boolean isPossible(Extent extent) {
    return (extent.access() & Access.READ_WRITE) == Access.READ_WRITE
        && extent.first() >= 0
        && extent.first() < guestBytes
        && extent.first() <= GuestDeviceTable.LAST_IOVA;
  }

  /** The highest possible place in a mapping: one, or none. */
  private List<Extent> place(Extent mapped, long bytes) {
    long end = Math.min(Math.min(mapped.last(), guestBytes - 1), GuestDeviceTable.LAST_IOVA) + 1;
    List<Extent> blocks = changing.over(mapped.first(), end - 1);
    for (int i = blocks.size(); i >= 0; i--) {
      long start = i == 0 ? mapped.first() : blocks.get(i - 1).last() + 1;
      if (end - start >= bytes) {
        Extent place = mapped.part(end - bytes, end - 1);
        return maps.stream().map(this::extent).allMatch(other -> agrees(other, place))
            ? List.of(place)
            : List.of();
      }
      end = i == 0 ? end : blocks.get(i - 1).first();
    }
    return List.of();
  }

  /** Whether a mapping leaves a page of a place where it is, and nothing else beside it. */
  private static boolean agrees(Extent other, Extent place) {
    boolean isSameOffset = other.paddr() - other.first() == place.paddr() - place.first();
    return isSameOffset
        || (isApart(other.first(), other.last(), place.first(), place.last())
            && isApart(
                other.paddr(),
                other.paddrAt(other.last()),
                place.paddr(),
                place.paddrAt(place.last())));
  }

  private static boolean isApart(long first, long last, long otherFirst, long otherLast) {
    return Long.compareUnsigned(last, otherFirst) < 0 || Long.compareUnsigned(otherLast, first) < 0;
  }
}
