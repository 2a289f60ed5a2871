package dev.cleave.bench.trace;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;

/**
 * The events of one or more traces, in order, and what the readers counted.
 *
 * @param events all events
 * @param counts each trace's counts, by its name
 */
public record Trace(List<TraceEvent> events, Map<String, TraceCounts> counts) {
  /**
   * Reads traces.
   *
   * @param files paths, or {@code -} for standard input
   * @param isStrict whether an unknown line is an error
   * @param watcher is told of every event how many there are
   * @throws IOException with file, line and what was expected
   */
  public static Trace read(List<String> files, boolean isStrict, LongConsumer watcher)
      throws IOException {
    List<TraceEvent> events = new ArrayList<>();
    Map<String, TraceCounts> counts = new LinkedHashMap<>();
    for (String file : files) {
      try (TraceReader reader = TraceReader.open(file, isStrict)) {
        for (TraceEvent event = reader.next(); event != null; event = reader.next()) {
          events.add(event);
          watcher.accept(events.size());
        }
        counts.put(file, reader.counts());
      }
    }
    return new Trace(events, counts);
  }

  /** Whether any event changes a page state. */
  public boolean changesPageStates() {
    return events.stream()
        .anyMatch(e -> e instanceof TraceEvent.Share || e instanceof TraceEvent.Unshare);
  }

  /** Where the memory ends that the events map or whose state they change; 0 if they do neither. */
  public long guestBytes() {
    return events.stream().mapToLong(Trace::end).reduce(0, Trace::larger);
  }

  private static long end(TraceEvent event) {
    return switch (event) {
      case TraceEvent.Map map -> map.iova() + map.length();
      case TraceEvent.Share share -> share.gpa() + share.length();
      case TraceEvent.Unshare unshare -> unshare.gpa() + unshare.length();
      default -> 0;
    };
  }

  private static long larger(long a, long b) {
    return Long.compareUnsigned(a, b) > 0 ? a : b;
  }
}
