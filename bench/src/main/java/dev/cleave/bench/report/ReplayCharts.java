package dev.cleave.bench.report;

import dev.cleave.bench.figure.Unit;
import dev.cleave.bench.machine.DeviceKind;
import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.ReplayColumn;
import dev.cleave.bench.replay.ReplayOptions;
import dev.cleave.bench.report.Chart.Axis;
import dev.cleave.bench.report.Chart.Series;
import dev.cleave.bench.report.Chart.Shape;
import dev.cleave.bench.report.Chart.Style;
import dev.cleave.bench.report.Chart.Variant;
import dev.cleave.bench.report.Report.Section;
import dev.cleave.bench.report.SeriesRecorder.Sample;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The charts of a replay. */
final class ReplayCharts {
  private static final Axis EVENTS = new Axis("event", Unit.COUNT, false);

  private final List<RecordedRun> policies;
  private final List<RecordedRun> runs;
  private final boolean hasRmp;
  private final boolean hasDma;
  private final boolean hasNestedTable;
  private final List<DeviceKind> kinds;

  ReplayCharts(List<RecordedRun> policies, List<RecordedRun> runs, ReplayOptions options) {
    this.policies = policies;
    this.runs = runs;
    this.hasRmp = options.followsRmp();
    this.hasDma = options.dmaAccesses() > 0;
    this.hasNestedTable = options.hasNestedTable();
    this.kinds = options.devices().kinds();
  }

  List<Section> sections() {
    List<Section> sections = new ArrayList<>();
    sections.add(
        new Section(
            "Over the events", "What each policy had come to after so many events.", overEvents()));
    sections.add(
        new Section(
            "Time of an event",
            "Taken in a second replay that nothing looks at, in a JVM that has just warmed up.",
            List.of(times())));
    sections.add(
        new Section(
            "Memory by policy",
            "The most of each sort at one time: what a policy costs beside the guest itself.",
            List.of(memory())));
    if (hasDma) {
      sections.add(
          new Section(
              "Devices by kind",
              "What the devices of each kind met under each policy.",
              devices()));
    }
    List<Chart> orders = orders();
    if (!orders.isEmpty()) {
      sections.add(
          new Section(
              "What comes first, table or RMP",
              "Between changing the one and the other, leaves and RMP entries disagree and DMA"
                  + " faults; only atomic, with DMA stalled meanwhile, has no such window.",
              orders));
    }
    if (runs.stream().map(run -> run.result().flush()).distinct().count() > 1) {
      sections.add(
          new Section(
              "What deferring flushes saves",
              "Flushes that no change of the RMP waits for, issued at once or in batches; until"
                  + " then memory that is unmapped stays pinned.",
              deferral()));
    }
    return sections;
  }

  private List<Chart> overEvents() {
    List<Chart> charts = new ArrayList<>();
    charts.add(
        steps(
            "table-bytes",
            "Table memory",
            "Pages in use; a logarithmic axis.",
            new Axis("bytes", Unit.BYTES, true),
            Sample::tableBytes));
    if (hasNestedTable) {
      charts.add(
          steps(
              "nested-table-bytes",
              "Nested table memory",
              "Pages in use by the processors' table; a logarithmic axis.",
              new Axis("bytes", Unit.BYTES, true),
              Sample::nestedBytes));
    }
    if (hasRmp) {
      charts.add(
          steps(
              "mixed-regions",
              "Mixed regions",
              "Regions of 2 MiB where only smaller leaves are legal.",
              new Axis("regions", Unit.COUNT, false),
              Sample::mixedRegions));
    }
    charts.add(
        steps(
            "stores",
            "Stores",
            "Entries written so far.",
            new Axis("entries", Unit.COUNT, false),
            Sample::stores));
    charts.add(
        steps(
            "flushes",
            "Flushes",
            "Flush commands so far.",
            new Axis("commands", Unit.COUNT, false),
            Sample::flushes));
    charts.add(
        steps(
            "mapped-bytes",
            "Mapped",
            "What the IOMMU tables map, each page as often as they map it; a logarithmic axis.",
            new Axis("bytes", Unit.BYTES, true),
            Sample::mappedBytes));
    charts.add(
        steps(
            "pinned-bytes",
            "Pinned",
            "Memory that is pinned because devices can reach it; a logarithmic axis.",
            new Axis("bytes", Unit.BYTES, true),
            Sample::pinnedBytes));
    if (hasSharedBacking()) {
      charts.add(
          steps(
              "backing-bytes",
              "Shared backing",
              "Memory that lies in the shared backing, beside the guest's private memory; a"
                  + " logarithmic axis.",
              new Axis("bytes", Unit.BYTES, true),
              Sample::backingBytes));
    }
    if (hasRmp) {
      charts.add(
          steps(
              "rmp-windows",
              "RMP faults",
              "Times so far that leaves and RMP of a region disagreed during an event.",
              new Axis("windows", Unit.COUNT, false),
              Sample::rmpFaults));
    }
    if (hasDma) {
      charts.add(
          steps(
              "iotlb-hits",
              "IOTLB hit rate",
              "Of the devices' accesses since the last point.",
              new Axis("hits", Unit.PART, false),
              Sample::hitRate));
      charts.add(
          steps(
              "dma-faults",
              "DMA refused",
              "Accesses so far that table or RMP refused.",
              new Axis("accesses", Unit.COUNT, false),
              Sample::dmaFaults));
    }
    return charts;
  }

