package dev.cleave.engine.ioas;

import dev.cleave.engine.PageTableConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What a space must answer and look like, the slow way: areas in a map of the JDK's, limits page by
 * page, leaves laid out afresh from areas and limits. Written from the rules, not from the engine;
 * addresses below 2^63.
 */
final class SpaceModel {
  static final long PAGE = 4096;
  private static final long LOWEST = PAGE;
  private static final long HIGHEST = Long.MAX_VALUE - PAGE;

  /** What iommufd would return. */
  static final class Refused extends RuntimeException {
    private static final long serialVersionUID = 1;
    final Errno errno;

    Refused(Errno errno) {
      super(errno.name());
      this.errno = errno;
    }
  }

  record Area(long first, long last, Backing memory, long offset, int access, boolean written) {
    Area part(long from, long to) {
      return new Area(from, to, memory, offset + from - first, access, written);
    }

    @Override
    public String toString() {
      return "[%x,%x] at %x, %d, %b".formatted(first, last, offset, access, written);
    }
  }

  record Leaf(long iova, long paddr, int sizeLog2, int access) {
    @Override
    public String toString() {
      return "%x>%x/%d:%d".formatted(iova, paddr, sizeLog2, access);
    }
  }

  final UnmapRule unmapRule;
  final TreeMap<Long, Area> areas = new TreeMap<>();
  final List<PageTableConfig> tables = new ArrayList<>();
  final List<List<IovaRange>> reserved = new ArrayList<>();
  List<IovaRange> allowed = List.of();
  final int[] limits;
  final BumpyRule rule;
  boolean hugePages = true;

  SpaceModel(UnmapRule unmapRule, int pages, BumpyRule rule) {
    this.unmapRule = unmapRule;
    this.limits = new int[pages];
    Arrays.fill(limits, IoAddressSpace.UNLIMITED);
    this.rule = rule;
  }

  long alignment() {
    long smallest = hugePages ? 1 : PAGE;
    for (PageTableConfig table : tables) {
      smallest = Math.max(smallest, Long.lowestOneBit(table.pageSizes()));
    }
    return smallest;
  }

  /** The iovas that the tables do not decode are reserved as well. */
  Stream<IovaRange> reservations() {
    return Stream.concat(
        reserved.stream().flatMap(List::stream), tables.stream().flatMap(SpaceModel::beyond));
  }

  static Stream<IovaRange> beyond(PageTableConfig table) {
    long last = table.lastIova(0);
    return last == -1 ? Stream.of() : Stream.of(new IovaRange(last + 1, -1));
  }

  boolean hasArea(long first, long last) {
    Map.Entry<Long, Area> below = areas.floorEntry(last);
    return below != null && below.getValue().last >= first;
  }

  private static void check(boolean isGood, Errno errno) {
    if (!isGood) {
      throw new Refused(errno);
    }
  }

  // ---- map -----------------------------------------------------------------------------------

  void map(long iova, List<Area> pieces, long length, int access) {
    check(length != 0 && length % alignment() == 0, Errno.EINVAL);
    check(iova % alignment() == 0, Errno.EINVAL);
    long last = iova + length - 1;
    check(reservations().noneMatch(range -> range.touches(iova, last)), Errno.EINVAL);
    check(!hasArea(iova, last), Errno.EEXIST);
    put(iova, pieces, access);
  }

  long mapAnywhere(List<Area> pieces, long length, int access) {
    check(length != 0 && length % alignment() == 0, Errno.EINVAL);
    long iova = choose(pieces.getFirst().offset, length);
    put(iova, pieces, access);
    return iova;
  }

  private void put(long iova, List<Area> pieces, int access) {
    List<Area> made = new ArrayList<>();
    long at = iova;
    for (Area piece : pieces) {
      check((access & 2) == 0 || piece.written, Errno.EPERM);
      check(piece.offset % Math.min(alignment(), PAGE) == 0, Errno.EINVAL);
      long last = at + piece.last - piece.first;
      made.add(new Area(at, last, piece.memory, piece.offset, access, piece.written));
      at = last + 1;
    }
    if (!tables.isEmpty()) {
      made.forEach(SpaceModel::checkMemory);
    }
    made.forEach(area -> areas.put(area.first, area));
  }

  private static void checkMemory(Area area) {
    for (long at = area.first; at <= area.last; at += PAGE) {
      check(
          area.memory.paddr(area.offset + at - area.first, area.written) != Backing.NONE,
          Errno.EFAULT);
    }
  }

