package dev.cleave.bench.cli;

import dev.cleave.bench.conform.CaseKind;
import dev.cleave.bench.conform.Conformance.Failure;
import dev.cleave.bench.conform.Conformance.KindResult;
import dev.cleave.bench.conform.ConformanceResult;
import dev.cleave.bench.conform.KnownDeviation;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The outcome of {@code cleave conform} for a person. */
final class ConformText {
  private ConformText() {}

  static void print(
      PrintWriter out,
      ConformanceResult result,
      String flush,
      Optional<Failure> failure,
      Duration took) {
    out.printf(Locale.ROOT, "%n%-22s %8s %8s %10s%n", "about", "cases", "states", "DMA");
    for (Map.Entry<CaseKind, KindResult> entry : result.kinds().entrySet()) {
      KindResult kind = entry.getValue();
      line(out, entry.getKey().word(), kind.cases(), kind.states(), kind.probes());
    }
    line(out, "all", result.cases(), result.states(), result.probes());
    out.printf(
        Locale.ROOT,
        "%nDMA: %d reads, %d writes; %d between or beside stores, %d beyond memory, %d stale until flushed%n",
        result.reads(),
        result.writes(),
        result.during(),
        result.far(),
        result.stale());
    out.printf(
        Locale.ROOT,
        "%d flush commands (%s), %d operations refused, %.1f s%n",
        result.flushes(),
        flush,
        result.refused(),
        took.toMillis() / 1e3);
    out.println();
    out.println("What QEMU is not asked, and how many accesses were left out for it:");
    for (KnownDeviation deviation : KnownDeviation.values()) {
      out.printf(
          Locale.ROOT,
          "  %-30s %8d  %s%n",
          deviation.name().toLowerCase(Locale.ROOT).replace('_', '-'),
          result.excluded().getOrDefault(deviation, 0L),
          deviation.why());
    }
    out.println();
    failure.ifPresentOrElse(found -> print(out, flush, found), () -> out.println("differences: 0"));
  }

  private static void line(PrintWriter out, String about, long cases, long states, long probes) {
    out.printf(Locale.ROOT, "%-22s %8d %8d %10d%n", about, cases, states, probes);
  }

  private static void print(PrintWriter out, String flush, Failure failure) {
    out.printf("difference in case %d (%s):%n", failure.number(), failure.kind().word());
    failure.operations().forEach(operation -> out.println("  " + operation));
    failure.answers().forEach(out::println);
    String how = flush.equals("immediate") ? "" : " --flush " + flush;
    out.printf(
        "again: cleave conform%s --seed %d --case %d%n", how, failure.seed(), failure.number());
  }
}
