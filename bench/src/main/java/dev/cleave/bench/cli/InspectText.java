package dev.cleave.bench.cli;

import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.table.Domain;
import dev.cleave.bench.image.table.Finding;
import dev.cleave.bench.image.table.Findings;
import dev.cleave.bench.image.table.Site;
import dev.cleave.bench.image.table.TableRoot;
import dev.cleave.bench.image.table.TableSummary;
import dev.cleave.bench.image.table.TableWalk;
import dev.cleave.bench.image.table.TableWalk.Refused;
import dev.cleave.bench.image.table.TableWalk.Translated;
import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.DeviceTableEntry;
import java.io.PrintWriter;
import java.util.List;
import java.util.SequencedMap;
import java.util.stream.Collectors;

/** Prints what {@code inspect} found, for a person. */
final class InspectText {
  private final PrintWriter out;

  InspectText(PrintWriter out) {
    this.out = out;
  }

  void summary(InspectedDomain inspected) {
    Domain domain = inspected.domain();
    TableRoot root = domain.root();
    String devices =
        domain.devices().stream().map(DeviceId::toString).collect(Collectors.joining(" "));
    if (!domain.hasTable()) {
      out.printf("domain %s  %s%s%n", domain.name(), Domain.words(domain.kind()), of(devices));
      return;
    }
    TableSummary summary = inspected.summary();
    out.printf(
        "domain %s  root %s  levels %d%s%n",
        domain.name(), Numbers.hex(root.paddr()), root.levels(), of(devices));
    out.printf(
        "  leaves %d%s, mapped %s bytes%n",
        summary.leaves(), sizes(summary.leavesBySize()), summary.mappedBytes());
    out.printf(
        "  tables %d (%d bytes), directories %d, empty tables %d%n",
        summary.tables(), summary.tableBytes(), summary.directories(), summary.emptyTables());
    if (inspected.findings().errors() > 0) {
      out.printf("  ERRORS: %d, which --audit names%n", inspected.findings().errors());
    }
    if (!inspected.findings().complete()) {
      out.printf("  INCOMPLETE: not the whole table was decoded%n");
    }
  }

  private static String of(String devices) {
    return devices.isEmpty() ? "" : "  devices " + devices;
  }

  private static String sizes(SequencedMap<Long, Long> leavesBySize) {
    return leavesBySize.isEmpty()
        ? ""
        : leavesBySize.entrySet().stream()
            .map(size -> size.getValue() + " x " + Numbers.size(size.getKey()))
            .collect(Collectors.joining(", ", " (", ")"));
  }

  void others(SequencedMap<DeviceId, DeviceTableEntry> others) {
    others.forEach((device, entry) ->
        out.printf(
            "device %s  %s%s%n",
            device,
            Domain.words(entry.kind()),
            entry.access() == 0 && entry.kind() == DeviceTableEntry.Kind.PASSTHROUGH
                ? ", and no permission (IR=0, IW=0)"
                : ""));
  }

  void walks(InspectedDomain inspected) {
    for (TableWalk walk : inspected.walks()) {
      out.printf("lookup %s in domain %s%n", Numbers.hex(walk.iova()), inspected.domain().name());
      for (Site step : walk.steps()) {
        out.printf(
            "  level %d  table %s  index %d  entry %s%n",
            step.level(), Numbers.hex(step.table()), step.index(), Numbers.hex(step.entry()));
      }
      out.println("  -> " + outcome(walk.outcome()));
    }
  }

  private static String outcome(TableWalk.Outcome outcome) {
    return switch (outcome) {
      case Translated to when (to.access() & Access.READ_WRITE) == 0 ->
          "paddr %s, but no permission is left, leaf of %s"
              .formatted(Numbers.hex(to.paddr()), Numbers.size(to.leafBytes()));
      case Translated to ->
          "paddr %s perm %s%s size %s"
              .formatted(
                  Numbers.hex(to.paddr()),
                  Access.permissions(to.access()),
                  (to.access() & Access.NO_EXECUTE) == 0 ? "" : " nx",
                  Numbers.hex(to.leafBytes()));
      case Refused refused -> "does not translate: " + refused.reason();
    };
  }

  void audit(List<InspectedDomain> all) {
    long errors = 0;
    long warnings = 0;
    for (InspectedDomain inspected : all) {
      Findings findings = inspected.findings();
      for (Finding finding : findings.kept()) {
        out.println(finding.line(inspected.domain().name()));
      }
      if (findings.dropped() > 0) {
        out.printf(
            "domain %s: %d more findings are counted and not shown%n",
            inspected.domain().name(), findings.dropped());
      }
      errors += findings.errors();
      warnings += findings.warnings();
    }
    out.printf("audit: %d errors, %d warnings%n", errors, warnings);
  }
}
