package dev.cleave.bench.cli;

import dev.cleave.bench.io.Outputs;
import dev.cleave.bench.provenance.Provenance;
import dev.cleave.bench.report.Report;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Where commands that compare write their results, as a page, its charts, CSV and JSON. */
final class ResultFiles {
  @Option(
      names = "--report",
      paramLabel = "FILE",
      description = "Write the results as a page to look at: one HTML file.")
  private @Nullable String report;

  @Option(
      names = "--charts",
      paramLabel = "DIR",
      description = "Write the charts of the report as SVG pictures into a directory.")
  private @Nullable String charts;

  @Option(
      names = "--csv",
      paramLabel = "FILE",
      description = "Write a row for each result, with every figure in full, named as in JSON.")
  private @Nullable String csv;

  @Option(names = "--json", paramLabel = "FILE", description = "Write what is printed as JSON.")
  private @Nullable String json;

  /** Refuses what cannot be made, before work is done that would be lost with it. */
  void check() {
    Outputs.check(json);
    Outputs.check(csv);
    Outputs.check(report);
    Outputs.checkDirectory("--charts", charts);
  }

  /** What is to be written, by its option. */
  SequencedMap<String, String> chosen() {
    SequencedMap<String, String> chosen = new LinkedHashMap<>();
    put(chosen, "--json", json);
    put(chosen, "--report", report);
    put(chosen, "--csv", csv);
    put(chosen, "--charts", charts);
    return chosen;
  }

  private static void put(Map<String, String> chosen, String option, @Nullable String file) {
    if (file != null) {
      chosen.put(option, file);
    }
  }

  /** Whether a page or its charts are wanted. */
  boolean wantReport() {
    return report != null || charts != null;
  }

  /** Writes what is printed, and where it comes from. */
  void writeJson(Map<String, Object> result, Provenance provenance) throws IOException {
    Invocation.json(json, result, provenance);
  }

  /** Writes the same as rows. */
  void writeCsv(List<String> columns, List<List<String>> rows) throws IOException {
    Outputs.csv(csv, columns, rows);
  }

  /** Writes the page and its charts, which are made only if one of them is wanted. */
  void writeReport(Supplier<Report> page) throws IOException {
    if (wantReport()) {
      Report made = page.get();
      if (report != null) {
        made.write(report);
      }
      made.writeCharts(charts);
    }
  }
}
