package dev.cleave.bench.report;

import dev.cleave.bench.jmh.Machine;
import dev.cleave.bench.machine.DmaResult;
import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.ReplayOptions;
import dev.cleave.bench.replay.TableResult;
import dev.cleave.bench.report.Comparison.Better;
import dev.cleave.bench.report.Comparison.Column;
import dev.cleave.bench.trace.TraceEvent;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
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
   * @param input what was replayed, for a person
   * @param command what was called
   */
  public static Report of(
      List<TraceEvent> events,
      ReplayOptions options,
      List<RecordedRun> runs,
      Map<String, ?> input,
      String command) {
    return new ReplayReport(events, options, runs).report(input, command);
  }

  private Report report(Map<String, ?> input, String command) {
    List<PolicyResult> complete =
        policies.stream().map(RecordedRun::result).filter(this::isComplete).toList();
    ReplayCharts charts = new ReplayCharts(policies, runs, options);
    return new Report(
        "Cleave replay",
        options.followsRmp()
            ? "How should the IOMMU table of this guest follow its reverse map (RMP)?"
            : "What does this log of mappings cost under each policy?",
        complete.isEmpty() ? List.of() : new ReplayFindings(complete, options).sentences(),
        comparison(),
        input,
        Machine.describe(),
        command,
        MemoryMap.of(events, options.followsRmp() ? options.guestBytes() : 0, layers()),
        charts.sections());
  }

  private boolean isComplete(PolicyResult result) {
    return result.events() == events.size();
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
    List<Column> columns = new ArrayList<>();
    columns.add(neither("Events", "events", "Events that were tried."));
    columns.add(low("Failed", "failed", Unit.COUNT, "Events that were refused."));
    columns.add(low("Splits", "splits", Unit.COUNT, "Leaves replaced by smaller ones."));
    columns.add(low("Merges", "merges", Unit.COUNT, "Leaves made of smaller ones."));
    columns.add(low("Stores", "stores", Unit.COUNT, "Entries written."));
    columns.add(low("Flushes", "flushes", Unit.COUNT, "Flush commands."));
    columns.add(low("Flushed", "flushedBytes", Unit.BYTES, "Bytes that flush commands named."));
    columns.add(
        low(
            "Gaps",
            "gapBytes",
            Unit.BYTES,
            "Bytes that should have stayed mapped but did not translate for a moment."));
    columns.add(
        low(
            "RMP windows",
            "rmpFaults",
            Unit.COUNT,
            "Times that leaves and RMP of a region disagreed during an event: DMA would fault."));
    columns.add(
        low("Illegal", "illegalLeaves", Unit.COUNT, "Leaves at the end that the RMP forbids."));
    columns.add(
        low(
            "Table peak",
            "tableBytesPeak",
            Unit.BYTES,
            "The most table memory in use, pages that wait for a flush included."));
    columns.add(low("Table end", "tableBytesEnd", Unit.BYTES, "Table memory in use at the end."));
    if (options.dmaAccesses() > 0) {
      columns.add(
          new Column(
              "IOTLB hits",
              "dma.iotlbHits",
              Unit.PART,
              Better.HIGH,
              "Accesses of devices that the IOTLB answered."));
      columns.add(
          low(
              "DMA refused",
              "dma.translationFaults",
              Unit.COUNT,
              "Accesses of devices that table or RMP refused."));
      columns.add(
          low(
              "Wrong data",
              "dma.wrongData",
              Unit.COUNT,
              "Accesses that reached another page's data, or no memory."));
    }
    columns.add(low("p50", "nsP50", Unit.NANOS, "Median time of an event."));
    columns.add(low("p99", "nsP99", Unit.NANOS, "99th percentile of the time of an event."));
    columns.add(low("Longest", "nsMax", Unit.NANOS, "The longest event."));
    columns.add(low("Total", "nsTotal", Unit.NANOS, "All events together."));
    List<Comparison.Entry> entries = new ArrayList<>();
    for (RecordedRun run : policies) {
      PolicyResult result = run.result();
      entries.add(Comparison.Entry.of(result.policy(), isComplete(result), figures(result)));
      for (TableResult table : result.tables().subList(1, result.tables().size())) {
        entries.add(
            Comparison.Entry.of(
                result.policy() + ", " + table.table(), false, figures(table, columns.size())));
      }
    }
    return Comparison.of("Policy", columns, entries);
  }

  private static Column low(String name, String key, Unit unit, String note) {
    return new Column(name, key, unit, Better.LOW, note);
  }

  private static Column neither(String name, String key, String note) {
    return new Column(name, key, Unit.COUNT, Better.NEITHER, note);
  }

  /** One for each column: what is a further table's own, and nothing where only events count. */
  private static List<@Nullable Number> figures(TableResult table, int columns) {
    List<@Nullable Number> figures = new ArrayList<>();
    figures.add(null);
    figures.add(null);
    figures.addAll(
        List.of(
            table.splits(),
            table.merges(),
            table.stores(),
            table.flushes(),
            table.flushedBytes(),
            table.gapBytes(),
            table.rmpFaults(),
            table.illegalLeaves(),
            table.tableBytesPeak(),
            table.tableBytesEnd()));
    figures.addAll(Collections.nCopies(columns - figures.size(), null));
    return figures;
  }

  /** One for each column. */
  private static List<@Nullable Number> figures(PolicyResult result) {
    List<@Nullable Number> figures =
        new ArrayList<>(
            List.of(
                result.events(),
                result.failed(),
                result.splits(),
                result.merges(),
                result.stores(),
                result.flushes(),
                result.flushedBytes(),
                result.gapBytes(),
                result.rmpFaults(),
                result.illegalLeaves(),
                result.tableBytesPeak(),
                result.tableBytesEnd()));
    DmaResult dma = result.dma();
    if (dma != null) {
      figures.add(dma.accesses() == 0 ? null : (double) dma.iotlbHits() / dma.accesses());
      figures.add(dma.translationFaults() + dma.rmpFaults());
      figures.add(dma.wrongData());
    }
    figures.addAll(List.of(result.nsP50(), result.nsP99(), result.nsMax(), result.nsTotal()));
    return figures;
  }
}
