package dev.cleave.bench.trace;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What a {@link TraceReader} has met so far. Every line is counted in {@link #lines} and, unless it
 * is blank or a comment, in exactly one of {@link #events()}, {@link #noEffect}, {@link #skipped}
 * and {@link #malformed}.
 *
 * <p>Not thread-safe; changes while its reader reads.
 */
public final class TraceCounts {
  /** How many lines of each sort are remembered. */
  public static final int REMEMBERED = 5;

  private long lines;
  private final Map<TraceEvent.Kind, Long> events = new EnumMap<>(TraceEvent.Kind.class);
  private long noEffect;
  private long skipped;
  private long malformed;
  private final List<Oddity> firstSkipped = new ArrayList<>(REMEMBERED);
  private final List<Oddity> firstMalformed = new ArrayList<>(REMEMBERED);

  TraceCounts() {}

  /**
   * A line from which no event came.
   *
   * @param line its number
   * @param excerpt how it begins, in printable characters
   * @param problem what was wrong and what was expected
   */
  public record Oddity(long line, String excerpt, String problem) {}

  /** Lines read, blank ones and comments included. */
  public long lines() {
    return lines;
  }

  /** Events returned, of all kinds. */
  public long events() {
    return events.values().stream().mapToLong(Long::longValue).sum();
  }

  /** Events returned, of one kind. */
  public long events(TraceEvent.Kind kind) {
    return events.getOrDefault(kind, 0L);
  }

  /** Lines that report that nothing happened: a call that failed, an unmap of 0 bytes. */
  public long noEffect() {
    return noEffect;
  }

  /** Lines of no known kind. */
  public long skipped() {
    return skipped;
  }

  /** Lines of a known kind that could not be read. */
  public long malformed() {
    return malformed;
  }

  /** The first {@value #REMEMBERED} skipped lines. */
  public List<Oddity> firstSkipped() {
    return Collections.unmodifiableList(firstSkipped);
  }

  /** The first {@value #REMEMBERED} malformed lines. */
  public List<Oddity> firstMalformed() {
    return Collections.unmodifiableList(firstMalformed);
  }

  /** Counts a line that was begun and returns its number. */
  long countLine() {
    return ++lines;
  }

  void countEvent(TraceEvent.Kind kind) {
    events.merge(kind, 1L, Long::sum);
  }

  void countNoEffect() {
    noEffect++;
  }

  void countSkipped(Oddity oddity) {
    skipped++;
    remember(firstSkipped, oddity);
  }

  void countMalformed(Oddity oddity) {
    malformed++;
    remember(firstMalformed, oddity);
  }

  private static void remember(List<Oddity> first, Oddity oddity) {
    if (first.size() < REMEMBERED) {
      first.add(oddity);
    }
  }
}