  private long choose(long offset, long length) {
    long pageOffset = offset % PAGE;
    long roundedUp = 1;
    while (roundedUp < length) {
      roundedUp *= 2;
    }
    long wanted = offset == 0 ? roundedUp : Math.min(roundedUp, Long.lowestOneBit(offset));
    long align = Math.min(wanted, 1L << 21);
    check(align >= alignment(), Errno.EINVAL);
    for (IovaRange span : spans()) {
      long start = place(span.first(), span.last(), length, align, pageOffset);
      if (start == 0) {
        continue;
      }
      long at = start;
      for (IovaRange used : used(span.last())) {
        if (used.last() >= 0 && used.last() < at) {
          continue;
        }
        if (used.first() > at) {
          long end = Math.min(used.first() - 1, span.last());
          long found = place(at, end, length, align, pageOffset);
          if (found != 0) {
            return found;
          }
        }
        if (used.last() < 0) {
          break;
        }
        at = Math.max(at, used.last() + 1);
        if (at > span.last()) {
          break;
        }
      }
    }
    throw new Refused(Errno.ENOSPC);
  }

  private List<IovaRange> spans() {
    if (allowed.isEmpty()) {
      return List.of(new IovaRange(LOWEST, HIGHEST));
    }
    List<IovaRange> joined = new ArrayList<>();
    for (IovaRange range :
        allowed.stream().sorted(Comparator.comparingLong(IovaRange::first)).toList()) {
      if (range.last() < LOWEST) {
        continue;
      }
      long first = Math.max(LOWEST, range.first());
      if (!joined.isEmpty() && joined.getLast().last() + 1 >= first) {
        IovaRange before = joined.removeLast();
        joined.add(new IovaRange(before.first(), Math.max(before.last(), range.last())));
      } else {
        joined.add(new IovaRange(first, range.last()));
      }
    }
    return joined;
  }

  /** All that is taken, in order, and an end behind a span. */
  private List<IovaRange> used(long last) {
    return Stream.of(
            reservations(),
            areas.values().stream().map(area -> new IovaRange(area.first, area.last)),
            Stream.of(new IovaRange(last + 1, last + 1)))
        .flatMap(ranges -> ranges)
        .sorted(Comparator.comparing(IovaRange::first, Long::compareUnsigned))
        .toList();
  }

  private static long place(long first, long last, long length, long align, long pageOffset) {
    long at = ((first + align - 1) & -align) | pageOffset;
    return at < last && last - at >= length - 1 ? at : 0;
  }

  /** What lies behind a range, piece by piece. */
  List<Area> copied(long first, long length) {
    List<Area> pieces = new ArrayList<>();
    long last = first + length - 1;
    check(length != 0, Errno.EINVAL);
    for (long at = first; at <= last; at = pieces.getLast().last + 1) {
      Map.Entry<Long, Area> found = areas.floorEntry(at);
      check(found != null && found.getValue().last >= at, Errno.ENOENT);
      Area area = found.getValue();
      pieces.add(area.part(at, Math.min(last, area.last)));
    }
    return pieces;
  }

  // ---- unmap ---------------------------------------------------------------------------------

  /** Bytes; what went before a refusal is gone. */
  long unmap(long first, long length) {
    check(length != 0, Errno.EINVAL);
    long last = first + length - 1;
    List<Area> found =
        areas.values().stream().filter(area -> area.first <= last && area.last >= first).toList();
    check(!found.isEmpty(), Errno.ENOENT);
    if (unmapRule == UnmapRule.EXACT) {
      checkCut(found.getFirst(), first);
      checkCut(found.getLast(), last + 1);
    }
    long bytes = 0;
    for (Area area : found) {
      boolean isWhole = area.first >= first && area.last <= last;
      check(isWhole || unmapRule == UnmapRule.EXACT, Errno.ENOENT);
      areas.remove(area.first);
      if (area.first < first) {
        areas.put(area.first, area.part(area.first, first - 1));
      }
      if (area.last > last) {
        areas.put(last + 1, area.part(last + 1, area.last));
      }
      bytes += Math.min(area.last, last) - Math.max(area.first, first) + 1;
    }
    return bytes;
  }

  private void checkCut(Area area, long at) {
    boolean cuts = area.first < at && area.last >= at;
    check(!cuts || at % alignment() == 0, Errno.EINVAL);
  }

  void cut(long iova) {
    Map.Entry<Long, Area> found = areas.lowerEntry(iova);
    if (found == null || found.getValue().last < iova) {
      return;
    }
    Area area = found.getValue();
    check(
        iova % alignment() == 0
            && (area.offset + iova - area.first) % Math.min(PAGE, alignment()) == 0,
        Errno.EINVAL);
    areas.put(area.first, area.part(area.first, iova - 1));
    areas.put(iova, area.part(iova, area.last));
  }

  /** The area that is there then; null if nothing was joined. */
  @Nullable Area join(long iova) {
    Map.Entry<Long, Area> before = areas.lowerEntry(iova);
    Area second = areas.get(iova);
    if (before == null || second == null || before.getValue().last != iova - 1) {
      return null;
    }
    Area first = before.getValue();
    boolean isContinued =
        second.memory.equals(first.memory)
            && second.offset == first.offset + (iova - first.first)
            && second.access == first.access
            && second.written == first.written;
    if (!isContinued) {
      return null;
    }
    areas.remove(iova);
    Area joined =
        new Area(first.first, second.last, first.memory, first.offset, first.access, first.written);
    areas.put(first.first, joined);
    return joined;
  }

