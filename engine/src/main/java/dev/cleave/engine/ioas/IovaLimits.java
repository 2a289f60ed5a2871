package dev.cleave.engine.ioas;

import java.util.List;

/**
 * Where areas may lie: iovas that are reserved, for all, and ranges that are allowed, for those
 * that the space chooses. Areas and allowed ranges keep out of what is reserved.
 *
 * <p>Belongs to who has the space alone.
 */
final class IovaLimits {
  private final SpaceState state;

  /** As they were given. */
  private List<IovaRange> allowed = List.of();

  IovaLimits(SpaceState state) {
    this.state = state;
  }

  /** Reserves iovas where neither an area nor an allowed range is. */
  void reserve(IovaReservation reservation) {
    for (IovaRange range : reservation.ranges()) {
      if (state.areas.tree.touches(range.first(), range.last())) {
        throw new IoasException(
            Errno.EADDRINUSE,
            range.first(),
            "no area may lie in what is to be reserved, range=" + range);
      }
      for (IovaRange other : allowed) {
        if (range.touches(other.first(), other.last())) {
          throw new IoasException(
              Errno.EADDRINUSE,
              range.first(),
              "no allowed range may lie in what is to be reserved, range=%s, allowed=%s"
                  .formatted(range, other));
        }
      }
    }
    state.reserved.add(reservation);
  }

  /** Confines the choice to ranges; with none it is free. */
  void allow(List<IovaRange> ranges) {
    for (int i = 0; i < ranges.size(); i++) {
      check(ranges.get(i), ranges.subList(0, i));
    }
    for (IovaRange range : ranges) {
      if (state.reserved.touches(range.first(), range.last())) {
        throw new IoasException(
            Errno.EADDRINUSE,
            range.first(),
            "an allowed range must not be reserved, range=" + range);
      }
    }
    allowed = List.copyOf(ranges);
    state.chooser.allow(allowed);
  }

  private static void check(IovaRange range, List<IovaRange> before) {
    if (range.first() == range.last()
        || before.stream().anyMatch(other -> other.touches(range.first(), range.last()))) {
      throw new IoasException(
          Errno.EINVAL,
          range.first(),
          "an allowed range must be two bytes or more and overlap no other, range=" + range);
    }
  }
}
