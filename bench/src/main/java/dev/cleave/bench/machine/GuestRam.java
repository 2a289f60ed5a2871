package dev.cleave.bench.machine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.extent.ExtentMap;
import dev.cleave.bench.trace.AddressSpace;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.memory.NativePages;
import dev.cleave.hwmodel.dma.PageIdentity;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The part that devices use of the memory that a log maps: regions whose page states change, and
 * others spread evenly over each mapping. There every word says at which physical address it is, so
 * that iovas may share memory or lead elsewhere later, and whether its page has become shared; the
 * memory of a shared page says where the page is while it is private. Who is led elsewhere finds no
 * memory at all.
 *
 * <p>One object serves several replays of the same log, one after the other.
 */
public final class GuestRam implements AutoCloseable {
  /** What devices use is really written: no more than this. */
  private static final long MOST_USED_BYTES = 1L << 30;

  /**
   * An RMP knows of all memory up to this; of more memory it knows what devices use, since it would
   * take a page of the RMP for each region.
   */
  private static final long MOST_TRACKED_BYTES = 1L << 36;

  /** So many regions whose page states change are used at most, */
  private static final int MOST_CHANGING_REGIONS = 512;

  /** and of the memory besides so many regions, if it is all mapped at once. */
  private static final int QUIET_REGIONS = 64;

  private static final PageIdentity PRIVATE = new PageIdentity(0x5EED_0000_0000_0000L);

  /** A page that has become shared was written anew, and says so. */
  private static final PageIdentity SHARED = new PageIdentity(0x0DD5_0000_0000_0000L);

  private final Arena arena = Arena.ofShared();
  private final List<PhysicalMemory.Piece> pieces = new ArrayList<>();
  private final PhysicalMemory memory = new PhysicalMemory();

  /** What was reserved, each address leading to itself. */
  private final ExtentMap reserved = new ExtentMap();

  /** What says where it is. */
  private final ExtentMap written = new ExtentMap();

  /** Of the memory of shared pages: what it says, as paddr by gpa. */
  private final ExtentMap writtenShared = new ExtentMap();

  /** What says that it is shared where it is, each address leading to itself. */
  private final ExtentMap sharedInPlace = new ExtentMap();

  private final Map<AddressSpace, Extent> tablePlaces;

  /** By paddr, what is given to tables of the guest's. */
  private final ExtentMap ofTables = new ExtentMap();

  private boolean isSharedInPlace;

  private final TreeSet<Long> changing = new TreeSet<>();
  private final long sharedBase;
  private final long guestBytes;
  private final long step;
  private final long spaEnd;
  private final boolean areAllTracked;
  private long usedBytes;

  /**
   * Memory for a log, without room for tables of the guest's.
   *
   * @param events of the log
   * @param paddrBase added to the iova of a map whose line tells no paddr
   * @param sharedBase where the memory of shared pages begins, each at its gpa; 0 for none
   * @param guestBytes where guest memory ends
   */
  public GuestRam(List<TraceEvent> events, long paddrBase, long sharedBase, long guestBytes) {
    this(events, paddrBase, sharedBase, guestBytes, List.of());
  }

