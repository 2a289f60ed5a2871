package dev.cleave.bench.trace;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Makes one history of page states out of what several sources tell. For each page the best source
 * that ever tells of it is believed, as {@link Source} orders them: the same conversion counts
 * once, however late the other source tells of it, and pages that only one source tells of are not
 * lost. Op lines are always carried out.
 *
 * <p>Not thread-safe.
 */
final class StateSources {
  private final Map<Source, Ranges> ranges = new EnumMap<>(Source.class);
  private final Map<Source, Long> used = new EnumMap<>(Source.class);
  private final Map<Source, Long> again = new EnumMap<>(Source.class);

  /** Takes note of what is told. */
  void note(Told told) {
    if (isState(told)) {
      TraceEvent event = told.event();
      long last = event.address() + event.length() - 1;
      ranges.computeIfAbsent(told.source(), _ -> new Ranges()).add(event.address(), last);
    }
  }

  private static boolean isState(Told told) {
    return told.source() != Source.OP
        && (told.event() instanceof TraceEvent.Share || told.event() instanceof TraceEvent.Unshare)
        && told.event().length() != 0
        && Long.compareUnsigned(
                told.event().address() + told.event().length() - 1, told.event().address())
            >= 0;
  }

  /** What is to be believed of an event, once everything was noted: all, parts, or nothing. */
  List<TraceEvent> believed(Told told) {
    if (!isState(told)) {
      return List.of(told.event());
    }
    List<TraceEvent> parts = List.of(told.event());
    for (Map.Entry<Source, Ranges> better : ranges.entrySet()) {
      if (better.getKey().compareTo(told.source()) >= 0) {
        break;
      }
      List<TraceEvent> left = new ArrayList<>();
      for (TraceEvent part : parts) {
        better
            .getValue()
            .without(part.address(), part.address() + part.length() - 1)
            .forEach(range -> left.add(part(part, range)));
      }
      parts = left;
    }
    (parts.isEmpty() ? again : used).merge(told.source(), 1L, Long::sum);
    return parts;
  }

  private static TraceEvent part(TraceEvent event, Ranges.Range range) {
    long length = range.last() - range.first() + 1;
    return event instanceof TraceEvent.Share
        ? new TraceEvent.Share(event.line(), range.first(), length)
        : new TraceEvent.Unshare(event.line(), range.first(), length);
  }

  /** How many events of each source were used. */
  Map<Source, Long> used() {
    return used;
  }

  /** How many events of each source a better one had told already. */
  Map<Source, Long> again() {
    return again;
  }
}
