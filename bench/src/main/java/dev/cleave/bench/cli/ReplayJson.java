package dev.cleave.bench.cli;

import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.ReplayOptions;
import dev.cleave.bench.trace.Trace;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A replay as JSON. */
final class ReplayJson {
  private ReplayJson() {}

  static Map<String, Object> of(Trace trace, ReplayOptions options, List<PolicyResult> results) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("input", input(trace, options));
    json.put("policies", results);
    return json;
  }

  /** What was replayed. */
  static Map<String, Object> input(Trace trace, ReplayOptions options) {
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
          files.add(one);
        });
    input.put("files", files);
    input.put("rmp", options.followsRmp());
    input.put("guestMemory", options.followsRmp() ? options.guestBytes() : 0);
    input.put("pageSizes", PageSizes.words(options.pageSizes()));
    input.put("levels", options.levels());
    input.put("paddrBase", Numbers.hex(options.paddrBase()));
    input.put("tables", options.hasNestedTable() ? List.of("iommu", "npt") : List.of("iommu"));
    input.put("backing", options.isSharedInPlace() ? "in-place" : "separate");
    return input;
  }
}