  /**
   * Memory for a log.
   *
   * @param events of the log
   * @param paddrBase added to the iova of a map whose line tells no paddr
   * @param sharedBase where the memory of shared pages begins, each at its gpa; 0 for none
   * @param guestBytes where guest memory ends
   * @param tableSpaces where room is wanted for a table of the guest's own
   */
  public GuestRam(
      List<TraceEvent> events,
      long paddrBase,
      long sharedBase,
      long guestBytes,
      List<AddressSpace> tableSpaces) {
    this.sharedBase = sharedBase;
    this.guestBytes = guestBytes;
    List<TraceEvent.Map> maps = new ArrayList<>();
    ExtentMap mapped = new ExtentMap();
    for (TraceEvent event : events) {
      switch (event) {
        case TraceEvent.Map map when isUsable(map, paddrBase) -> {
          long paddr = map.paddrOr(paddrBase);
          holes(mapped, paddr, paddr + map.length() - 1).forEach(mapped::add);
          maps.add(map);
        }
        case TraceEvent.Share(long _, long gpa, long length) -> addChanging(gpa, length);
        case TraceEvent.Unshare(long _, long gpa, long length) -> addChanging(gpa, length);
        default -> {}
      }
    }
    long total = mapped.all().stream().mapToLong(Extent::length).sum();
    areAllTracked = total <= MOST_TRACKED_BYTES;
    step = Math.max(REGION_BYTES, (total / QUIET_REGIONS) & -REGION_BYTES);
    tablePlaces =
        DeviceTablePlaces.find(events, maps, paddrBase, guestBytes, tableSpaces, this::parts);
    tablePlaces
        .values()
        .forEach(place ->
            ofTables.add(new Extent(place.paddr(), place.paddrAt(place.last()), place.paddr(), 0)));
    for (TraceEvent.Map map : maps) {
      parts(Extent.of(map.iova(), map.length(), map.paddrOr(paddrBase), map.access()))
          .forEach(this::reserve);
    }
    memory.addAll(pieces);
    List<Extent> all = new ArrayList<>(mapped.all());
    all.addAll(reserved.all());
    long end = all.stream().mapToLong(extent -> extent.last() + 1).max().orElse(1);
    spaEnd = (end + REGION_BYTES - 1) & -REGION_BYTES;
  }

  /** What is not made of pages is refused; what lies beyond all memory of a machine is none. */
  private static boolean isUsable(TraceEvent.Map map, long paddrBase) {
    long paddr = map.paddrOr(paddrBase);
    return map.length() > 0
        && ((map.iova() | paddr | map.length()) & (PAGE_BYTES - 1)) == 0
        && Long.compareUnsigned(map.iova() + map.length() - 1, map.iova()) >= 0
        && paddr >= 0
        && paddr <= ModelMachine.MEMORY_END
        && map.length() <= ModelMachine.MEMORY_END - paddr;
  }

  /** Reserves a part that devices are to use, while there is not too much of it. */
  private void reserve(Extent part) {
    List<Extent> holes = holes(reserved, part.paddr(), part.paddrAt(part.last()));
    long bytes = holes.stream().mapToLong(Extent::length).sum();
    if (usedBytes + bytes > MOST_USED_BYTES) {
      return;
    }
    usedBytes += bytes;
    holes.forEach(this::add);
    if (isInGuest(part)) {
      Extent inGuest = inGuest(part);
      holes(reserved, sharedBase + inGuest.first(), sharedBase + inGuest.last()).forEach(this::add);
    }
  }

  private void add(Extent hole) {
    reserved.add(hole);
    pieces.add(new PhysicalMemory.Piece(hole.first(), NativePages.reserve(hole.length(), arena)));
  }

  /** Whether a part has other memory while its pages are shared. */
  private boolean isInGuest(Extent part) {
    return sharedBase != 0 && Long.compareUnsigned(part.first(), guestBytes) < 0;
  }

  private Extent inGuest(Extent part) {
    return part.part(part.first(), Math.min(part.last(), guestBytes - 1));
  }

  /** What a map lacks of a range, each address leading to itself. */
  private static List<Extent> holes(ExtentMap map, long first, long last) {
    List<Extent> holes = new ArrayList<>();
    long at = first;
    for (Extent there : map.over(first, last)) {
      if (there.first() != at) {
        holes.add(new Extent(at, there.first() - 1, at, 0));
      }
      at = there.last() + 1;
    }
    if (at <= last) {
      holes.add(new Extent(at, last, at, 0));
    }
    return holes;
  }

  private void addChanging(long gpa, long length) {
    for (long at = gpa & -REGION_BYTES;
        at < gpa + length && changing.size() < MOST_CHANGING_REGIONS;
        at += REGION_BYTES) {
      changing.add(at);
    }
  }

  /**
   * What devices use of a range that has just been mapped; from now on it says where it is.
   *
   * @param mapped the range, whole pages
   */
  List<Extent> use(Extent mapped) {
    List<Extent> used = parts(mapped);
    used.removeIf(part -> !holes(reserved, part.paddr(), part.paddrAt(part.last())).isEmpty());
    used.forEach(this::write);
    return used;
  }

