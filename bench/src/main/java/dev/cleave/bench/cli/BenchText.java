package dev.cleave.bench.cli;

import dev.cleave.bench.jmh.PairResult;
import dev.cleave.bench.processor.Chains;
import dev.cleave.bench.provenance.Machine;
import dev.cleave.bench.stability.Stability.Fork;
import dev.cleave.bench.stability.StabilityRow;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What {@code cleave bench} prints and writes as CSV. */
final class BenchText {
  private static final List<String> HEADER =
      List.of(
          "work",
          "against",
          "work",
          "against",
          "",
          "ratio",
          "error",
          "limit",
          "",
          "1000 adds",
          "C",
          "of C",
          "");
  private static final int TEXT_COLUMNS = 2;
  private static final List<String> STABILITY_HEADER =
      List.of("work", "JVMs", "best", "worst", "ratio", "limit", "B/op", "", "worst in");

  /** Columns of the pairs' CSV. */
  static final List<String> CSV =
      List.of(
          "work",
          "against",
          "ns",
          "againstNs",
          "ratio",
          "limit",
          "error",
          "unit",
          "calibrationNs",
          "cNs",
          "isLoud");

  /** Columns of the CSV of stability. */
  static final List<String> STABILITY_CSV =
      List.of("work", "forks", "bestNs", "worstNs", "ratio", "limit", "bytesPerOp", "worstFork");

  /** What is printed of the machine; JSON and page have all. */
  private static final List<String> PRINTED =
      List.of("processor", "processors", "os", "jdk", "kernels");

  private BenchText() {}

  private static void machine(PrintWriter out) {
    Map<String, Object> machine = Machine.describe();
    PRINTED.forEach(name -> out.printf("%-10s %s%n", name, machine.get(name)));
    out.println();
  }

  /** Prints pairs. */
  static void print(PrintWriter out, List<PairResult> results) {
    List<List<String>> rows = new ArrayList<>(List.of(HEADER));
    for (PairResult result : results) {
      rows.add(
          List.of(
              result.work(),
              result.against(),
              amount(result.ns()),
              amount(result.againstNs()),
              result.unit(),
              ratio(result.ratio()),
              ratio(result.error()),
              limit(result.limit()),
              result.isReached() ? "ok" : "above",
              amount(result.calibrationNs()),
              amount(result.cNs()),
              result.cRatio() == null ? "-" : ratio(result.cRatio()),
              result.isLoud() ? "loud" : ""));
    }
    machine(out);
    TextTable.print(out, rows, TEXT_COLUMNS);
    if (results.stream().anyMatch(PairResult::isLoud)) {
      out.println();
      out.println("loud: the machine did something else while this was measured");
    }
    out.flush();
  }

  /** Prints how stable works are. */
  static void printStability(
      PrintWriter out,
      List<StabilityRow> all,
      double chainNanos,
      List<Fork> again,
      List<Fork> loud) {
    List<List<String>> rows = new ArrayList<>(List.of(STABILITY_HEADER));
    for (StabilityRow row : all) {
      rows.add(
          List.of(
              row.work(),
              Integer.toString(row.forks()),
              amount(row.bestNs()),
              amount(row.worstNs()),
              ratio(row.ratio()),
              limit(row.limit()),
              String.format(Locale.ROOT, "%.2f", row.bytesPerOp()),
              row.isReached() ? "ok" : "above",
              "%d: %s%s"
                  .formatted(
                      row.worstFork().number(),
                      row.worstFork().formats(),
                      row.worstFork().isBusy() ? ", busy" : "")));
    }
    machine(out);
    TextTable.print(out, rows, 1);
    out.println();
    out.printf(
        "%d of %d works are stable and make no garbage%n",
        all.stream().filter(StabilityRow::isReached).count(), all.size());
    if (!all.isEmpty()) {
      out.printf(
          "times in ns, at the pace of %,d additions in %s ns%n",
          Chains.ADDITIONS, amount(chainNanos));
    }
    if (!again.isEmpty()) {
      out.printf("measured again, beside others on the same core: JVM %s%n", numbers(again));
    }
    if (!loud.isEmpty()) {
      out.printf("what others were beside again is left out of JVM %s%n", numbers(loud));
    }
    out.flush();
  }

  private static String numbers(List<Fork> forks) {
    return forks.stream().map(fork -> "" + fork.number()).collect(Collectors.joining(", "));
  }

  /** Fields of {@link #CSV}. */
  static List<String> fields(PairResult result) {
    return List.of(
        result.work(),
        result.against(),
        Double.toString(result.ns()),
        Double.toString(result.againstNs()),
        Double.toString(result.ratio()),
        Double.toString(result.limit()),
        Double.toString(result.error()),
        result.unit(),
        field(result.calibrationNs()),
        field(result.cNs()),
        Boolean.toString(result.isLoud()));
  }

  /** Fields of {@link #STABILITY_CSV}. */
  static List<String> fields(StabilityRow row) {
    return List.of(
        row.work(),
        Integer.toString(row.forks()),
        Double.toString(row.bestNs()),
        Double.toString(row.worstNs()),
        Double.toString(row.ratio()),
        Double.toString(row.limit()),
        Double.toString(row.bytesPerOp()),
        Integer.toString(row.worstFork().number()));
  }

  private static String field(@Nullable Double value) {
    return value == null ? "" : value.toString();
  }

  private static String ratio(double value) {
    return String.format(Locale.ROOT, "%.3f", value);
  }

  private static String limit(double value) {
    return TextTable.shortened(value, "%.4g");
  }

  private static String amount(@Nullable Double value) {
    return value == null ? "-" : String.format(Locale.ROOT, value < 1000 ? "%.3g" : "%,.0f", value);
  }
}
