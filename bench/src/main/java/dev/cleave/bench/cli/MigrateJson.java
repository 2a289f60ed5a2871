package dev.cleave.bench.cli;

import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.migrate.GuestMemory;
import dev.cleave.bench.migrate.LostPage;
import dev.cleave.bench.migrate.MigrateOptions;
import dev.cleave.bench.migrate.MigrationColumn;
import dev.cleave.bench.migrate.MigrationResult;
import dev.cleave.bench.migrate.Pass;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Migrations as JSON. */
final class MigrateJson {
  private MigrateJson() {}

  static Map<String, Object> of(
      Map<String, Object> input, List<MigrationResult> results, List<String> warnings) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("input", input);
    json.put("warnings", warnings);
    json.put("migrations", results.stream().map(MigrateJson::migration).toList());
    return json;
  }

  /** What was migrated, and how. */
  static Map<String, Object> input(String guest, GuestMemory memory, MigrateOptions options) {
    Map<String, Object> input = new LinkedHashMap<>();
    input.put("guest", guest);
    input.put("guestBytes", memory.mappedBytes());
    input.put("extents", memory.extents().size());
    input.put("bandwidth", options.bandwidth());
    input.put("downtimeNs", options.downtimeNanos());
    input.put("mostPasses", options.mostPasses());
    input.put("flushNs", options.flushNanos());
    input.put("warmUpNs", options.warmUpNanos());
    input.put("merge", options.mergeBack().word());
    input.put("pageSizes", PageSizes.words(options.pageSizes()));
    input.put("broken", options.fault().word());
    return input;
  }

  private static Map<String, Object> migration(MigrationResult result) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("pattern", result.load().pattern().word());
    json.put("writeRate", result.load().bytesPerSecond());
    json.put("workingSet", result.load().workingSetBytes());
    json.put("readPercent", result.load().readPercent());
    json.put("strategy", result.strategy().word());
    json.put("rmp", result.hasRmp());
    for (MigrationColumn column : MigrationColumn.values()) {
      json.put(column.word(), column.of(result));
    }
    json.put("lost", result.lost().stream().map(MigrateJson::lost).toList());
    json.put("firstRefusal", result.firstRefusal());
    json.put("passDetails", result.passes().stream().map(MigrateJson::pass).toList());
    return json;
  }

  private static Map<String, Object> pass(Pass pass) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("pass", pass.number());
    json.put("stopped", pass.isStopped());
    json.put("startNs", pass.startNanos());
    json.put("endNs", pass.endNanos());
    json.put("sentPages", pass.sentPages());
    json.put("reportedPages", pass.reportedPages());
    json.put("writtenPages", pass.writtenPages());
    json.put("stalePages", pass.stalePages());
    json.put("missedPages", pass.missedPages());
    json.put("writes", pass.writes());
    json.put("accesses", pass.accesses());
    json.put("iotlbHits", pass.iotlbHits());
    json.put("splits", pass.splits());
    json.put("merges", pass.merges());
    json.put("flushes", pass.flushCommands());
    json.put("tableBytes", pass.tableBytes());
    json.put("engineNs", pass.engineNanos());
    return json;
  }

  private static Map<String, Object> lost(LostPage page) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("iova", Numbers.hex(page.iova()));
    json.put("writtenNs", page.writtenNanos());
    json.put("writtenInPass", page.writtenInPass());
    json.put("sentInPass", page.sentInPass());
    return json;
  }
}
