package dev.cleave.bench.cli;

import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.rmp.Lookup;
import dev.cleave.bench.image.table.Domain;
import dev.cleave.bench.image.table.Finding;
import dev.cleave.bench.image.table.Findings;
import dev.cleave.bench.image.table.Rule;
import dev.cleave.bench.image.table.TableRoot;
import dev.cleave.bench.image.table.TableSummary;
import dev.cleave.bench.image.table.TableWalk;
import dev.cleave.bench.image.table.WalkWords;
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
      notes(domain);
      return;
    }
    TableSummary summary = inspected.summary();
    out.printf(
        "domain %s  root %s  levels %d%s  perm %s%n",
        domain.name(), Numbers.hex(root.paddr()), root.levels(), of(devices), perm(root));
    out.printf(
        "  leaves %d%s, mapped %s bytes%n",
        summary.leaves(), sizes(summary.leavesBySize()), summary.mappedBytes());
    out.printf(
        "  tables %d (%d bytes), directories %d, empty tables %d%n",
        summary.tables(), summary.tableBytes(), summary.directories(), summary.emptyTables());
    if (inspected.rmp() != null) {
      out.printf("  rmp: %s%n", inspected.rmp().line());
    }
    notes(domain);
    if (inspected.findings().errors() > 0) {
      out.printf("  ERRORS: %d, which --audit names%n", inspected.findings().errors());
    }
    if (!inspected.findings().complete()) {
      out.printf("  INCOMPLETE: not the whole table was decoded%n");
    }
  }

  /** What may have been meant otherwise is said whether or not there is an audit. */
  private void notes(Domain domain) {
    domain.findings().stream()
        .filter(finding -> finding.rule() == Rule.ENTRY_ORDER)
        .forEach(finding -> out.println("  note: " + finding.detail()));
  }

  private static String perm(TableRoot root) {
    String permissions = Access.permissions(root.access());
    return permissions.isEmpty() ? "none" : permissions;
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

  void lookups(InspectedDomain inspected) {
    for (Lookup lookup : inspected.lookups()) {
      TableWalk walk = lookup.walk();
      out.printf("lookup %s in domain %s%n", Numbers.hex(walk.iova()), inspected.domain().name());
      WalkWords.steps(walk).forEach(step -> out.println("  " + step));
      out.println("  -> " + WalkWords.outcome(walk));
      if (lookup.rmp() != null) {
        ofRmp(lookup.rmp());
      }
    }
  }

  private void ofRmp(Lookup.OfRmp rmp) {
    out.println("  " + rmp.line());
    if (rmp.verdict().rule() != null) {
      out.printf("  rmp disagrees: %s: %s%n", rmp.verdict().rule(), rmp.verdict().detail());
    }
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
