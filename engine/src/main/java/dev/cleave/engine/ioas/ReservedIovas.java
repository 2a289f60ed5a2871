package dev.cleave.engine.ioas;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.LongStream;

/**
 * The iovas that nothing may be mapped at: those that a table does not decode and those that a
 * device treats in a way of its own. Ranges of different owners may overlap.
 *
 * <p>Belongs to who holds the space's lock.
 */
final class ReservedIovas {
  private final List<IovaReservation> owners = new ArrayList<>();

  /** All of them, joined where they touch, in ascending order; replaced as a whole. */
  private IovaRange[] joined = {};

  /** The same as numbers: first and last address of each. */
  private long[] ends = {};

  void add(IovaReservation owner) {
    owners.add(owner);
    join();
  }

  void remove(IovaReservation owner) {
    owners.remove(owner);
    join();
  }

  private void join() {
    List<IovaRange> ranges = new ArrayList<>();
    owners.stream()
        .flatMap(owner -> owner.ranges().stream())
        .sorted(Comparator.comparing(IovaRange::first, Long::compareUnsigned))
        .forEach(range -> {
          IovaRange before = ranges.isEmpty() ? null : ranges.getLast();
          if (before != null
              && (before.last() == -1 || !Unsigned.isBelow(before.last() + 1, range.first()))) {
            ranges.set(
                ranges.size() - 1,
                new IovaRange(before.first(), Unsigned.max(before.last(), range.last())));
          } else {
            ranges.add(range);
          }
        });
    joined = ranges.toArray(IovaRange[]::new);
    ends =
        ranges.stream()
            .flatMapToLong(range -> LongStream.of(range.first(), range.last()))
            .toArray();
  }

  boolean touches(long first, long last) {
    for (int i = 0; i < ends.length; i += 2) {
      if (!Unsigned.isBelow(ends[i + 1], first) && !Unsigned.isBelow(last, ends[i])) {
        return true;
      }
    }
    return false;
  }

  int count() {
    return joined.length;
  }

  IovaRange range(int index) {
    return joined[index];
  }

  /** What lies between them. */
  List<IovaRange> holes() {
    List<IovaRange> holes = new ArrayList<>();
    long from = 0;
    for (IovaRange range : joined) {
      if (Unsigned.isBelow(from, range.first())) {
        holes.add(new IovaRange(from, range.first() - 1));
      }
      from = range.last() + 1;
      if (from == 0) {
        return List.copyOf(holes);
      }
    }
    holes.add(new IovaRange(from, -1));
    return List.copyOf(holes);
  }
}
