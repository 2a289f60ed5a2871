package dev.cleave.bench.report;

import static dev.cleave.bench.report.FootprintReport.percent;
import static dev.cleave.bench.report.FootprintReport.total;

import dev.cleave.bench.figure.Unit;
import dev.cleave.bench.footprint.RivalFootprint;
import dev.cleave.bench.footprint.TableFootprint;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.replay.Policy;
import dev.cleave.bench.report.Chart.Axis;
import dev.cleave.bench.report.Chart.Series;
import dev.cleave.bench.report.Chart.Shape;
import dev.cleave.bench.report.Chart.Style;
import dev.cleave.bench.report.Chart.Variant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedSet;
import org.jspecify.annotations.Nullable;

/** The curves of footprints. */
final class FootprintCharts {
  private static final Axis BYTES = new Axis("table memory", Unit.BYTES, true);

  private final List<Point> points = new ArrayList<>();

  /** Tables, minima and rivals, alike. */
  private record Point(
      String pattern, long guest, double shared, String name, Style style, long bytes) {}

  private final List<TableFootprint> tables;

  /** What devices can reach under each policy. */
  private final List<Point> pinned = new ArrayList<>();

  FootprintCharts(List<TableFootprint> tables, List<RivalFootprint> rivals) {
    this.tables = tables;
    for (TableFootprint table : tables) {
      add(table, table.policy(), Style.SOLID, total(table));
      pinned.add(
          new Point(
              table.pattern(),
              table.guestMemory(),
              table.shared(),
              table.policy(),
              Style.SOLID,
              table.pinnedBytes()));
    }
    for (TableFootprint table : tables) {
      Policy policy = Policy.of(table.policy());
      String name =
          (policy.hasSmallLeaves() ? "minimum of 4K leaves" : "minimum")
              + (!policy.isSharedBacked() ? "" : policy == Policy.STATIC ? ", static" : ", shared");
      add(table, name, Style.DASHED, table.minimumBytes());
    }
    for (RivalFootprint rival : rivals) {
      points.add(
          new Point(
              rival.pattern(),
              rival.guestMemory(),
              rival.shared(),
              rival.rival(),
              Style.DOTTED,
              rival.bytes()));
    }
  }

  private void add(TableFootprint table, String name, Style style, long bytes) {
    points.add(new Point(table.pattern(), table.guestMemory(), table.shared(), name, style, bytes));
  }

  List<Report.Section> sections() {
    String text =
        "Pages and what is kept beside them to manage them; dashed, the least that a radix tree can"
            + " do with; dotted, other structures, which know no leaf sizes.";
    return List.of(
        new Report.Section(
            "Table memory",
            text,
            List.of(
                byShare("bytes-by-share", "Against the shared fraction", BYTES, points),
                byGuest(),
                ratios())),
        new Report.Section(
            "Pinned memory",
            "What devices can reach must stay where it is: all of the guest, or its shared pages"
                + " alone.",
            List.of(
                byShare(
                    "pinned-by-share",
                    "Pinned, against the shared fraction",
                    new Axis("pinned", Unit.BYTES, true),
                    pinned))));
  }

  private static Chart byShare(String id, String title, Axis up, List<Point> of) {
    Map<String, List<Point>> variants = new LinkedHashMap<>();
    for (Point point : of) {
      variants
          .computeIfAbsent(
              point.pattern + ", guest of " + Numbers.size(point.guest), _ -> new ArrayList<>())
          .add(point);
    }
    List<Variant> all = new ArrayList<>();
    variants.forEach((name, some) -> {
      SequencedSet<Double> shares = new LinkedHashSet<>(some.stream().map(Point::shared).toList());
      all.add(
          new Variant(
              name,
              shares.stream().map(FootprintReport::percent).toList(),
              null,
              series(some, shares, Point::shared)));
    });
    return new Chart(
        id,
        title,
        "Logarithmic upwards.",
        Shape.LINES,
        new Axis("shared", Unit.PART, false),
        up,
        null,
        all);
  }

  private Chart byGuest() {
    Map<String, List<Point>> variants = new LinkedHashMap<>();
    for (Point point : points) {
      variants
          .computeIfAbsent(
              point.pattern + ", " + percent(point.shared) + " shared", _ -> new ArrayList<>())
          .add(point);
    }
    List<Variant> all = new ArrayList<>();
    variants.forEach((name, some) -> {
      SequencedSet<Double> guests =
          new LinkedHashSet<>(some.stream().map(point -> (double) point.guest).sorted().toList());
      all.add(
          new Variant(
              name,
              null,
              List.copyOf(guests),
              series(some, guests, point -> (double) point.guest)));
    });
    return new Chart(
        "bytes-by-guest",
        "Against the guest's size",
        "Both axes logarithmic.",
        Shape.LINES,
        new Axis("guest memory", Unit.BYTES, true),
        BYTES,
        null,
        all);
  }

  private interface Place {
    double of(Point point);
  }

  private static List<Series> series(List<Point> points, SequencedSet<Double> places, Place place) {
    List<Series> series = new ArrayList<>();
    for (String name : points.stream().map(Point::name).distinct().toList()) {
      List<Point> own = points.stream().filter(point -> point.name.equals(name)).toList();
      List<@Nullable Long> values = new ArrayList<>();
      for (double at : places) {
        values.add(
            own.stream()
                .filter(point -> place.of(point) == at)
                .findFirst()
                .map(Point::bytes)
                .orElse(null));
      }
      series.add(new Series(name, own.getFirst().style, values));
    }
    return series;
  }

  private Chart ratios() {
    List<Variant> all = new ArrayList<>();
    for (String pattern : tables.stream().map(TableFootprint::pattern).distinct().toList()) {
      List<TableFootprint> some =
          tables.stream().filter(table -> table.pattern().equals(pattern)).toList();
      List<String> names = some.stream().map(FootprintCharts::guestAndShare).distinct().toList();
      List<Series> series = new ArrayList<>();
      for (String policy : some.stream().map(TableFootprint::policy).distinct().toList()) {
        List<@Nullable Double> values = new ArrayList<>();
        for (String name : names) {
          values.add(
              some.stream()
                  .filter(table -> table.policy().equals(policy))
                  .filter(table -> guestAndShare(table).equals(name))
                  .findFirst()
                  .map(TableFootprint::ratio)
                  .orElse(null));
        }
        series.add(new Series(policy, Style.SOLID, values));
      }
      all.add(new Variant(pattern, names, null, series));
    }
    return new Chart(
        "ratio",
        "Times the minimum",
        "Pages and metadata to the pages that a radix tree cannot do without.",
        Shape.LINES,
        new Axis("guest and share", Unit.COUNT, false),
        new Axis("ratio", Unit.RATIO, false),
        null,
        all);
  }

  private static String guestAndShare(TableFootprint table) {
    return Numbers.size(table.guestMemory()) + ", " + percent(table.shared());
  }
}
