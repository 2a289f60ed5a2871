package dev.cleave.bench.machine;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.extent.ExtentMap;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.memory.NativePages;
import dev.cleave.hwmodel.dma.PageIdentity;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/**
 * All memory that a log ever maps: reserved whole, backed where it is touched. Devices use a part
 * of it: regions whose page states change, and others spread evenly over each mapping. There every
 * word says at which physical address it is, so that iovas may share memory or lead elsewhere
 * later; the memory of a shared page says what that of the same page says while it is private.
 *
 * <p>One object serves several replays of the same log, one after the other.
 */
public final class GuestRam implements AutoCloseable {
  /** What devices use is really written: no more than this. */
  private static final long MOST_USED_BYTES = 1L << 30;

  /** So many regions whose page states change are used at most, */
  private static final int MOST_CHANGING_REGIONS = 512;

  /** and of the memory besides so many regions, if it is all mapped at once. */
  private static final int QUIET_REGIONS = 64;

  private static final PageIdentity IDENTITY = new PageIdentity(0x5EED_0000_0000_0000L);

  private final Arena arena = Arena.ofShared();
  private final List<PhysicalMemory.Piece> pieces = new ArrayList<>();
  private final PhysicalMemory memory = new PhysicalMemory();

  /** What was reserved, each address leading to itself. */
  private final ExtentMap reserved = new ExtentMap();

  /** What says where it is. */
  private final ExtentMap written = new ExtentMap();

  /** Of the memory of shared pages: what it says, as paddr by gpa. */
  private final ExtentMap writtenShared = new ExtentMap();

  private final TreeSet<Long> changing = new TreeSet<>();
  private final long sharedBase;
  private final long guestBytes;
  private final long step;
  private long usedBytes;

  /**
   * Memory for a log.
   *
   * @param events of the log
   * @param paddrBase added to the iova of a map whose line tells no paddr
   * @param sharedBase where the memory of shared pages begins, each at its gpa; 0 for none
   * @param guestBytes where guest memory ends
   */
  public GuestRam(List<TraceEvent> events, long paddrBase, long sharedBase, long guestBytes) {
    this.sharedBase = sharedBase;
    this.guestBytes = guestBytes;
    long total = 0;
    for (TraceEvent event : events) {
      switch (event) {
        case TraceEvent.Map map when isUsable(map, paddrBase) -> {
          total += reserve(map.paddrOr(paddrBase), map.length());
          if (sharedBase != 0 && Long.compareUnsigned(map.iova(), guestBytes) < 0) {
            reserve(sharedBase + map.iova(), Math.min(map.length(), guestBytes - map.iova()));
          }
        }
        case TraceEvent.Share(long _, long gpa, long length) -> addChanging(gpa, length);
        case TraceEvent.Unshare(long _, long gpa, long length) -> addChanging(gpa, length);
        default -> {}
      }
    }
    step = Math.max(REGION_BYTES, (total / QUIET_REGIONS) & -REGION_BYTES);
    memory.addAll(pieces);
  }

  /** What lies beyond all memory of a machine is no memory of its. */
  private static boolean isUsable(TraceEvent.Map map, long paddrBase) {
    long paddr = map.paddrOr(paddrBase);
    return map.length() > 0
        && Long.compareUnsigned(map.iova() + map.length() - 1, map.iova()) >= 0
        && paddr >= 0
        && paddr <= ModelMachine.MEMORY_END
        && map.length() <= ModelMachine.MEMORY_END - paddr;
  }

  /** Reserves what is not there yet; returns how many bytes that is. */
  private long reserve(long paddr, long length) {
    long bytes = 0;
    for (Extent hole : holes(reserved, paddr, paddr + length - 1)) {
      reserved.add(hole);
      pieces.add(new PhysicalMemory.Piece(hole.first(), NativePages.reserve(hole.length(), arena)));
      bytes += hole.length();
    }
    return bytes;
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
    TreeSet<Long> regions =
        new TreeSet<>(changing.subSet(mapped.first() & -REGION_BYTES, true, mapped.last(), true));
    long first = mapped.first() & -REGION_BYTES;
    for (long offset = 0;
        Long.compareUnsigned(offset, mapped.last() - first) <= 0;
        offset += step) {
      regions.add(first + offset);
    }
    List<Extent> used = new ArrayList<>();
    for (long region : regions) {
      long from = Long.compareUnsigned(region, mapped.first()) < 0 ? mapped.first() : region;
      long regionLast = region + REGION_BYTES - 1;
      long to = Long.compareUnsigned(regionLast, mapped.last()) > 0 ? mapped.last() : regionLast;
      Extent part = mapped.part(from, to);
      if (write(part)) {
        used.add(part);
      }
    }
    return used;
  }

  /** Makes memory say where it is; returns false if there is no such memory, or too much of it. */
  private boolean write(Extent part) {
    long last = part.paddrAt(part.last());
    if (!holes(reserved, part.paddr(), last).isEmpty()) {
      return false;
    }
    List<Extent> news = holes(written, part.paddr(), last);
    long bytes = news.stream().mapToLong(Extent::length).sum();
    if (usedBytes + bytes > MOST_USED_BYTES) {
      return false;
    }
    usedBytes += bytes;
    for (Extent hole : news) {
      IDENTITY.stamp(memory, hole.first(), hole.first(), hole.length());
      written.add(hole);
    }
    if (sharedBase != 0 && Long.compareUnsigned(part.first(), guestBytes) < 0) {
      writeShared(part.part(part.first(), Math.min(part.last(), guestBytes - 1)));
    }
    return true;
  }

  private void writeShared(Extent part) {
    List<Extent> before = writtenShared.over(part.first(), part.last());
    boolean isSaid =
        before.size() == 1
            && before.getFirst().length() == part.length()
            && before.getFirst().paddr() == part.paddr();
    if (!isSaid) {
      IDENTITY.stamp(memory, sharedBase + part.first(), part.paddr(), part.length());
      writtenShared.remove(part.first(), part.last());
      writtenShared.add(part);
    }
  }

  /** Whether there is memory at a physical address. */
  boolean isBacked(long spa) {
    return reserved.at(spa) != null;
  }

  /** Where the highest memory ends; one region at least. */
  long spaEnd() {
    return reserved.all().stream()
        .mapToLong(extent -> extent.last() + 1)
        .max()
        .orElse(REGION_BYTES);
  }

  List<PhysicalMemory.Piece> pieces() {
    return pieces;
  }

  /** What a word of memory says whose physical address, while its page is private, is given. */
  static long word(long paddr) {
    return IDENTITY.word(paddr);
  }

  @Override
  public void close() {
    arena.close();
  }
}
