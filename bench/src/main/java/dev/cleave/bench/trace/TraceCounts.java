package dev.cleave.bench.trace;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link TraceReader} has met so far. Every line is counted in {@link #lines} and, unless it
 * is blank or a comment, in exactly one of {@link #events()}, {@link #noEffect}, {@link #skipped},
 * {@link #malformed}, {@link #gaps} and {@link #failures}.
 *
 * <p>Not thread-safe; changes while its reader reads.
 */
public final class TraceCounts {
  /** How many lines of each sort are remembered. */
  public static final int REMEMBERED = 5;

  /** What to log, so that there is something to replay. */
  static final String MAP_EVENTS =
      "QEMU's -trace 'iommufd_backend_*', or the kernel's events iommu:map and iommu:unmap";

  static final String STATE_EVENTS =
      "QEMU's -trace kvm_convert_memory, or the kernel's event kvm:kvm_vm_set_mem_attributes";

  /** How many names of skipped events are told apart, so that no file takes all memory. */
  private static final int MOST_NAMES = 1000;

  private long lines;
  private final Map<TraceEvent.Kind, Long> events = new EnumMap<>(TraceEvent.Kind.class);
  private long noEffect;
  private long skipped;
  private long malformed;
  private final Map<LogLine.Kind, Long> kinds = new EnumMap<>(LogLine.Kind.class);
  private final Map<String, Long> skippedByEvent = new HashMap<>();
  private long gaps;
  private long lost;
  private boolean isTruncated;
  private long failures;
  private @Nullable Oddity firstFailure;
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

  /** Skipped lines by the name of their event, most first; only those that have one. */
  public Map<String, Long> skippedByEvent() {
    Map<String, Long> sorted = new LinkedHashMap<>();
    skippedByEvent.entrySet().stream()
        .sorted(
            Map.Entry.<String, Long>comparingByValue()
                .reversed()
                .thenComparing(Map.Entry.comparingByKey()))
        .forEach(entry -> sorted.put(entry.getKey(), entry.getValue()));
    return sorted;
  }

  /** The names of events that were skipped most, with counts, for a person; may be empty. */
  public String skippedNames() {
    Map<String, Long> names = skippedByEvent();
    String most =
        names.entrySet().stream()
            .limit(REMEMBERED)
            .map(entry -> entry.getKey() + " (" + entry.getValue() + ")")
            .collect(Collectors.joining(", "));
    long others =
        skipped - names.values().stream().limit(REMEMBERED).mapToLong(Long::longValue).sum();
    return most.isEmpty() || others == 0 ? most : most + ", others (" + others + ")";
  }

  /** What a person has to know of what was not read, each thing once. */
  List<String> warnings() {
    List<String> warnings = new ArrayList<>();
    if (skipped > 0) {
      String names = skippedNames();
      warnings.add(
          "%d of %d lines are of no known kind and were skipped%s"
              .formatted(skipped, lines, names.isEmpty() ? "" : ": " + names));
    }
    if (malformed > 0) {
      Oddity first = firstMalformed.getFirst();
      warnings.add(
          "%d lines cannot be read; the first is line %d: %s"
              .formatted(malformed, first.line(), first.problem()));
    }
    if (gaps > 0) {
      warnings.add(
          "the log says in %d places that lines are missing%s: what follows may not fit"
              .formatted(gaps, lost > 0 ? ", " + lost + " at least" : ""));
    }
    if (isTruncated) {
      warnings.add(
          "the gzip data ends too early: what came after line %d is missing".formatted(lines));
    }
    if (firstFailure != null) {
      warnings.add(
          ("%d changes failed, the first one in line %d (%s): page-state changes are logged before"
                  + " they are made, so those before such a line may not have happened")
              .formatted(failures, firstFailure.line(), firstFailure.excerpt()));
    }
    return warnings;
  }

  /** Places where the log itself says that lines are missing. */
  public long gaps() {
    return gaps;
  }

  /** How many lines are missing there at least. */
  public long lost() {
    return lost;
  }

  /** Whether the file ended too early, so that it is not known what is missing. */
  public boolean isTruncated() {
    return isTruncated;
  }

  /** Lines that report that a change of mappings or page states failed. */
  public long failures() {
    return failures;
  }

  /** The first that follows a change of page states; null if none does. */
  public @Nullable Oddity firstFailure() {
    return firstFailure;
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

  void countKind(LogLine.Kind kind) {
    kinds.merge(kind, 1L, Long::sum);
  }

  /** What kind of file it is, by the look of most of its lines. */
  public String fileKind() {
    return kinds.entrySet().stream()
        .filter(entry -> entry.getKey() != LogLine.Kind.BLANK)
        .max(Map.Entry.comparingByValue())
        .map(entry -> entry.getKey().words())
        .orElse(lines == 0 ? "an empty file" : "no lines but comments");
  }

  /** Which events to log for what is missing, for a person. */
  public static String eventsToLog() {
    return MAP_EVENTS + "; for page states " + STATE_EVENTS;
  }

  void countEvent(TraceEvent.Kind kind) {
    events.merge(kind, 1L, Long::sum);
  }

  void countNoEffect() {
    noEffect++;
  }

  void countSkipped(String event, Oddity oddity) {
    skipped++;
    if (!event.isEmpty()
        && (skippedByEvent.size() < MOST_NAMES || skippedByEvent.containsKey(event))) {
      skippedByEvent.merge(event, 1L, Long::sum);
    }
    remember(firstSkipped, oddity);
  }

  /** Counts a place where so many events are missing, or an unknown number if it is 0. */
  void countLost(long events) {
    gaps++;
    lost = events > Long.MAX_VALUE - lost ? Long.MAX_VALUE : lost + events;
  }

  void setTruncated() {
    isTruncated = true;
  }

  /** Counts a failure; one that follows a change of page states may be that change's. */
  void countFailure(Oddity oddity) {
    failures++;
    if (firstFailure == null
        && events(TraceEvent.Kind.SHARE) + events(TraceEvent.Kind.UNSHARE) > 0) {
      firstFailure = oddity;
    }
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
