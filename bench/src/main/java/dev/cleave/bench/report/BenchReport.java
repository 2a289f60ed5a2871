package dev.cleave.bench.report;

import static dev.cleave.bench.report.Wording.number;

import dev.cleave.bench.figure.Better;
import dev.cleave.bench.figure.Unit;
import dev.cleave.bench.jmh.PairResult;
import dev.cleave.bench.provenance.Provenance;
import dev.cleave.bench.report.Chart.Axis;
import dev.cleave.bench.report.Chart.Series;
import dev.cleave.bench.report.Chart.Shape;
import dev.cleave.bench.report.Chart.Style;
import dev.cleave.bench.report.Chart.Variant;
import dev.cleave.bench.report.Comparison.Cell;
import dev.cleave.bench.report.Comparison.Column;
import dev.cleave.bench.report.Comparison.Row;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a report shows of benchmarks. */
public final class BenchReport {
  private static final String NANOS = "ns";

  private BenchReport() {}

  /**
   * Puts a report together.
   *
   * @param pairs how each comparison ended; at least one
   * @param input what was asked for
   * @param provenance where it comes from
   */
  public static Report of(List<PairResult> pairs, Map<String, ?> input, Provenance provenance) {
    List<PairResult> limited = pairs.stream().filter(pair -> pair.limit() > 0).toList();
    List<PairResult> timed = pairs.stream().filter(pair -> pair.unit().equals(NANOS)).toList();
    return new Report(
        "Cleave bench",
        "How fast is the engine beside other ways of doing the same?",
        sentences(pairs, limited),
        comparison(pairs),
        input,
        provenance,
        null,
        List.of(
            new Report.Section(
                "Pairs and their limits",
                "The ratio of the two times as a part of the largest that is good enough: what ends"
                    + " before the line is within its limit.",
                List.of(ratios(limited))),
            new Report.Section("Times", "Medians of both sides.", List.of(times(timed)))));
  }

  private static Comparison comparison(List<PairResult> pairs) {
    List<Column> columns =
        List.of(
            column("Work", "ns", Unit.COUNT, "Median of the work, in the unit of the row."),
            column("Against", "againstNs", Unit.COUNT, "Median of what it is compared with."),
            column("Ratio", "ratio", Unit.RATIO, "Of the two; where the other is 0, the work."),
            column("Error", "error", Unit.RATIO, "Half the ratio's 95% confidence interval."),
            column("Limit", "limit", Unit.RATIO, "The largest ratio that is good enough."));
    return new Comparison(
        "Pair", "within its limit", columns, pairs.stream().map(BenchReport::row).toList());
  }

  private static Column column(String name, String key, Unit unit, String note) {
    return new Column(name, key, unit, Better.NEITHER, note);
  }

  private static Row row(PairResult pair) {
    return new Row(
        "%s (%s)".formatted(name(pair), pair.unit()),
        List.of(
            new Cell(finite(pair.ns()), false),
            new Cell(finite(pair.againstNs()), false),
            new Cell(finite(pair.ratio()), pair.isReached()),
            new Cell(finite(pair.error()), false),
            new Cell(pair.limit(), false)));
  }

  /** Too few iterations have no error, and nothing in no time has no ratio. */
  private static @Nullable Double finite(double value) {
    return Double.isFinite(value) ? value : null;
  }

  private static String name(PairResult pair) {
    return pair.work() + " / " + pair.against();
  }

  private static List<String> sentences(List<PairResult> pairs, List<PairResult> limited) {
    long reached = pairs.stream().filter(PairResult::isReached).count();
    Comparator<PairResult> byRatio = Comparator.comparingDouble(BenchReport::partOfLimit);
    PairResult best = limited.stream().min(byRatio).orElseThrow();
    PairResult worst = limited.stream().max(byRatio).orElseThrow();
    return List.of(
        "%d of %d pairs are within their limits.".formatted(reached, pairs.size()),
        "The most room is left by \"%s\": %s times, where %s is good enough."
            .formatted(name(best), number(best.ratio()), number(best.limit())),
        "%s \"%s\": %s times, where %s is good enough."
            .formatted(
                worst.isReached() ? "The least is left by" : "Furthest above its limit is",
                name(worst),
                number(worst.ratio()),
                number(worst.limit())));
  }

  private static double partOfLimit(PairResult pair) {
    return pair.ratio() / pair.limit();
  }

  private static Chart ratios(List<PairResult> pairs) {
    Series ratios =
        new Series(
            "ratio, part of the limit",
            Style.SOLID,
            pairs.stream().map(pair -> finite(partOfLimit(pair))).toList(),
            pairs.stream().map(pair -> finite(pair.error() / pair.limit())).toList());
    return new Chart(
        "pairs",
        "Ratio to the limit",
        "With the 95% confidence interval.",
        Shape.LYING_BARS,
        new Axis("pair", Unit.COUNT, false),
        new Axis("part of the limit", Unit.PART, false),
        1.0,
        List.of(new Variant("", names(pairs), null, List.of(ratios))));
  }

  private static Chart times(List<PairResult> pairs) {
    Series work = new Series("work", Style.SOLID, pairs.stream().map(PairResult::ns).toList());
    Series against =
        new Series("against", Style.SOLID, pairs.stream().map(PairResult::againstNs).toList());
    return new Chart(
        "times",
        "Time of one operation",
        "A logarithmic axis.",
        Shape.LYING_BARS,
        new Axis("pair", Unit.COUNT, false),
        new Axis("time", Unit.NANOS, true),
        null,
        List.of(new Variant("", names(pairs), null, List.of(work, against))));
  }

  private static List<String> names(List<PairResult> pairs) {
    return pairs.stream().map(BenchReport::name).toList();
  }
}
