package dev.cleave.bench.report;

import static dev.cleave.bench.report.Wording.bytes;
import static dev.cleave.bench.report.Wording.number;

import dev.cleave.bench.io.Durations;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.migrate.GuestMemory;
import dev.cleave.bench.migrate.MigrateOptions;
import dev.cleave.bench.migrate.MigrationColumn;
import dev.cleave.bench.migrate.MigrationResult;
import dev.cleave.bench.provenance.Provenance;
import dev.cleave.bench.report.Comparison.Column;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a report shows of migrations. */
public final class MigrateReport {
  private MigrateReport() {}

  /**
   * Puts a report together.
   *
   * @param results at least one
   * @param input what was asked for
   * @param provenance where it comes from
   */
  public static Report of(
      GuestMemory memory,
      MigrateOptions options,
      List<MigrationResult> results,
      Map<String, ?> input,
      Provenance provenance) {
    return new Report(
        "Cleave migrate",
        "What does it cost to know what devices write, and what does it buy?",
        sentences(memory, options, results),
        comparison(results),
        input,
        provenance,
        null,
        new MigrateCharts(results).sections());
  }

  /** A migration's name among all of the page. */
  private static String name(MigrationResult result) {
    return result.load().pattern().word() + ", " + result.name();
  }

  private static Comparison comparison(List<MigrationResult> results) {
    List<Column> columns =
        Arrays.stream(MigrationColumn.values())
            .map(column ->
                new Column(
                    column.heading(), column.word(), column.unit(), column.better(), column.note()))
            .toList();
    List<Comparison.Entry> entries = new ArrayList<>();
    for (MigrationResult result : results) {
      List<@Nullable Number> values = new ArrayList<>();
      for (MigrationColumn column : MigrationColumn.values()) {
        values.add(column.of(result));
      }
      entries.add(Comparison.Entry.of(name(result), result.isExact(), values));
    }
    return Comparison.of("Pattern and strategy", columns, entries);
  }

  private static List<String> sentences(
      GuestMemory memory, MigrateOptions options, List<MigrationResult> results) {
    List<String> sentences = new ArrayList<>();
    long lost = results.stream().mapToLong(MigrationResult::lostPages).sum();
    sentences.add(
        lost == 0
            ? "No page was lost: in each of %s migrations of %s the destination holds what devices wrote."
                .formatted(number(results.size()), Numbers.size(memory.mappedBytes()))
            : "%s pages were lost, in %s of %s migrations."
                .formatted(
                    number(lost),
                    number(results.stream().filter(one -> one.lostPages() > 0).count()),
                    number(results.size())));
    results.stream()
        .map(MigrationResult::load)
        .distinct()
        .forEach(load ->
            results.stream()
                .filter(result -> result.load().equals(load))
                .filter(result -> result.hasConverged() && result.hasTracking() && result.isExact())
                .min(Comparator.comparingLong(MigrationResult::sentPages))
                .ifPresentOrElse(
                    best -> sentences.add(least(best)),
                    () ->
                        sentences.add(
                            "Under %s writes no strategy that tracks got the rest below %s."
                                .formatted(
                                    load.pattern().word(),
                                    Durations.words(options.downtimeNanos())))));
    return sentences;
  }

  private static String least(MigrationResult best) {
    return "Under %s writes %s sent least of those that converged: %s in %s passes, with %s of table memory."
        .formatted(
            best.load().pattern().word(),
            best.name(),
            bytes(best.sentPages() * 4096),
            number(best.sendingPasses()),
            bytes(best.tableBytesPeak()));
  }
}
