package dev.cleave.bench.report;

import dev.cleave.bench.replay.PolicyRun;
import dev.cleave.bench.trace.TraceEvent;
import java.util.List;
import java.util.stream.DoubleStream;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * Looks on at the replay of one policy and keeps what a report shows of it, in bounded memory.
 *
 * <p>Not thread-safe.
 */
public final class RunRecorder {
  /** The percentiles that are shown: each nine is as far from the last. */
  static final List<Double> PERCENTILES =
      DoubleStream.iterate(0, nines -> nines <= 5, nines -> nines + 0.125)
          .map(nines -> 100 * (1 - Math.pow(10, -nines)))
          .boxed()
          .toList();

  private static final int MOST_SAMPLES = 400;
  private static final long LONGEST_NANOS = 3_600_000_000_000L;
  private static final int DIGITS = 3;

  private final Steps mapSteps;
  private final Steps samplings;
  private final @Nullable MapRecorder map;
  private final SeriesRecorder series;
  private final Histogram nanos = new Histogram(LONGEST_NANOS, DIGITS);
  private int count;

  /**
   * A recorder of a run that begins.
   *
   * @param run the first of a policy's two runs
   * @param events how many there will be
   * @param hasMap whether the guest's memory is to be shown
   */
  public RunRecorder(PolicyRun run, int events, boolean hasMap) {
    mapSteps = MemoryMap.steps(events);
    samplings = Steps.atMost(MOST_SAMPLES, events);
    map = hasMap ? new MapRecorder(run) : null;
    series = new SeriesRecorder(run);
  }

  /** An event ended in the first run. */
  public void ended(TraceEvent event) {
    count++;
    if (map != null) {
      map.ended(event);
      if (mapSteps.endsWith(count)) {
        map.stepEnded(mapSteps.of(count));
      }
    }
    if (samplings.endsWith(count)) {
      series.stepEnded(count);
    }
  }

  /** An event ended in the second run. */
  public void took(long taken) {
    nanos.recordValue(Math.min(taken, LONGEST_NANOS));
  }

  @Nullable MapRecorder map() {
    return map;
  }

  List<SeriesRecorder.Sample> samples() {
    return series.samples();
  }

  /** The time that an event takes at most, in {@link #PERCENTILES} of all cases. */
  List<Double> nanosAtPercentiles() {
    return PERCENTILES.stream().map(p -> (double) nanos.getValueAtPercentile(p)).toList();
  }
}
