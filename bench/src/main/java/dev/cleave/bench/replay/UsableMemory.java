package dev.cleave.bench.replay;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.extent.ExtentMap;
import dev.cleave.bench.machine.DeviceKind;
import dev.cleave.bench.trace.AddressSpace;
import dev.cleave.bench.trace.TraceEvent;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;

/**
 * Whether a log maps anything, at a moment, that the devices of a kind may use. What was found once
 * is looked at first: it is mostly still there.
 *
 * <p>Not thread-safe.
 */
final class UsableMemory {
  private final DeviceKind kind;
  private final ReplayOptions options;
  private final Map<AddressSpace, ExtentMap> spaces = new HashMap<>();
  private final ExtentMap shared = new ExtentMap();
  private OptionalLong found = OptionalLong.empty();
  private long latest;

  /** Before the first event. */
  UsableMemory(DeviceKind kind, ReplayOptions options) {
    this.kind = kind;
    this.options = options;
  }

  /** An event has happened. */
  void after(TraceEvent event) {
    ExtentMap space = spaces.computeIfAbsent(event.space(), _ -> new ExtentMap());
    switch (event) {
      case TraceEvent.Map(long _, var _, long iova, var _, long length, int access)
          when isRange(iova, length) && space.isFree(iova, iova + length - 1) -> {
        space.add(Extent.of(iova, length, iova, access));
        latest = iova;
      }
      case TraceEvent.Unmap(long _, var _, long iova, long length, boolean _)
          when isRange(iova, length) ->
          space.remove(iova, iova + length - 1);
      case TraceEvent.Clear(long _, var _, long from, long to) -> space.remove(from, to);
      case TraceEvent.Share(long _, long gpa, long length) when isRange(gpa, length) -> {
        var _ = shared.remove(gpa, gpa + length - 1);
        shared.join(gpa, gpa + length - 1, gpa, 0);
      }
      case TraceEvent.Unshare(long _, long gpa, long length) when isRange(gpa, length) ->
          shared.remove(gpa, gpa + length - 1);
      default -> {}
    }
  }

  private static boolean isRange(long first, long length) {
    return length != 0 && Long.compareUnsigned(first + length - 1, first) >= 0;
  }

  /** Whether there is anything. */
  boolean isThere() {
    if (found.isEmpty() || !isUsable(found.getAsLong())) {
      found = find();
    }
    return found.isPresent();
  }

  private boolean isUsable(long iova) {
    boolean isMapped = spaces.values().stream().anyMatch(space -> space.at(iova) != null);
    boolean isShared = !hasState(iova) || shared.at(iova) != null;
    return isMapped && (isShared ? kind.usesShared() : kind.usesPrivate());
  }

  private boolean hasState(long iova) {
    return options.followsRmp() && Long.compareUnsigned(iova, options.guestBytes()) < 0;
  }

  private OptionalLong find() {
    if (isUsable(latest)) {
      return OptionalLong.of(latest);
    }
    for (ExtentMap space : spaces.values()) {
      for (Extent extent : space.all()) {
        if (isUsable(extent.first())) {
          return OptionalLong.of(extent.first());
        }
        if (isUsable(extent.last())) {
          return OptionalLong.of(extent.last());
        }
        // a state begins or ends with one of the ranges that have been shared
        for (Extent part : shared.over(extent.first(), extent.last())) {
          for (long at : new long[] {part.first(), part.last() + 1}) {
            if (extent.holds(at) && isUsable(at)) {
              return OptionalLong.of(at);
            }
          }
        }
      }
    }
    return OptionalLong.empty();
  }
}