  /** Bytes of areas in a range, which is what can be split or merged there. */
  long resizable(long first, long length) {
    long align = Math.max(PAGE, alignment());
    check(length != 0 && first % align == 0 && length % align == 0, Errno.EINVAL);
    long last = first + length - 1;
    long bytes = 0;
    for (Area area : areas.values()) {
      bytes += Math.max(0, Math.min(area.last, last) - Math.max(area.first, first) + 1);
    }
    check(bytes != 0, Errno.ENOENT);
    return bytes;
  }

  // ---- tables, iovas, limits -----------------------------------------------------------------

  void attach(PageTableConfig table) {
    long align = Math.max(PAGE, Long.lowestOneBit(table.pageSizes()));
    checkAligned(align);
    beyond(table).forEach(this::checkReservable);
    areas.values().forEach(SpaceModel::checkMemory);
    tables.add(table);
  }

  private void checkAligned(long align) {
    for (Area area : areas.values()) {
      check(
          area.first % align == 0
              && (area.last + 1) % align == 0
              && area.offset % Math.min(PAGE, align) == 0,
          Errno.EADDRINUSE);
    }
  }

  private void checkReservable(IovaRange range) {
    check(
        areas.values().stream().noneMatch(area -> range.touches(area.first, area.last)),
        Errno.EADDRINUSE);
    check(
        allowed.stream().noneMatch(other -> range.touches(other.first(), other.last())),
        Errno.EADDRINUSE);
  }

  void reserve(List<IovaRange> ranges) {
    ranges.forEach(this::checkReservable);
    reserved.add(ranges);
  }

  void setAllowed(List<IovaRange> ranges) {
    for (int i = 0; i < ranges.size(); i++) {
      IovaRange range = ranges.get(i);
      check(range.first() != range.last(), Errno.EINVAL);
      check(
          ranges.subList(0, i).stream()
              .noneMatch(other -> other.touches(range.first(), range.last())),
          Errno.EINVAL);
    }
    for (IovaRange range : ranges) {
      check(
          reservations().noneMatch(other -> other.touches(range.first(), range.last())),
          Errno.EADDRINUSE);
    }
    allowed = ranges;
  }

  void setHugePages(boolean isAllowed) {
    if (!isAllowed && hugePages) {
      check(tables.isEmpty() || areas.isEmpty(), Errno.EINVAL);
      checkAligned(PAGE);
    }
    hugePages = isAllowed;
  }

  void setGranularity(long first, long length, int log2) {
    long align = Math.max(PAGE, alignment());
    check(length != 0 && first % align == 0 && length % align == 0, Errno.EINVAL);
    for (long at = first; at < first + length; at += PAGE) {
      limits[(int) (at / PAGE)] = log2;
    }
  }

  int limit(long iova) {
    int own = iova / PAGE < limits.length ? limits[(int) (iova / PAGE)] : IoAddressSpace.UNLIMITED;
    int all = Math.min(own, rule.limit(iova));
    return hugePages ? all : Math.min(all, 12);
  }

  // ---- leaves --------------------------------------------------------------------------------

  /** The largest leaves that areas, memory and limits allow, from the start of each area. */
  List<Leaf> leaves(PageTableConfig table) {
    List<Leaf> leaves = new ArrayList<>();
    for (Area area : areas.values()) {
      for (long at = area.first; at <= area.last; ) {
        Leaf leaf = largestAt(area, at, table.pageSizes());
        leaves.add(leaf);
        at += 1L << leaf.sizeLog2;
      }
    }
    return leaves;
  }

  private Leaf largestAt(Area area, long iova, long sizes) {
    int granule = Long.numberOfTrailingZeros(sizes);
    long paddr = area.memory.paddr(area.offset + iova - area.first, area.written);
    int best = granule;
    for (int log2 = granule + 1; log2 < Long.SIZE - 1; log2++) {
      boolean isAligned = ((iova | paddr) & ((1L << log2) - 1)) == 0;
      if (!isAligned || area.last - iova + 1 < 1L << log2) {
        break;
      }
      if ((sizes >>> log2 & 1) != 0 && isOnePiece(area, iova, paddr, log2)) {
        best = log2;
      }
    }
    return new Leaf(iova, paddr, best, area.access);
  }

  private boolean isOnePiece(Area area, long iova, long paddr, int log2) {
    for (long at = 0; at < 1L << log2; at += PAGE) {
      long offset = area.offset + iova + at - area.first;
      if (limit(iova + at) < log2 || area.memory.paddr(offset, area.written) != paddr + at) {
        return false;
      }
    }
    return true;
  }
}
