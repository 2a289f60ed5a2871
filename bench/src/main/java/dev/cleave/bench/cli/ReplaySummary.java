package dev.cleave.bench.cli;

import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.ReplayColumn;
import dev.cleave.bench.replay.ReplayOptions;
import dev.cleave.bench.trace.AddressSpace;
import dev.cleave.bench.trace.Source;
import dev.cleave.bench.trace.Trace;
import dev.cleave.bench.trace.TraceCounts;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What a person is told of a replayed log before the comparison: what was read, and what to know.
 */
final class ReplaySummary {
  private static final int MOST_REASONS = 5;

  private ReplaySummary() {}

  /** What to know, each thing once: of the log, and of events that the first policy refused. */
  static List<String> warnings(Trace trace, PolicyResult first) {
    List<String> warnings = new ArrayList<>(trace.warnings());
    if (!first.refused().isEmpty()) {
      String reasons =
          first.refused().entrySet().stream()
              .sorted(Map.Entry.<String, Long>comparingByValue(Comparator.reverseOrder()))
              .limit(MOST_REASONS)
              .map(entry -> entry.getKey() + " (" + entry.getValue() + ")")
              .collect(Collectors.joining(", "));
      warnings.add(
          "%d of %d events were refused under %s: %s"
              .formatted(
                  first.get(ReplayColumn.FAILED),
                  first.get(ReplayColumn.EVENTS),
                  first.policy(),
                  reasons));
    }
    return warnings;
  }

  /** What was read. */
  static void print(
      PrintWriter out,
      Trace trace,
      ReplayOptions options,
      List<String> flushes,
      PolicyResult first,
      List<String> misplacedLines) {
    trace
        .counts()
        .forEach((file, counts) -> {
          out.println(summary(file, counts));
          counts.firstMalformed().forEach(oddity -> out.println("  malformed " + line(oddity)));
          counts.firstSkipped().forEach(oddity -> out.println("  skipped " + line(oddity)));
        });
    if (trace.counts().size() > 1) {
      out.println(
          "the files are read as one log, one after the other: the same name is the same address"
              + " space");
    }
    if (options.spaces().size() > 1) {
      out.println(
          options.spaces().size()
              + " address spaces: "
              + options.spaces().stream()
                  .map(AddressSpace::name)
                  .collect(Collectors.joining(", ")));
    }
    sources(out, trace);
    if (options.followsRmp()) {
      out.printf(Locale.ROOT, "guest memory ends at %s%n", Numbers.size(options.guestBytes()));
    }
    if (first.dma() != null && options.devices().vTom() != 0) {
      out.println(
          "all memory is mapped once more from vTOM on, at "
              + Numbers.hex(options.devices().vTom()));
    }
    if (flushes.size() > 1 || !flushes.getFirst().equals("immediate")) {
      out.println("flushes that can wait are " + String.join(", then ", flushes));
    }
    if (first.get(ReplayColumn.MISPLACED) > 0) {
      out.printf(
          Locale.ROOT,
          "%d events do not fit the table (%d refused, %d unmapped less than the log says): lines"
              + " %s%s%n",
          first.get(ReplayColumn.MISPLACED),
          first.get(ReplayColumn.FAILED),
          first.get(ReplayColumn.MISPLACED) - first.get(ReplayColumn.FAILED),
          String.join(", ", misplacedLines),
          first.get(ReplayColumn.MISPLACED) > misplacedLines.size() ? ", ..." : "");
    }
    out.println();
  }

  private static void sources(PrintWriter out, Trace trace) {
    Map<Source, Long> used = trace.history().stateSources();
    Map<Source, Long> again = trace.history().toldAgain();
    if (!used.isEmpty()) {
      out.println("page states as told by " + words(used));
    }
    if (!again.isEmpty()) {
      out.println("told again, and not counted twice, by " + words(again));
    }
  }

  private static String words(Map<Source, Long> counts) {
    return counts.entrySet().stream()
        .map(entry -> entry.getKey().words() + " (" + entry.getValue() + ")")
        .collect(Collectors.joining(", "));
  }

  private static String summary(String file, TraceCounts counts) {
    return String.format(
        Locale.ROOT,
        "%s: %d lines, %d events, %d without effect, %d skipped, %d malformed",
        file,
        counts.lines(),
        counts.events(),
        counts.noEffect(),
        counts.skipped(),
        counts.malformed());
  }

  private static String line(TraceCounts.Oddity oddity) {
    return "line " + oddity.line() + ": " + oddity.excerpt();
  }
}