  private boolean hasSharedBacking() {
    return policies.stream()
        .flatMap(run -> run.recorder().samples().stream())
        .anyMatch(sample -> sample.backingBytes() > 0);
  }

  private Chart steps(
      String id, String title, String note, Axis up, Function<Sample, @Nullable Number> figure) {
    List<Integer> places =
        policies.stream()
            .map(run -> run.recorder().samples().stream().map(Sample::event).toList())
            .max((a, b) -> a.size() - b.size())
            .orElseThrow();
    List<Series> series = new ArrayList<>();
    for (RecordedRun run : policies) {
      series.add(
          new Series(
              run.policy(), Style.SOLID, run.recorder().samples().stream().map(figure).toList()));
    }
    return new Chart(
        id,
        title,
        note,
        Shape.STEPS,
        EVENTS,
        up,
        null,
        List.of(new Variant("", null, places, series)));
  }

  private Chart times() {
    List<Series> series = new ArrayList<>();
    for (RecordedRun run : policies) {
      series.add(new Series(run.policy(), Style.SOLID, run.recorder().nanosAtPercentiles()));
    }
    return new Chart(
        "event-times",
        "Distribution of the time per event",
        "At each percentile the time that so many of all events stayed within.",
        Shape.STEPS,
        new Axis("percentile", Unit.PERCENTILE, false),
        new Axis("time", Unit.NANOS, true),
        null,
        List.of(new Variant("", null, RunRecorder.PERCENTILES, series)));
  }

  private Chart memory() {
    List<Series> series = new ArrayList<>();
    for (ReplayColumn column :
        List.of(
            ReplayColumn.MAPPED_BYTES_PEAK,
            ReplayColumn.PINNED_BYTES_PEAK,
            ReplayColumn.BACKING_BYTES_PEAK,
            ReplayColumn.TABLE_BYTES_PEAK)) {
      series.add(
          new Series(
              Objects.requireNonNull(column.title()),
              Style.SOLID,
              policies.stream().map(run -> run.result().get(column)).toList()));
    }
    return new Chart(
        "memory-by-policy",
        "Mapped, pinned, backing, tables",
        "Peaks; a logarithmic axis.",
        Shape.BARS,
        new Axis("policy", Unit.COUNT, false),
        new Axis("bytes", Unit.BYTES, true),
        null,
        List.of(
            new Variant("", policies.stream().map(RecordedRun::policy).toList(), null, series)));
  }

  private List<Chart> devices() {
    return List.of(
        ofKinds(
            "kind-hits",
            "IOTLB hit rate",
            "Of the accesses between events.",
            new Axis("hits", Unit.PART, false),
            ReplayColumn.DMA_IOTLB_HITS),
        ofKinds(
            "kind-refused",
            "DMA refused",
            "Accesses to pages of a device's own that table or RMP refused: in windows, unless"
                + " something is wrong.",
            new Axis("accesses", Unit.COUNT, false),
            ReplayColumn.DMA_REFUSED),
        ofKinds(
            "kind-table-bytes",
            "Table memory",
            "Tables that requests of these devices can walk, at the end; a logarithmic axis.",
            new Axis("bytes", Unit.BYTES, true),
            ReplayColumn.TABLE_BYTES_END));
  }

