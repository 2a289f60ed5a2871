package dev.cleave.bench.image.table;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.bench.image.Tables;
import java.util.ArrayList;
import java.util.List;

/** What a decoder told. */
final class Told implements TableVisitor {
  final List<LeafRow> leaves = new ArrayList<>();
  final List<DirectoryRow> directories = new ArrayList<>();
  final Findings findings = new Findings(Findings.MOST_KEPT);
  final TableSummary summary = new TableSummary();

  /** Decodes and audits a hand-made table. */
  static Told of(Tables tables, TableRoot root) {
    Told told = new Told();
    TableDecoder.decode(
        tables.memory(),
        root,
        TableVisitor.all(List.of(told, told.summary, new TableAudit(root, told.findings))));
    return told;
  }

  @Override
  public void leaf(LeafRow row) {
    leaves.add(row);
  }

  @Override
  public void directory(DirectoryRow row) {
    directories.add(row);
  }

  List<Rule> rules() {
    return findings.kept().stream().map(Finding::rule).toList();
  }

  Finding only() {
    assertEquals(1, findings.kept().size(), findings.kept().toString());
    return findings.kept().getFirst();
  }
}
