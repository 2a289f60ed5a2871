package dev.cleave.bench.report;

import static dev.cleave.bench.report.Wording.bytes;
import static dev.cleave.bench.report.Wording.number;

import dev.cleave.bench.figure.Better;
import dev.cleave.bench.figure.Unit;
import dev.cleave.bench.footprint.RivalFootprint;
import dev.cleave.bench.footprint.TableFootprint;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.provenance.Provenance;
import dev.cleave.bench.report.Comparison.Column;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What a report shows of footprints. */
public final class FootprintReport {
  private final List<TableFootprint> tables;
  private final List<RivalFootprint> rivals;

  /** The summary is about the largest guest with the first pattern. */
  private final String pattern;

  private final long guest;
  private final List<Double> shares;

  private FootprintReport(List<TableFootprint> tables, List<RivalFootprint> rivals) {
    this.tables = tables;
    this.rivals = rivals;
    this.pattern = tables.getFirst().pattern();
    this.guest =
        tables.stream()
            .filter(table -> table.pattern().equals(pattern))
            .mapToLong(TableFootprint::guestMemory)
            .max()
            .orElseThrow();
    this.shares =
        tables.stream().filter(this::isSummed).map(TableFootprint::shared).distinct().toList();
  }

  /**
   * Puts a report together.
   *
   * @param tables at least one; fewer than were asked for if the work was interrupted
   * @param input what was asked for
   * @param provenance where it comes from
   */
  public static Report of(
      List<TableFootprint> tables,
      List<RivalFootprint> rivals,
      Map<String, ?> input,
      Provenance provenance) {
    FootprintReport report = new FootprintReport(tables, rivals);
    return new Report(
        "Cleave footprint",
        "How much table memory does a guest need whose pages are partly shared?",
        report.sentences(),
        report.comparison(),
        input,
        provenance,
        null,
        new FootprintCharts(tables, rivals).sections());
  }

  private boolean isSummed(TableFootprint table) {
    return table.pattern().equals(pattern) && table.guestMemory() == guest;
  }

  private boolean isSummed(RivalFootprint rival) {
    return rival.pattern().equals(pattern) && rival.guestMemory() == guest;
  }

  private Comparison comparison() {
    List<Column> columns = new ArrayList<>();
    for (double share : shares) {
      columns.add(
          new Column(
              percent(share) + " shared",
              "bytesPerGib",
              Unit.BYTES,
              Better.LOW,
              "Bytes for each GiB of a guest of %s whose shared pages are %s."
                  .formatted(Numbers.size(guest), pattern)));
    }
    columns.add(
        new Column(
            "Worst ratio",
            "ratio",
            Unit.RATIO,
            Better.LOW,
            "The most that a table took, of all guests here, to the fewest pages that a radix tree"
                + " of the same leaf sizes can do with."));
    List<Comparison.Entry> entries = new ArrayList<>();
    for (String policy : tables.stream().map(TableFootprint::policy).distinct().toList()) {
      List<@Nullable Number> values = new ArrayList<>();
      for (double share : shares) {
        values.add(
            tables.stream()
                .filter(table -> isSummed(table) && table.policy().equals(policy))
                .filter(table -> table.shared() == share)
                .findFirst()
                .map(TableFootprint::bytesPerGib)
                .orElse(null));
      }
      values.add(worst(tables.stream().filter(table -> table.policy().equals(policy))).ratio());
      entries.add(Comparison.Entry.of(policy, true, values));
    }
    for (String rival : rivals.stream().map(RivalFootprint::rival).distinct().toList()) {
      List<@Nullable Number> values = new ArrayList<>();
      for (double share : shares) {
        values.add(
            rivals.stream()
                .filter(one -> isSummed(one) && one.rival().equals(rival))
                .filter(one -> one.shared() == share)
                .findFirst()
                .map(RivalFootprint::bytesPerGib)
                .orElse(null));
      }
      values.add(null);
      entries.add(Comparison.Entry.of(rival, true, values));
    }
    return Comparison.of("Policy or structure", columns, entries);
  }

  private static TableFootprint worst(Stream<TableFootprint> of) {
    return of.max(Comparator.comparingDouble(TableFootprint::ratio)).orElseThrow();
  }

  private List<String> sentences() {
    List<String> sentences = new ArrayList<>();
    String first = tables.getFirst().policy();
    List<TableFootprint> summed =
        tables.stream().filter(table -> isSummed(table) && table.policy().equals(first)).toList();
    TableFootprint most =
        summed.stream().max(Comparator.comparingLong(FootprintReport::total)).orElseThrow();
    TableFootprint least =
        summed.stream().min(Comparator.comparingLong(FootprintReport::total)).orElseThrow();
    sentences.add(
        "A guest of %s needs between %s (%s shared) and %s (%s shared, %s) of table memory under %s."
            .formatted(
                Numbers.size(guest),
                bytes(total(least)),
                percent(least.shared()),
                bytes(total(most)),
                percent(most.shared()),
                pattern,
                first));
    TableFootprint worst = worst(tables.stream());
    sentences.add(
        "No table takes more than %s times the least that a radix tree can do with: the worst is %s at %s of %s shared, %s."
            .formatted(
                "%.4f".formatted(worst.ratio()),
                worst.policy(),
                percent(worst.shared()),
                Numbers.size(worst.guestMemory()),
                worst.pattern()));
    double share = shares.stream().filter(one -> one > 0).findFirst().orElse(shares.getFirst());
    for (TableFootprint table : summed) {
      rivals.stream()
          .filter(rival -> isSummed(rival) && rival.shared() == share)
          .filter(_ -> table.shared() == share)
          .min(Comparator.comparingLong(RivalFootprint::bytes))
          .ifPresent(rival -> sentences.add(against(table, rival)));
    }
    return sentences;
  }

  private static String against(TableFootprint table, RivalFootprint rival) {
    return "The smallest of the other structures with %s shared, %s, takes %s, and %s takes %s."
        .formatted(
            percent(rival.shared()),
            rival.rival(),
            bytes(rival.bytes()),
            table.policy(),
            bytes(total(table)));
  }

  static long total(TableFootprint table) {
    return table.tableBytes() + table.metadataBytes();
  }

  static String percent(double share) {
    return number(share * 100) + " %";
  }
}