  /** The parts of a mapping that devices are to use: no larger than regions, and of no table. */
  private List<Extent> parts(Extent mapped) {
    long first = mapped.first() & -REGION_BYTES;
    TreeSet<Long> regions = new TreeSet<>(Long::compareUnsigned);
    changing.stream()
        .filter(region -> Long.compareUnsigned(region - first, mapped.last() - first) <= 0)
        .forEach(regions::add);
    for (long offset = 0;
        Long.compareUnsigned(offset, mapped.last() - first) <= 0;
        offset += step) {
      regions.add(first + offset);
    }
    List<Extent> parts = new ArrayList<>();
    for (long region : regions) {
      long from = Long.compareUnsigned(region, mapped.first()) < 0 ? mapped.first() : region;
      long regionLast = region + REGION_BYTES - 1;
      long to = Long.compareUnsigned(regionLast, mapped.last()) > 0 ? mapped.last() : regionLast;
      Extent part = mapped.part(from, to);
      for (Extent hole : holes(ofTables, part.paddr(), part.paddrAt(part.last()))) {
        long at = from + (hole.first() - part.paddr());
        parts.add(mapped.part(at, at + hole.length() - 1));
      }
    }
    return parts;
  }

  /**
   * A replay begins: all pages are private.
   *
   * @param isInPlace whether they stay where they are when they become shared
   */
  public void begin(boolean isInPlace) {
    isSharedInPlace = isInPlace;
    for (Extent extent : sharedInPlace.all()) {
      PRIVATE.stamp(memory, extent.first(), extent.first(), extent.length());
    }
    var _ = sharedInPlace.remove(0, -1);
  }

  /** Pages that devices use are written anew, if their state has changed where they are. */
  void stamp(Extent run, boolean isShared) {
    long first = run.paddr();
    long last = run.paddrAt(run.last());
    if (isShared && isSharedInPlace) {
      for (Extent hole : holes(sharedInPlace, first, last)) {
        SHARED.stamp(memory, hole.first(), hole.first(), hole.length());
        sharedInPlace.add(hole);
      }
    } else if (!isShared) {
      for (Extent extent : sharedInPlace.over(first, last)) {
        PRIVATE.stamp(memory, extent.first(), extent.first(), extent.length());
      }
      var _ = sharedInPlace.remove(first, last);
    }
  }

  /** Makes memory say where it is. */
  private void write(Extent part) {
    for (Extent hole : holes(written, part.paddr(), part.paddrAt(part.last()))) {
      PRIVATE.stamp(memory, hole.first(), hole.first(), hole.length());
      written.add(hole);
    }
    if (isInGuest(part)) {
      writeShared(inGuest(part));
    }
  }

  private void writeShared(Extent part) {
    List<Extent> before = writtenShared.over(part.first(), part.last());
    boolean isSaid =
        before.size() == 1
            && before.getFirst().length() == part.length()
            && before.getFirst().paddr() == part.paddr();
    if (!isSaid) {
      SHARED.stamp(memory, sharedBase + part.first(), part.paddr(), part.length());
      writtenShared.remove(part.first(), part.last());
      writtenShared.add(part);
    }
  }

  /**
   * Where the highest memory ends that is ever mapped, whether devices use it or not, at the end of
   * a region; one region at least.
   */
  long spaEnd() {
    return spaEnd;
  }

  /** Whether an RMP knows of a physical address. */
  boolean isTracked(long spa) {
    return areAllTracked ? spa < spaEnd : reserved.at(spa) != null || ofTables.at(spa) != null;
  }

  /** Where a table of the guest's own has room in a space, as paddr by gpa; null for nowhere. */
  public @Nullable Extent tablePlace(AddressSpace space) {
    return tablePlaces.get(space);
  }

  List<PhysicalMemory.Piece> pieces() {
    return pieces;
  }

  /**
   * What a word of memory says.
   *
   * @param paddr its physical address while its page is private
   * @param isShared whether the page has become shared
   */
  public static long word(long paddr, boolean isShared) {
    return (isShared ? SHARED : PRIVATE).word(paddr);
  }

  @Override
  public void close() {
    arena.close();
  }
}
