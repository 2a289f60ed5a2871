package dev.cleave.bench.report;

import dev.cleave.bench.machine.DeviceKind;
import dev.cleave.bench.provenance.Provenance;
import dev.cleave.bench.replay.DeviceResult;
import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.ReplayColumn;
import dev.cleave.bench.replay.ReplayOptions;
import dev.cleave.bench.replay.TableResult;
import dev.cleave.bench.report.Comparison.Column;
import dev.cleave.bench.trace.TraceEvent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What a report shows of a replay. */
public final class ReplayReport {
  private final List<TraceEvent> events;
  private final ReplayOptions options;
  private final List<RecordedRun> runs;

  /** The first run of each policy: its other orders differ from it only during an event. */
  private final List<RecordedRun> policies;

  private ReplayReport(List<TraceEvent> events, ReplayOptions options, List<RecordedRun> runs) {
    this.events = events;
    this.options = options;
    this.runs = runs;
    this.policies = new ArrayList<>();
    for (RecordedRun run : runs) {
      if (policies.stream().noneMatch(other -> other.policy().equals(run.policy()))) {
        policies.add(run);
      }
    }
  }

  /**
   * Puts a report together.
   *
   * @param events what was replayed
   * @param options how
   * @param runs one for each policy and order, at least one; fewer, and the last not to its end, if
   *     the replay was interrupted
   * @param warnings what a person has to know, in sentences without their full stops
   * @param input what was replayed, for a person
   * @param provenance where it comes from
   */
  public static Report of(
      List<TraceEvent> events,
      ReplayOptions options,
      List<RecordedRun> runs,
      List<String> warnings,
      Map<String, ?> input,
      Provenance provenance) {
    return new ReplayReport(events, options, runs).report(warnings, input, provenance);
  }

  private Report report(List<String> warnings, Map<String, ?> input, Provenance provenance) {
    List<PolicyResult> complete =
        policies.stream().map(RecordedRun::result).filter(this::isComplete).toList();
    List<String> findings = new ArrayList<>();
    warnings.forEach(warning -> findings.add("Warning: " + warning + "."));
    if (!complete.isEmpty()) {
      List<PolicyResult> all =
          runs.stream().map(RecordedRun::result).filter(this::isComplete).toList();
      findings.addAll(new ReplayFindings(complete, all, options).sentences());
    }
    ReplayCharts charts = new ReplayCharts(policies, runs, options);
    return new Report(
        "Cleave replay",
        options.followsRmp()
            ? "How should the IOMMU table of this guest follow its reverse map (RMP)?"
            : "What does this log of mappings cost under each policy?",
        findings,
        comparison(),
        options.dmaAccesses() > 0 ? devices() : null,
        input,
        provenance,
        MemoryMap.of(events, options.followsRmp() ? options.guestBytes() : 0, layers()),
        charts.sections());
  }

  private boolean isComplete(PolicyResult result) {
    return result.get(ReplayColumn.EVENTS) == events.size();
  }

  private List<MemoryMap.Layer> layers() {
    List<MemoryMap.Layer> layers = new ArrayList<>();
    for (RecordedRun run : policies) {
      MapRecorder map = run.recorder().map();
      if (map != null) {
        layers.add(new MemoryMap.Layer(run.policy(), map.steps(), map.text()));
      }
    }
    return layers;
  }

  private Comparison comparison() {
    List<ReplayColumn> columns =
        Arrays.stream(ReplayColumn.values())
            .filter(column -> column.title() != null)
            .filter(column -> !column.isOfDevices() || options.dmaAccesses() > 0)
            .toList();
    List<Comparison.Entry> entries = new ArrayList<>();
    for (RecordedRun run : policies) {
      PolicyResult result = run.result();
      entries.add(entry(result.policy(), isComplete(result), columns, one -> one.shown(result)));
      for (TableResult table : result.tables().subList(1, result.tables().size())) {
        String name = result.policy() + ", " + table.table();
        entries.add(entry(name, false, columns, one -> one.shown(table)));
      }
    }
    return Comparison.of("Policy", columns.stream().map(ReplayReport::column).toList(), entries);
  }

  /** The devices of each kind under each policy; those of one kind compete. */
  private Comparison devices() {
    List<ReplayColumn> columns =
        Arrays.stream(ReplayColumn.values())
            .filter(ReplayColumn::isOfKind)
            .filter(column -> column.heading() != null)
            .sorted(Comparator.comparing(column -> !column.isOfDevices()))
            .toList();
    List<Comparison.Row> rows = new ArrayList<>();
    List<Column> shown = columns.stream().map(ReplayReport::kindColumn).toList();
    for (DeviceKind kind : options.devices().kinds()) {
      List<Comparison.Entry> entries = new ArrayList<>();
      for (RecordedRun run : policies) {
        run.result().devices().stream()
            .filter(devices -> devices.met().kind() == kind)
            .forEach(devices ->
                entries.add(
                    entry(
                        run.policy() + ", " + told(devices),
                        isComplete(run.result()) && devices.met().isServed(),
                        columns,
                        column -> column.shown(devices))));
      }
      rows.addAll(Comparison.of("Devices", shown, entries).rows());
    }
    return new Comparison("Devices", "best of its kind in its column", shown, rows);
  }

  /** The kind, and what it lacks. */
  private static String told(DeviceResult devices) {
    return devices.kind()
        + (devices.met().isServed() ? "" : " (pages it gets: " + devices.pages() + ")");
  }

  private static Column kindColumn(ReplayColumn column) {
    String heading = Objects.requireNonNull(column.heading());
    return new Column(
        heading.substring(0, 1).toUpperCase(Locale.ROOT) + heading.substring(1),
        column.key(),
        column.unit(),
        column.better(),
        column.note());
  }

  private static Column column(ReplayColumn column) {
    return new Column(column.title(), column.key(), column.unit(), column.better(), column.note());
  }

  private static Comparison.Entry entry(
      String name,
      boolean competes,
      List<ReplayColumn> columns,
      Function<ReplayColumn, @Nullable Number> figure) {
    List<@Nullable Number> figures = new ArrayList<>();
    columns.forEach(column -> figures.add(figure.apply(column)));
    return Comparison.Entry.of(name, competes, figures);
  }
}
