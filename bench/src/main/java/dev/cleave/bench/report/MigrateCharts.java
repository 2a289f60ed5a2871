package dev.cleave.bench.report;

import dev.cleave.bench.figure.Unit;
import dev.cleave.bench.migrate.Load;
import dev.cleave.bench.migrate.MigrationResult;
import dev.cleave.bench.migrate.Pass;
import dev.cleave.bench.report.Chart.Axis;
import dev.cleave.bench.report.Chart.Series;
import dev.cleave.bench.report.Chart.Shape;
import dev.cleave.bench.report.Chart.Style;
import dev.cleave.bench.report.Chart.Variant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** The curves of migrations: pass by pass, a line for each strategy. */
final class MigrateCharts {
  private static final long PAGE_BYTES = 4096;

  private final List<MigrationResult> results;

  MigrateCharts(List<MigrationResult> results) {
    this.results = results;
  }

  List<Report.Section> sections() {
    return List.of(
        new Report.Section(
            "Pass by pass",
            "Solid, without an RMP; dashed, with one. The last pass of each is sent while devices"
                + " stand still.",
            List.of(
                chart(
                    "dirty-pages",
                    "Reported dirty",
                    "Bytes of the pages that the read behind a pass reported: what the next pass"
                        + " sends. Logarithmic upwards.",
                    new Axis("dirty", Unit.BYTES, true),
                    pass -> pass.number() == 0 ? null : pass.reportedPages() * PAGE_BYTES),
                chart(
                    "sent",
                    "Sent",
                    "Bytes that a pass sent. Logarithmic upwards.",
                    new Axis("sent", Unit.BYTES, true),
                    pass -> pass.number() == 0 ? null : pass.sentPages() * PAGE_BYTES),
                chart(
                    "iotlb-hits",
                    "IOTLB hits",
                    "The part of the accesses during a pass that the IOTLB answered.",
                    new Axis("IOTLB hits", Unit.PART, false),
                    pass ->
                        pass.accesses() == 0 ? null : (double) pass.iotlbHits() / pass.accesses()),
                chart(
                    "table-bytes",
                    "Table memory",
                    "In use at the end of a pass. Logarithmic upwards.",
                    new Axis("table memory", Unit.BYTES, true),
                    Pass::tableBytes),
                chart(
                    "flushes",
                    "Flush commands",
                    "Invalidations behind a pass.",
                    new Axis("commands", Unit.COUNT, false),
                    Pass::flushCommands),
                chart(
                    "engine",
                    "Time of the engine",
                    "Read and clear, split and merge, complete. Logarithmic upwards.",
                    new Axis("time", Unit.NANOS, true),
                    Pass::engineNanos))));
  }

  private Chart chart(
      String id,
      String title,
      String note,
      Axis up,
      Function<Pass, ? extends @Nullable Number> figure) {
    List<Variant> variants = new ArrayList<>();
    for (Load load : results.stream().map(MigrationResult::load).distinct().toList()) {
      List<MigrationResult> of =
          results.stream().filter(result -> result.load().equals(load)).toList();
      int most = of.stream().mapToInt(result -> result.passes().getLast().number()).max().orElse(0);
      List<Integer> places = IntStream.rangeClosed(0, most).boxed().toList();
      variants.add(
          new Variant(
              load.pattern().word(),
              null,
              places,
              of.stream().map(result -> series(result, most, figure)).toList()));
    }
    return new Chart(
        id, title, note, Shape.LINES, new Axis("pass", Unit.COUNT, false), up, null, variants);
  }

  private static Series series(
      MigrationResult result, int most, Function<Pass, ? extends @Nullable Number> figure) {
    List<@Nullable Number> values = new ArrayList<>();
    for (int number = 0; number <= most; number++) {
      int wanted = number;
      values.add(
          result.passes().stream()
              .filter(pass -> pass.number() == wanted)
              .findFirst()
              .map(pass -> (Number) figure.apply(pass))
              .orElse(null));
    }
    return new Series(result.name(), result.hasRmp() ? Style.DASHED : Style.SOLID, values);
  }
}
