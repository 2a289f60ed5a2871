package dev.cleave.bench.machine;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.extent.ExtentMap;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.memory.NativePages;
import dev.cleave.hwmodel.dma.IovaRanges;
import dev.cleave.hwmodel.dma.PageIdentity;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * The memory that a log maps, each address at one place: reserved whole, backed where it is
 * touched. Devices use a part of it, the <em>hot regions</em>: those whose page states change, and
 * others spread evenly; there every word says which address it is.
 *
 * <p>One object serves several replays of the same log, one after the other.
 */
public final class GuestRam implements AutoCloseable {
  /** The hot regions are at most so many: they are really written, 2 MiB each. */
  private static final int MOST_HOT_REGIONS = 512;

  private static final int QUIET_HOT_REGIONS = 64;
  private static final PageIdentity IDENTITY = new PageIdentity(0x5EED_0000_0000_0000L);

  private final Arena arena = Arena.ofShared();
  private final ExtentMap extents = new ExtentMap();
  private final TreeMap<Long, Long> hot = new TreeMap<>();
  private final List<PhysicalMemory.Piece> pieces = new ArrayList<>();

  /**
   * Memory for a log.
   *
   * @param events of the log
   * @param paddrBase added to the iova of a map whose line tells no paddr
   * @param sharedBase where the memory of shared pages begins, each at its gpa; 0 for none
   * @param guestBytes where guest memory ends
   * @throws BadInput if an iova is mapped to two places, or a place to two iovas
   */
  public GuestRam(List<TraceEvent> events, long paddrBase, long sharedBase, long guestBytes) {
    for (TraceEvent event : events) {
      if (event instanceof TraceEvent.Map map && isWellFormed(map)) {
        add(Extent.of(map.iova(), map.length(), map.paddrOr(paddrBase), map.access()));
      }
    }
    if (leadingMaps(events) == 0 || extents.all().isEmpty()) {
      throw new BadInput("--dma needs a log that begins by mapping something");
    }
    reserve();
    if (sharedBase != 0) {
      reserveShared(sharedBase, guestBytes);
    }
    chooseHot(events.subList(0, leadingMaps(events)), events);
    PhysicalMemory memory = new PhysicalMemory();
    memory.addAll(pieces);
    hot.forEach((iova, bytes) -> {
      IDENTITY.stamp(memory, spa(iova), iova, bytes);
      if (sharedBase != 0 && iova < guestBytes) {
        IDENTITY.stamp(memory, sharedBase + iova, iova, Math.min(bytes, guestBytes - iova));
      }
    });
  }

  private static boolean isWellFormed(TraceEvent.Map map) {
    return map.length() > 0 && map.iova() >= 0 && map.iova() + map.length() > 0;
  }

  /** Adds what is not there yet. */
  private void add(Extent added) {
    long at = added.first();
    for (Extent old : extents.over(added.first(), added.last())) {
      if (added.paddrAt(old.first()) != old.paddr()) {
        throw new BadInput(
            "--dma needs a log in which an iova always leads to the same paddr; 0x%x does not"
                .formatted(old.first()));
      }
      if (old.first() != at) {
        extents.add(added.part(at, old.first() - 1));
      }
      at = old.last() + 1;
    }
    if (at <= added.last()) {
      extents.add(added.part(at, added.last()));
    }
  }

  private void reserve() {
    TreeMap<Long, Extent> byPaddr = new TreeMap<>();
    for (Extent extent : extents.all()) {
      Map.Entry<Long, Extent> below = byPaddr.floorEntry(extent.paddr() + extent.length() - 1);
      if (below != null && below.getKey() + below.getValue().length() > extent.paddr()) {
        throw new BadInput(
            "--dma needs a log in which no two iovas lead to one paddr; 0x%x and 0x%x do"
                .formatted(extent.first(), below.getValue().first()));
      }
      byPaddr.put(extent.paddr(), extent);
      pieces.add(
          new PhysicalMemory.Piece(extent.paddr(), NativePages.reserve(extent.length(), arena)));
    }
  }

  private void reserveShared(long sharedBase, long guestBytes) {
    for (Extent extent : extents.over(0, guestBytes - 1)) {
      pieces.add(
          new PhysicalMemory.Piece(
              sharedBase + extent.first(), NativePages.reserve(extent.length(), arena)));
    }
  }

  /** Number of maps that a log begins with: what they map is there when devices begin. */
  public static int leadingMaps(List<TraceEvent> events) {
    int count = 0;
    while (count < events.size() && events.get(count) instanceof TraceEvent.Map) {
      count++;
    }
    return count;
  }

  private void chooseHot(List<TraceEvent> maps, List<TraceEvent> events) {
    Set<Long> regions = new TreeSet<>();
    for (TraceEvent event : events) {
      switch (event) {
        case TraceEvent.Share(long _, long gpa, long length) -> addRegions(regions, gpa, length);
        case TraceEvent.Unshare(long _, long gpa, long length) -> addRegions(regions, gpa, length);
        default -> {}
      }
    }
    NavigableMap<Long, Long> present = new TreeMap<>();
    for (TraceEvent event : maps) {
      if (event instanceof TraceEvent.Map map && isWellFormed(map)) {
        present.put(map.iova(), map.length());
      }
    }
    long total = present.values().stream().mapToLong(Long::longValue).sum();
    long step = Math.max(REGION_BYTES, (total / QUIET_HOT_REGIONS) & -REGION_BYTES);
    present.forEach((iova, length) -> {
      for (long at = iova; at < iova + length; at += step) {
        addRegions(regions, at, 1);
      }
    });
    regions.forEach(region -> addHot(region, present));
  }

  private static void addRegions(Set<Long> regions, long gpa, long length) {
    for (long at = gpa & -REGION_BYTES;
        at < gpa + length && regions.size() < MOST_HOT_REGIONS;
        at += REGION_BYTES) {
      regions.add(at);
    }
  }

  /** Makes those parts of a region hot that are mapped when devices begin. */
  private void addHot(long region, NavigableMap<Long, Long> present) {
    Map.Entry<Long, Long> below = present.floorEntry(region);
    long from = below == null ? region : below.getKey();
    present
        .subMap(from, true, region + REGION_BYTES - 1, true)
        .forEach((iova, length) -> {
          long start = Math.max(iova, region);
          long end = Math.min(iova + length, region + REGION_BYTES);
          if (end > start) {
            hot.put(start, end - start);
          }
        });
  }

  /** What is at an address that the log maps. */
  long spa(long iova) {
    return extents.translate(iova);
  }

  /** Whether the log maps an address. */
  boolean holds(long iova) {
    return extents.at(iova) != null;
  }

  /** Where the highest memory ends. */
  long spaEnd() {
    return extents.all().stream().mapToLong(e -> e.paddr() + e.length()).max().orElseThrow();
  }

  List<PhysicalMemory.Piece> pieces() {
    return pieces;
  }

  PageIdentity identity() {
    return IDENTITY;
  }

  /** All hot memory. */
  IovaRanges hotRanges() {
    return ranges(hot);
  }

  /**
   * The hot memory of a region.
   *
   * @return null if there is none
   */
  @Nullable IovaRanges hotRanges(long region) {
    var inside = hot.subMap(region, true, region + REGION_BYTES - 1, true);
    return inside.isEmpty() ? null : ranges(inside);
  }

  private static IovaRanges ranges(Map<Long, Long> pieces) {
    return IovaRanges.of(
        pieces.entrySet().stream()
            .flatMapToLong(e -> LongStream.of(e.getKey(), e.getValue()))
            .toArray());
  }

  @Override
  public void close() {
    arena.close();
  }
}
