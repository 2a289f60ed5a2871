package dev.cleave.bench.cli;

import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.table.Domain;
import dev.cleave.bench.image.table.Finding;
import dev.cleave.bench.image.table.Site;
import dev.cleave.bench.image.table.TableSummary;
import dev.cleave.bench.image.table.TableWalk;
import dev.cleave.bench.image.table.TableWalk.Refused;
import dev.cleave.bench.image.table.TableWalk.Translated;
import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.DeviceTableEntry;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;

/** What {@code inspect} found, as JSON: addresses and sizes in hex, counts as numbers. */
final class InspectJson {
  private InspectJson() {}

  static Map<String, Object> of(
      String input,
      List<InspectedDomain> domains,
      SequencedMap<DeviceId, DeviceTableEntry> others,
      boolean audit) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("input", input);
    json.put("domains", domains.stream().map(domain -> domain(domain, audit)).toList());
    json.put(
        "otherDevices",
        others.entrySet().stream()
            .map(device ->
                Map.of(
                    "device", device.getKey().toString(), "kind", kind(device.getValue().kind())))
            .toList());
    json.put("errors", domains.stream().mapToLong(domain -> domain.findings().errors()).sum());
    json.put("warnings", domains.stream().mapToLong(domain -> domain.findings().warnings()).sum());
    return json;
  }

  private static Map<String, Object> domain(InspectedDomain inspected, boolean audit) {
    Domain domain = inspected.domain();
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("domain", domain.name());
    json.put("kind", kind(domain.kind()));
    json.put("devices", domain.devices().stream().map(DeviceId::toString).toList());
    if (domain.hasTable()) {
      TableSummary summary = inspected.summary();
      Map<String, Long> sizes = new LinkedHashMap<>();
      summary.leavesBySize().forEach((bytes, count) -> sizes.put(Numbers.hex(bytes), count));
      json.put("root", Numbers.hex(domain.root().paddr()));
      json.put("levels", domain.root().levels());
      json.put("leaves", summary.leaves());
      json.put("leavesBySize", sizes);
      json.put("mappedBytes", summary.mappedBytes());
      json.put("tables", summary.tables());
      json.put("tableBytes", summary.tableBytes());
      json.put("directories", summary.directories());
      json.put("emptyTables", summary.emptyTables());
      json.put("complete", inspected.findings().complete());
    }
    json.put("lookups", inspected.walks().stream().map(InspectJson::walk).toList());
    json.put("errors", inspected.findings().errors());
    json.put("warnings", inspected.findings().warnings());
    if (audit) {
      json.put("findings", inspected.findings().kept().stream().map(InspectJson::finding).toList());
    }
    return json;
  }

  private static String kind(DeviceTableEntry.Kind kind) {
    return kind.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static Map<String, Object> finding(Finding finding) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("severity", finding.rule().severity().toString());
    json.put("rule", finding.rule().toString());
    if (finding.site() != null) {
      json.putAll(site(finding.site()));
    }
    json.put("detail", finding.detail());
    return json;
  }

  private static Map<String, Object> site(Site site) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("table", Numbers.hex(site.table()));
    json.put("level", site.level());
    json.put("index", site.index());
    json.put("iova", Numbers.hex(site.iova()));
    json.put("entry", Numbers.hex(site.entry()));
    return json;
  }

  private static Map<String, Object> walk(TableWalk walk) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("iova", Numbers.hex(walk.iova()));
    json.put("steps", walk.steps().stream().map(InspectJson::site).toList());
    switch (walk.outcome()) {
      case Translated to -> {
        json.put("paddr", Numbers.hex(to.paddr()));
        json.put("perm", Access.permissions(to.access()));
        if ((to.access() & Access.NO_EXECUTE) != 0) {
          json.put("noExecute", true);
        }
        json.put("size", Numbers.hex(to.leafBytes()));
      }
      case Refused refused -> json.put("refused", refused.reason());
    }
    return json;
  }
}
