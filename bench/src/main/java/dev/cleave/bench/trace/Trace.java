package dev.cleave.bench.trace;

import dev.cleave.bench.io.BadInput;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
import java.util.stream.Collectors;

/**
 * What one or more logs tell, and what the readers counted. Several logs are read one after the
 * other, as if they were one: the same name is the same address space.
 *
 * @param history what happened
 * @param counts each log's counts, by its name
 */
public record Trace(History history, Map<String, TraceCounts> counts) {
  /**
   * Reads logs.
   *
   * @param files paths, or {@code -} for standard input
   * @param isStrict whether an unknown line is an error
   * @param watcher is told of every event how many there are
   * @throws IOException if a file cannot be closed
   * @throws BadInput with file, line and what was expected
   */
  public static Trace read(List<String> files, boolean isStrict, LongConsumer watcher)
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
    return new Trace(history.build(), counts);
  }

  /** All events. */
  public List<TraceEvent> events() {
    return history.events();
  }

  /** The same of one address space; see {@link History#only}. */
  public Trace only(String space) {
    return new Trace(history.only(space), counts);
  }

  /**
   * Refuses what holds no event: nothing can be said of it.
   *
   * @throws BadInput naming what was found instead, and what to log
   */
  public void checkNotEmpty() {
    if (!events().isEmpty()) {
      return;
    }
    throw new BadInput(
        counts.entrySet().stream()
                .map(entry -> entry.getKey() + ": nothing to replay: " + found(entry.getValue()))
                .collect(Collectors.joining("; "))
            + "; log maps: "
            + TraceCounts.eventsToLog());
  }

  /** What a person has to know to trust what is replayed, each thing once. */
  public List<String> warnings() {
    List<String> warnings = new ArrayList<>(history.warnings());
    counts.forEach((file, count) -> count.warnings().forEach(w -> warnings.add(file + ": " + w)));
    return warnings;
  }

  /** The same without changes of page states. */
  public Trace withoutPageStates() {
    return new Trace(history.withoutPageStates(), counts);
  }

  private static String found(TraceCounts counts) {
    String found = counts.fileKind() + ", " + counts.lines() + " lines";
    if (counts.noEffect() > 0) {
      found += ", " + counts.noEffect() + " say that nothing happened";
    }
    if (counts.malformed() > 0) {
      found += ", " + counts.malformed() + " malformed";
    }
    if (counts.skipped() > 0) {
      found += ", " + counts.skipped() + " of no known kind";
    }
    String names = counts.skippedNames();
    return names.isEmpty() ? found : found + ", most of them " + names;
  }

  /** Whether any event changes a page state. */
  public boolean changesPageStates() {
    return events().stream().anyMatch(TraceEvent::isPageState);
  }

  /** Where the memory ends that the events map or whose state they change; 0 if they do neither. */
  public long guestBytes() {
    return events().stream().mapToLong(Trace::end).reduce(0, Trace::larger);
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
