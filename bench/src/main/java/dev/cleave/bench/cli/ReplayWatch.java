package dev.cleave.bench.cli;

import dev.cleave.bench.io.Csv;
import dev.cleave.bench.io.Interruption;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.io.Progress;
import dev.cleave.bench.replay.Outcome;
import dev.cleave.bench.replay.Replay;
import dev.cleave.bench.report.RunRecorder;
import dev.cleave.bench.trace.TraceCounts;
import dev.cleave.bench.trace.TraceEvent;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Looks on at the replay of one policy: tells of its progress, and writes what is asked for. */
final class ReplayWatch implements Replay.Watcher {
  /** What a change of page states names as its address space: it reaches each of them. */
  private static final String ALL_SPACES = "all";

  private final String policy;
  private final int events;
  private final @Nullable Csv results;
  private final boolean namesSpaces;
  private final @Nullable RunRecorder recorder;
  private final Progress progress;
  private final Interruption interruption;

  /** The first lines whose events did not fit the table. */
  private final List<String> misplacedLines = new ArrayList<>();

  private int replayed;
  private int timed;

  /**
   * A watch.
   *
   * @param events how many there are
   * @param results where to write how each one ended, or null
   * @param namesSpaces whether each row there begins with the name of its address space
   * @param recorder what notes it for a report, or null
   */
  ReplayWatch(
      String policy,
      int events,
      @Nullable Csv results,
      boolean namesSpaces,
      @Nullable RunRecorder recorder,
      Progress progress,
      Interruption interruption) {
    this.policy = policy;
    this.events = events;
    this.results = results;
    this.namesSpaces = namesSpaces;
    this.recorder = recorder;
    this.progress = progress;
    this.interruption = interruption;
  }

  @Override
  public void ended(TraceEvent event, Outcome outcome) {
    progress.at(policy + ", events replayed", ++replayed, events);
    if (misplacedLines.size() < TraceCounts.REMEMBERED && Replay.isMisplaced(event, outcome)) {
      misplacedLines.add(Long.toString(event.line()));
    }
    if (results != null) {
      write(results, event, outcome);
    }
    if (recorder != null) {
      recorder.ended(event);
    }
  }

  private void write(Csv csv, TraceEvent event, Outcome outcome) {
    boolean isTranslate = event instanceof TraceEvent.Translate;
    try {
      csv.row(
          namesSpaces
              ? List.of(event.isPageState() ? ALL_SPACES : event.space().name())
              : List.of(),
          List.of(
              Long.toString(event.line()),
              event.kind().word(),
              outcome.status(),
              isTranslate ? Numbers.hex(outcome.value()) : Long.toUnsignedString(outcome.value())));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void took(long nanos) {
    progress.at(policy + ", events timed", ++timed, events);
    if (recorder != null) {
      recorder.took(nanos);
    }
  }

  @Override
  public boolean goesOn() {
    return !interruption.isRequested();
  }

  List<String> misplacedLines() {
    return misplacedLines;
  }
}
