package dev.cleave.bench.report;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import dev.cleave.bench.trace.TraceEvent;
import java.util.Arrays;
import java.util.List;

/**
 * The map of guest memory: how it changed with each step, under each policy.
 *
 * @param hasRmp whether page states matter
 * @param firstRegion the first region that is ever mapped, or 0 where there is an RMP
 * @param endRegion the region after the last
 * @param events how many there were
 * @param stepLength events in a step
 * @param kinds the words by which {@code steps} calls the kinds of event
 * @param steps the last event of each step as {@link Varints}: line (signed, from the last one's),
 *     kind, first page (signed, likewise), bytes from there
 * @param policies the maps, beside one another
 */
record MemoryMap(
    boolean hasRmp,
    long firstRegion,
    long endRegion,
    int events,
    int stepLength,
    List<String> kinds,
    String steps,
    List<Layer> policies) {
  private static final int MOST_STEPS = 8192;
  private static final long ADDRESS_REGIONS = 1L << (Long.SIZE - REGION_LOG2);

  /**
   * One policy's map.
   *
   * @param policy its name
   * @param steps how far it was noted
   * @param splices what changed, as {@link MapRecorder} has it
   */
  record Layer(String policy, int steps, String splices) {}

  static Steps steps(int events) {
    return Steps.atMost(MOST_STEPS, events);
  }

  /**
   * A map of recorded layers.
   *
   * @param guestBytes where guest memory ends; 0 without an RMP
   */
  static MemoryMap of(List<TraceEvent> events, long guestBytes, List<Layer> layers) {
    Steps steps = steps(events.size());
    long first = ADDRESS_REGIONS;
    long end = 0;
    for (TraceEvent event : events) {
      if (event instanceof TraceEvent.Map(long _, var _, long iova, var _, long bytes, int _)
          && bytes != 0) {
        first = Math.min(first, iova >>> REGION_LOG2);
        end = Math.max(end, ((iova + bytes - 1) >>> REGION_LOG2) + 1);
      }
    }
    if (guestBytes != 0) {
      first = 0;
      end = Math.ceilDiv(guestBytes, REGION_BYTES);
    }
    List<String> kinds =
        Arrays.stream(TraceEvent.Kind.values()).map(TraceEvent.Kind::word).toList();
    Varints text = new Varints();
    long line = 0;
    long page = 0;
    for (int at = steps.length(); at - steps.length() < events.size(); at += steps.length()) {
      TraceEvent event = events.get(Math.min(at, events.size()) - 1);
      long eventPage = event.address() >>> PAGE_LOG2;
      text.addSigned(event.line() - line)
          .add(kinds.indexOf(event.kind().word()))
          .addSigned(eventPage - page)
          .add(event.length() & Long.MAX_VALUE);
      line = event.line();
      page = eventPage;
    }
    return new MemoryMap(
        guestBytes != 0,
        Math.min(first, end),
        end,
        events.size(),
        steps.length(),
        kinds,
        text.text(),
        layers);
  }
}
