package dev.cleave.bench.cli;

import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.rmp.Lookup;
import dev.cleave.bench.image.rmp.RmpAudit;
import dev.cleave.bench.image.rmp.RmpWords;
import dev.cleave.bench.image.table.Domain;
import dev.cleave.bench.image.table.Finding;
import dev.cleave.bench.image.table.Rule;
import dev.cleave.bench.image.table.TableSummary;
import dev.cleave.bench.image.table.WalkWords;
import dev.cleave.bench.io.Numbers;
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
    json.put("domains", domains(domains, audit));
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

  static List<Map<String, Object>> domains(List<InspectedDomain> domains, boolean audit) {
    return domains.stream().map(domain -> domain(domain, audit)).toList();
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
    if (inspected.rmp() != null) {
      json.put("rmp", rmp(inspected.rmp()));
    }
    List<String> notes =
        domain.findings().stream()
            .filter(finding -> finding.rule() == Rule.ENTRY_ORDER)
            .map(Finding::detail)
            .toList();
    if (!notes.isEmpty()) {
      json.put("notes", notes);
    }
    json.put("lookups", inspected.lookups().stream().map(InspectJson::lookup).toList());
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
      json.putAll(WalkWords.json(finding.site()));
    }
    if (finding.leaf() != null) {
      json.put("size", Numbers.hex(finding.leaf().sizeBytes()));
      json.put("paddr", Numbers.hex(finding.leaf().paddr()));
    }
    json.put("detail", finding.detail());
    return json;
  }

  private static Map<String, Object> rmp(RmpAudit audit) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("asid", audit.asid());
    json.put("leaves", audit.leaves());
    json.put("agree", audit.agreeing());
    json.put("size", audit.broken(Rule.RMP_SIZE));
    json.put("owner", audit.broken(Rule.RMP_OWNER));
    json.put("gpa", audit.broken(Rule.RMP_GPA));
    json.put("notKnown", audit.unknown());
    return json;
  }

  private static Map<String, Object> lookup(Lookup lookup) {
    Map<String, Object> json = WalkWords.json(lookup.walk());
    if (lookup.rmp() != null) {
      json.put("rmp", lookup.rmp().entry().map(RmpWords::fields).orElse(null));
      if (lookup.rmp().verdict().rule() != null) {
        json.put("rmpDisagrees", lookup.rmp().verdict().rule().toString());
        json.put("rmpDetail", lookup.rmp().verdict().detail());
      }
    }
    return json;
  }
}
