package dev.cleave.engine.ioas;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Chooses iovas as iommufd does: the lowest place that is free, so that what was freed is used
 * again.
 *
 * <ol>
 *   <li>The alignment is the least of: the length rounded up to a power of two, the lowest bit set
 *       in the offset of the memory, and the largest that is tried for.
 *   <li>A place in a hole is its start, rounded up to the alignment, with the offset's place in its
 *       page; it must lie below the hole's last byte, and the length must fit.
 *   <li>The spans to look in are the allowed ranges, joined where they touch, or all iovas; without
 *       the first page and the last two. Each span begins at the place found in it as if it were
 *       all free.
 * </ol>
 *
 * <p>Belongs to who holds the space's lock.
 */
final class IovaChooser {
  /**
   * What {@link #choose} returns when there is no hole: never a place, for the first page is not.
   */
  static final long NONE = 0;

  private static final long LOWEST = PAGE_BYTES;
  private static final long HIGHEST = -1L - PAGE_BYTES;
  private static final List<IovaRange> ALL = List.of(new IovaRange(LOWEST, HIGHEST));

  private final RangeTree areas;
  private final ReservedIovas reserved;
  private final RangeTree retiring;
  private final RangeTree.Position retired = new RangeTree.Position();
  private final int largestLog2;
  private final RangeTree.Position position = new RangeTree.Position();
  private final RangeTree.Position before = new RangeTree.Position();
  private List<IovaRange> spans = ALL;

  private long length;
  private long alignMask;
  private long pageOffset;

  IovaChooser(RangeTree areas, ReservedIovas reserved, RangeTree retiring, int largestLog2) {
    if (largestLog2 < PAGE_LOG2 || largestLog2 >= Long.SIZE) {
      throw new IllegalArgumentException(
          "the largest alignment must be 2^12 to 2^63, log2=" + largestLog2);
    }
    this.retiring = retiring;
    this.areas = areas;
    this.reserved = reserved;
    this.largestLog2 = largestLog2;
  }

  /** Confines the choice to ranges; with none it is free. */
  void allow(List<IovaRange> allowed) {
    if (allowed.isEmpty()) {
      spans = ALL;
      return;
    }
    List<IovaRange> joined = new ArrayList<>();
    allowed.stream()
        .sorted(Comparator.comparing(IovaRange::first, Long::compareUnsigned))
        .filter(range -> range.touches(LOWEST, HIGHEST))
        .forEach(range -> {
          long first = Unsigned.max(range.first(), LOWEST);
          long last = Unsigned.min(range.last(), HIGHEST);
          IovaRange before = joined.isEmpty() ? null : joined.getLast();
          if (before != null && !Unsigned.isBelow(before.last() + 1, first)) {
            joined.removeLast();
            joined.add(new IovaRange(before.first(), Unsigned.max(before.last(), last)));
          } else {
            joined.add(new IovaRange(first, last));
          }
        });
    spans = List.copyOf(joined);
  }

  /** The alignment that a place for memory gets, a power of two. */
  long alignment(long offset, long bytes) {
    long roundedUp = bytes <= 1 ? 1 : Long.highestOneBit(bytes - 1) << 1;
    long wanted = offset == 0 ? roundedUp : Unsigned.min(roundedUp, Long.lowestOneBit(offset));
    return Unsigned.min(wanted, 1L << largestLog2);
  }

  /**
   * Finds a place.
   *
   * @param offset of the memory in its backing
   * @param bytes 1 to 2^63 - 2
   * @return its first iova, or {@link #NONE}
   */
  long choose(long offset, long bytes) {
    length = bytes;
    alignMask = alignment(offset, bytes) - 1;
    pageOffset = offset & (PAGE_BYTES - 1);
    for (int i = 0; i < spans.size(); i++) {
      IovaRange span = spans.get(i);
      long start = place(span.first(), span.last());
      long found = start == NONE ? NONE : inSpan(start, span.last());
      if (found != NONE) {
        return found;
      }
    }
    return NONE;
  }

  /** Looks between the reserved ranges. */
  private long inSpan(long first, long last) {
    long from = first;
    for (int i = 0; i < reserved.count(); i++) {
      IovaRange range = reserved.range(i);
      if (Unsigned.isBelow(range.last(), from)) {
        continue;
      }
      if (Unsigned.isBelow(last, range.first())) {
        break;
      }
      long found =
          Unsigned.isBelow(from, range.first()) ? betweenAreas(from, range.first() - 1) : NONE;
      if (found != NONE) {
        return found;
      }
      if (!Unsigned.isBelow(range.last(), last)) {
        return NONE;
      }
      from = range.last() + 1;
    }
    return betweenAreas(from, last);
  }

  private long betweenAreas(long first, long last) {
    long from = first;
    boolean isThere = areas.seek(first, position);
    while (isThere) {
      if (Unsigned.isBelow(from, position.first())) {
        long found = placeInHole(from, Unsigned.min(position.first() - 1, last));
        if (found != NONE) {
          return found;
        }
      }
      if (!Unsigned.isBelow(position.last(), last)) {
        return NONE;
      }
      isThere = areas.next(position) && areas.seekHole(position, length);
      from = endBelow(isThere ? position.first() - 1 : -1L);
      if (from == 0 || Unsigned.isBelow(last, from)) {
        return NONE;
      }
    }
    return placeInHole(from, last);
  }

  /** The address behind the last area that begins at or below one; 0 if that is 2^64. */
  private long endBelow(long iova) {
    return areas.seekBack(iova, before) ? before.last() + 1 : 0;
  }

  /** A place in a hole that devices do not remember anything of. */
  private long placeInHole(long first, long last) {
    long at = place(first, last);
    while (at != NONE
        && retiring.size() > 0
        && retiring.seek(at, retired)
        && !Unsigned.isBelow(at + length - 1, retired.first())) {
      long next = retired.last() + 1;
      at = next == 0 ? NONE : place(next, last);
    }
    return at;
  }

  private long place(long first, long last) {
    long up = first + alignMask;
    if (Unsigned.isBelow(up, first)) {
      return NONE;
    }
    long at = (up & ~alignMask) | pageOffset;
    return Unsigned.isBelow(at, last) && !Unsigned.isBelow(last - at, length - 1) ? at : NONE;
  }
}
