package dev.cleave.bench.cli;

import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.machine.DeviceKind;
import dev.cleave.bench.machine.WindowCounts;
import dev.cleave.bench.replay.DeviceResult;
import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.ReplayColumn;
import dev.cleave.bench.replay.ReplayOptions;
import dev.cleave.bench.replay.SpaceResult;
import dev.cleave.bench.replay.TableResult;
import dev.cleave.bench.trace.AddressSpace;
import dev.cleave.bench.trace.Source;
import dev.cleave.bench.trace.Trace;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;

/** A replay as JSON. */
final class ReplayJson {
  private ReplayJson() {}

  static Map<String, Object> of(
      Trace trace,
      ReplayOptions options,
      List<String> flushes,
      List<PolicyResult> results,
      List<String> warnings) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("input", input(trace, options, flushes));
    json.put("warnings", warnings);
    json.put("policies", results.stream().map(ReplayJson::policy).toList());
    return json;
  }

  private static Map<String, Object> policy(PolicyResult result) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("policy", result.policy());
    json.put("order", result.order());
    json.put("flush", result.flush());
    put(json, column -> !column.isOfDevices(), result::get);
    Map<String, Object> dma = new LinkedHashMap<>();
    if (result.dma() != null) {
      put(dma, column -> column.isOfDevices() && column.isCounted(), result::get);
    }
    json.put("dma", result.dma() == null ? null : dma);
    json.put("devices", result.devices().stream().map(ReplayJson::devices).toList());
    json.put("tables", result.tables().stream().map(ReplayJson::table).toList());
    json.put("spaces", result.spaces().stream().map(ReplayJson::space).toList());
    json.put("refused", result.refused());
    return json;
  }

  private static Map<String, Object> devices(DeviceResult result) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("kind", result.kind());
    json.put("pages", result.pages());
    put(json, column -> column.isOfKind() && column.isCounted(), column -> column.of(result));
    json.put("windows", result.met().windows().stream().map(ReplayJson::window).toList());
    return json;
  }

  private static Map<String, Object> window(WindowCounts counts) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("window", counts.window().word());
    json.put(ReplayColumn.DMA_ACCESSES.word(), counts.accesses());
    json.put(ReplayColumn.DMA_TRANSLATION_FAULTS.word(), counts.translationFaults());
    json.put(ReplayColumn.DMA_RMP_FAULTS.word(), counts.rmpFaults());
    return json;
  }

  private static Map<String, Object> space(SpaceResult result) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("space", result.space());
    json.put(ReplayColumn.EVENTS.word(), result.events());
    json.put(ReplayColumn.FAILED.word(), result.failed());
    put(json, ReplayColumn::isOfTable, result.table()::get);
    return json;
  }

  private static Map<String, Object> table(TableResult result) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("table", result.table());
    put(json, ReplayColumn::isOfTable, result::get);
    return json;
  }

  private static void put(
      Map<String, Object> json,
      Predicate<ReplayColumn> which,
      ToLongFunction<ReplayColumn> figure) {
    for (ReplayColumn column : ReplayColumn.values()) {
      if (which.test(column)) {
        json.put(column.word(), figure.applyAsLong(column));
      }
    }
  }

  /** What was replayed. */
  static Map<String, Object> input(Trace trace, ReplayOptions options, List<String> flushes) {
    Map<String, Object> input = new LinkedHashMap<>();
    List<Map<String, Object>> files = new ArrayList<>();
    trace
        .counts()
        .forEach((file, counts) -> {
          Map<String, Object> one = new LinkedHashMap<>();
          one.put("file", file);
          one.put("lines", counts.lines());
          one.put("events", counts.events());
          one.put("noEffect", counts.noEffect());
          one.put("skipped", counts.skipped());
          one.put("malformed", counts.malformed());
          one.put("skippedByEvent", counts.skippedByEvent());
          one.put("lost", counts.lost());
          one.put("gaps", counts.gaps());
          one.put("truncated", counts.isTruncated());
          one.put("failures", counts.failures());
          files.add(one);
        });
    input.put("files", files);
    input.put("spaces", options.spaces().stream().map(AddressSpace::name).toList());
    input.put("pageStatesFrom", words(trace.history().stateSources()));
    input.put("pageStatesToldAgain", words(trace.history().toldAgain()));
    input.put("rmp", options.followsRmp());
    input.put("guestMemory", options.followsRmp() ? options.guestBytes() : 0);
    input.put("pageSizes", PageSizes.words(options.pageSizes()));
    input.put("levels", options.levels());
    input.put("paddrBase", Numbers.hex(options.paddrBase()));
    input.put("tables", options.hasNestedTable() ? List.of("iommu", "npt") : List.of("iommu"));
    input.put("backing", options.isSharedInPlace() ? "in-place" : "separate");
    input.put("devices", options.devices().kinds().stream().map(DeviceKind::word).toList());
    input.put("vTom", options.devices().vTom() == 0 ? null : Numbers.hex(options.devices().vTom()));
    input.put("flush", flushes);
    return input;
  }

  /** Counts of events by the words of those who told of them. */
  private static Map<String, Long> words(Map<Source, Long> counts) {
    Map<String, Long> words = new LinkedHashMap<>();
    counts.forEach((source, count) -> words.put(source.words(), count));
    return words;
  }
}
