package dev.cleave.bench.replay;

import dev.cleave.bench.trace.Event;
import dev.cleave.bench.trace.History;
import dev.cleave.bench.trace.Told;
import dev.cleave.bench.trace.TraceCounts;
import dev.cleave.bench.trace.TraceReader;
import java.io.IOException;
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
public record EventLog(List<Event> events, Map<String, TraceCounts> counts) {
  /**
   * Reads traces.
   *
   * @param files paths, or {@code -} for standard input
   * @param isStrict whether an unknown line is an error
   * @param watcher is told of every event how many there are
   * @throws IOException with file, line and what was expected
   */
  public static EventLog read(List<String> files, boolean isStrict, LongConsumer watcher)
      throws IOException {
    History.Builder history = new History.Builder();
    Map<String, TraceCounts> counts = new LinkedHashMap<>();
    for (String file : files) {
      try (TraceReader reader = TraceReader.open(file, isStrict)) {
        for (Told told = reader.next(); told != null; told = reader.next()) {
          history.add(told);
          watcher.accept(history.size());
        }
        counts.put(file, reader.counts());
      }
    }
    return new EventLog(history.build().events(), counts);
  }

  /** Whether any event changes a page state. */
  public boolean changesPageStates() {
    return events.stream().anyMatch(e -> e instanceof Event.Share || e instanceof Event.Unshare);
  }

  /** Where the memory ends that the events map or whose state they change; 0 if they do neither. */
  public long guestBytes() {
    return events.stream().mapToLong(EventLog::end).reduce(0, EventLog::larger);
  }

  private static long end(Event event) {
    return switch (event) {
      case Event.Map map -> map.iova() + map.length();
      case Event.Share share -> share.gpa() + share.length();
      case Event.Unshare unshare -> unshare.gpa() + unshare.length();
      default -> 0;
    };
  }

  private static long larger(long a, long b) {
    return Long.compareUnsigned(a, b) > 0 ? a : b;
  }
}
