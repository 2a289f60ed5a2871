package dev.cleave.bench.replay;

import dev.cleave.bench.machine.DeviceKind;
import dev.cleave.bench.trace.TraceEvent;
import java.util.List;

/**
 * How the accesses of the devices of one kind are spread over a log: evenly, from the first moment
 * at which anything is mapped that they may use to the last one.
 *
 * @param accesses all of them
 * @param first events until there is something for the first time
 * @param last events after which there is something for the last time
 */
record DeviceShare(long accesses, int first, int last) {
  /** The shares of all kinds, which are equal; none without devices. */
  static List<DeviceShare> of(List<TraceEvent> events, ReplayOptions options) {
    if (options.dmaAccesses() == 0) {
      return List.of();
    }
    List<DeviceKind> kinds = options.devices().kinds();
    long each = Math.ceilDiv(options.dmaAccesses(), kinds.size());
    return kinds.stream().map(kind -> of(events, new UsableMemory(kind, options), each)).toList();
  }

  private static DeviceShare of(List<TraceEvent> events, UsableMemory memory, long accesses) {
    int first = 0;
    int last = 0;
    for (int i = 0; i < events.size(); i++) {
      memory.after(events.get(i));
      if (memory.isThere()) {
        first = first == 0 ? i + 1 : first;
        last = i + 1;
      }
    }
    return new DeviceShare(accesses, first, last);
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
