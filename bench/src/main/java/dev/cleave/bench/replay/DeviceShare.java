package dev.cleave.bench.replay;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.extent.ExtentMap;
import dev.cleave.bench.trace.AddressSpace;
import dev.cleave.bench.trace.TraceEvent;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * How the devices' accesses are spread over a log: evenly, from the first moment at which anything
 * is mapped to the last one.
 *
 * @param accesses all of them
 * @param first events until something is mapped for the first time
 * @param last events after which something is mapped for the last time
 */
record DeviceShare(long accesses, int first, int last) {
  static DeviceShare of(List<TraceEvent> events, ReplayOptions options) {
    return options.dmaAccesses() == 0
        ? new DeviceShare(0, 0, 0)
        : of(events, options.dmaAccesses());
  }

  private static DeviceShare of(List<TraceEvent> events, long accesses) {
    Map<AddressSpace, ExtentMap> spaces = new HashMap<>();
    int first = 0;
    int last = 0;
    for (int i = 0; i < events.size(); i++) {
      TraceEvent event = events.get(i);
      ExtentMap space = spaces.computeIfAbsent(event.space(), _ -> new ExtentMap());
      boolean isMapped = false;
      switch (event) {
        case TraceEvent.Map(long _, var _, long iova, var _, long length, int access)
            when isRange(iova, length) -> {
          isMapped = true;
          if (space.isFree(iova, iova + length - 1)) {
            space.add(Extent.of(iova, length, iova, access));
          }
        }
        case TraceEvent.Unmap(long _, var _, long iova, long length, boolean _)
            when isRange(iova, length) ->
            space.remove(iova, iova + length - 1);
        case TraceEvent.Clear(long _, var _, long from, long to) -> space.remove(from, to);
        default -> {}
      }
      first = first == 0 && isMapped ? i + 1 : first;
      last = isMapped || spaces.values().stream().anyMatch(s -> !s.isFree(0, -1)) ? i + 1 : last;
    }
    return new DeviceShare(accesses, first, last);
  }

  private static boolean isRange(long first, long length) {
    return length != 0 && Long.compareUnsigned(first + length - 1, first) >= 0;
  }

  /** How many accesses there shall have been after so many events. */
  long accessesAfter(int events) {
    if (first == 0 || events < first) {
      return 0;
    }
    return events >= last
        ? accesses
        : (long) (accesses * ((events - first + 1.0) / (last - first + 1.0)));
  }
}
