package dev.cleave.bench.image.table;

import java.util.function.LongPredicate;

/**
 * Collects what is wrong with a table and what could be better.
 *
 * <p>Not thread-safe.
 */
public final class TableAudit implements TableVisitor {
  private final TableRoot root;
  private final Findings findings;
  private final MergeAudit merges;

  /**
   * An audit.
   *
   * @param root the table's top, which may be empty
   * @param findings where findings go
   */
  public TableAudit(TableRoot root, Findings findings) {
    this(root, _ -> true, findings);
  }

  /**
   * An audit under an RMP.
   *
   * @param root the table's top, which may be empty
   * @param allowsLarge whether a leaf of 2 MiB or more may lead to the region of an address
   * @param findings where findings go
   */
  public TableAudit(TableRoot root, LongPredicate allowsLarge, Findings findings) {
    this.root = root;
    this.findings = findings;
    this.merges = new MergeAudit(root.format(), allowsLarge, findings::add);
  }

  @Override
  public void leaf(LeafRow row) {
    merges.leaf(row);
  }

  @Override
  public void table(long paddr, int level, long iova, boolean empty) {
    if (empty && paddr != root.paddr()) {
      findings.add(
          new Finding(
              Rule.EMPTY_TABLE,
              new Site(paddr, level, 0, iova, 0),
              "no entry of the table is present, it could be freed"));
    }
  }

  @Override
  public void finding(Finding finding) {
    findings.add(finding);
  }

  @Override
  public void end() {
    merges.end();
  }
}