  /** A bar for the devices of each kind, none where a policy gives them nothing. */
  private Chart ofKinds(String id, String title, String note, Axis up, ReplayColumn figure) {
    List<Series> series = new ArrayList<>();
    for (DeviceKind kind : kinds) {
      List<@Nullable Number> values = new ArrayList<>();
      for (RecordedRun run : policies) {
        values.add(
            run.result().devices().stream()
                .filter(devices -> devices.met().kind() == kind)
                .filter(devices -> devices.met().counts().accesses() > 0)
                .findFirst()
                .map(figure::shown)
                .orElse(null));
      }
      series.add(new Series(kind.word(), Style.SOLID, values));
    }
    return new Chart(
        id,
        title,
        note,
        Shape.BARS,
        new Axis("policy", Unit.COUNT, false),
        up,
        null,
        List.of(
            new Variant("", policies.stream().map(RecordedRun::policy).toList(), null, series)));
  }

  private List<Chart> orders() {
    List<PolicyResult> ordered =
        runs.stream().map(RecordedRun::result).filter(result -> result.order() != null).toList();
    if (ordered.isEmpty()) {
      return List.of();
    }
    List<Chart> charts = new ArrayList<>();
    charts.add(
        bars(
            "order-windows",
            "RMP faults",
            "Times that leaves and RMP of a region disagreed.",
            new Axis("windows", Unit.COUNT, false),
            ordered,
            PolicyResult::order,
            ReplayColumn.RMP_FAULTS));
    if (hasDma) {
      charts.add(
          bars(
              "order-faults",
              "DMA refused",
              "Accesses that table or RMP refused.",
              new Axis("accesses", Unit.COUNT, false),
              ordered,
              PolicyResult::order,
              ReplayColumn.DMA_REFUSED));
      charts.add(
          bars(
              "order-stalls",
              "DMA stalled",
              "Time that all devices were kept waiting.",
              new Axis("time", Unit.NANOS, false),
              ordered,
              PolicyResult::order,
              ReplayColumn.DMA_STALL_NS));
    }
    return charts;
  }

  /** Each policy's figures with its flushes at once and deferred, in its first order. */
  private List<Chart> deferral() {
    List<PolicyResult> results = runs.stream().map(RecordedRun::result).toList();
    List<Chart> charts = new ArrayList<>();
    charts.add(
        bars(
            "deferral-flushes",
            "Flush commands",
            "All that were issued.",
            new Axis("commands", Unit.COUNT, false),
            results,
            PolicyResult::flush,
            ReplayColumn.FLUSHES));
    charts.add(
        bars(
            "deferral-waits",
            "Waits for a flush",
            "Times that the completion of flush commands was waited for.",
            new Axis("waits", Unit.COUNT, false),
            results,
            PolicyResult::flush,
            ReplayColumn.FLUSH_WAITS));
    charts.add(
        bars(
            "deferral-pinned",
            "Pinned memory",
            "The most, with what is unmapped and not yet flushed.",
            new Axis("bytes", Unit.BYTES, false),
            results,
            PolicyResult::flush,
            ReplayColumn.PINNED_BYTES_PEAK));
    if (hasDma) {
      charts.add(
          bars(
              "deferral-hits",
              "IOTLB hit rate",
              "Accesses that the IOTLB answered; a batch drops more than what was unmapped.",
              new Axis("hits", Unit.PART, false),
              results,
              PolicyResult::flush,
              ReplayColumn.DMA_IOTLB_HITS));
    }
    return charts;
  }

  private static Chart bars(
      String id,
      String title,
      String note,
      Axis up,
      List<PolicyResult> results,
      Function<PolicyResult, @Nullable String> kind,
      ReplayColumn figure) {
    List<String> policies = results.stream().map(PolicyResult::policy).distinct().toList();
    List<Series> series = new ArrayList<>();
    for (String one : results.stream().map(kind).distinct().toList()) {
      List<@Nullable Number> values = new ArrayList<>();
      for (String policy : policies) {
        values.add(
            results.stream()
                .filter(run -> run.policy().equals(policy) && one.equals(kind.apply(run)))
                .findFirst()
                .map(figure::shown)
                .orElse(null));
      }
      series.add(new Series(one, Style.SOLID, values));
    }
    return new Chart(
        id,
        title,
        note,
        Shape.BARS,
        new Axis("policy", Unit.COUNT, false),
        up,
        null,
        List.of(new Variant("", policies, null, series)));
  }
}
