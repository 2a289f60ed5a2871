package dev.cleave.bench.replay;

import dev.cleave.bench.trace.TraceEvent;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.HdrHistogram.Histogram;

/**
 * Replays events under one policy, twice: once looking at leaves and RMP after every step, which is
 * also what warms the JVM up, and once against the clock.
 */
public final class Replay {
  private static final long LONGEST_NANOS = 3_600_000_000_000L;
  private static final int DIGITS = 3;

  /** Looks on. */
  @FunctionalInterface
  public interface Watcher {
    /** An event ended in the first run, and the devices have done their share after it. */
    void ended(TraceEvent event, Outcome outcome);

    /** An event ended in the second run. */
    default void took(long nanos) {}

    /** Whether to go on; if not, the result is that of the events so far. */
    default boolean goesOn() {
      return true;
    }
  }

  private Replay() {}

  /**
   * Whether an event did not find the table as the log says it was: where clocks tie, an unmap can
   * stand before its map.
   */
  public static boolean isMisplaced(TraceEvent event, Outcome outcome) {
    return !outcome.isOk()
        || (event instanceof TraceEvent.Unmap unmap
            && unmap.isReport()
            && outcome.value() != unmap.length());
  }

  /**
   * Replays events.
   *
   * @param options what the runs were made with
   * @param run a new run that watches the RMP; it is left as the events leave it
   * @param timed another new run of the same policy, which does not
   * @param watcher looks on
   */
  public static PolicyResult replay(
      Policy policy,
      ReplayOptions options,
      List<TraceEvent> events,
      PolicyRun run,
      PolicyRun timed,
      Watcher watcher) {
    List<DeviceShare> devices = DeviceShare.of(events, options);
    Tally tally = new Tally();
    while (tally.events < events.size() && watcher.goesOn()) {
      TraceEvent event = events.get(tally.events);
      run.prepare(event);
      Outcome outcome = run.apply(event);
      tally.count(event, outcome, run.space(event));
      int done = tally.events;
      run.runDevices(devices.stream().mapToLong(share -> share.accessesAfter(done)).toArray());
      watcher.ended(event, outcome);
    }
    run.flushOwed();
    Histogram nanos = new Histogram(LONGEST_NANOS, DIGITS);
    long total = 0;
    for (TraceEvent event : events.subList(0, tally.events)) {
      if (!watcher.goesOn()) {
        break;
      }
      timed.prepare(event);
      long start = System.nanoTime();
      var _ = timed.apply(event);
      long taken = System.nanoTime() - start;
      nanos.recordValue(Math.min(taken, LONGEST_NANOS));
      total += taken;
      watcher.took(taken);
    }
    return PolicyResult.of(
        policy.word(),
        policy.hasOrder() && options.followsRmp() ? word(options.order()) : null,
        options.flushWord(),
        new RunEnd(
            tally.events,
            tally.failed,
            tally.misplaced,
            tally.refused,
            run.peakBackingBytes(),
            run.backingBytes(),
            run.peakDuplicateBytes(),
            run.exchanges(),
            nanos,
            total),
        run.dma(),
        run.deviceResults(),
        run.tableResults(),
        spaces(run, tally));
  }

  private static List<SpaceResult> spaces(PolicyRun run, Tally tally) {
    List<SpaceResult> results = new ArrayList<>();
    List<TableResult> tables = run.spaceResults();
    for (ReplayedSpace space : run.spaces()) {
      SpaceTally counts = tally.spaces.getOrDefault(space, new SpaceTally());
      results.add(
          new SpaceResult(
              space.name().name(), counts.events, counts.failed, tables.get(results.size())));
    }
    return results;
  }

  /** What has happened so far. */
  private static final class Tally {
    private int events;
    private long failed;
    private long misplaced;
    private final Map<String, Long> refused = new TreeMap<>();
    private final Map<ReplayedSpace, SpaceTally> spaces = new HashMap<>();

    void count(TraceEvent event, Outcome outcome, ReplayedSpace space) {
      events++;
      misplaced += isMisplaced(event, outcome) ? 1 : 0;
      if (!outcome.isOk()) {
        failed++;
        refused.merge(outcome.status(), 1L, Long::sum);
      }
      if (!event.isPageState()) {
        SpaceTally tally = spaces.computeIfAbsent(space, _ -> new SpaceTally());
        tally.events++;
        tally.failed += outcome.isOk() ? 0 : 1;
      }
    }
  }

  private static final class SpaceTally {
    private long events;
    private long failed;
  }

  private static String word(Enum<?> order) {
    return order.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
