package dev.cleave.bench.replay;

import dev.cleave.bench.machine.GuestRam;
import dev.cleave.bench.trace.TraceEvent;
import java.util.List;
import java.util.Locale;
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
    int leading = GuestRam.leadingMaps(events);
    int count = 0;
    long failed = 0;
    long misplaced = 0;
    while (count < events.size() && watcher.goesOn()) {
      TraceEvent event = events.get(count);
      run.prepare(event);
      Outcome outcome = run.apply(event);
      failed += outcome.isOk() ? 0 : 1;
      misplaced += isMisplaced(event, outcome) ? 1 : 0;
      run.runDevices((long) (options.dmaAccesses() * share(++count, leading, events.size())));
      watcher.ended(event, outcome);
    }
    Histogram nanos = new Histogram(LONGEST_NANOS, DIGITS);
    long total = 0;
    for (TraceEvent event : events.subList(0, count)) {
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
        new RunEnd(count, failed, misplaced, nanos, total),
        run.dma(),
        run.tableResults());
  }

  /** How much of the devices' work is done after so many events; none before the last first map. */
  private static double share(int count, int leading, int events) {
    return count < leading ? 0 : (count - leading + 1.0) / (events - leading + 1.0);
  }

  private static String word(Enum<?> order) {
    return order.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
