package dev.cleave.bench.image.rmp;

import dev.cleave.bench.image.table.Finding;
import dev.cleave.bench.image.table.LeafRow;
import dev.cleave.bench.image.table.Rule;
import dev.cleave.bench.image.table.TableVisitor;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Names every leaf of a table that disagrees with the RMP, and counts all of them.
 *
 * <p>Not thread-safe.
 */
public final class RmpAudit implements TableVisitor {
  private final RmpJudge judge;
  private final Consumer<Finding> findings;
  private final Map<Rule, Long> broken = new EnumMap<>(Rule.class);
  private long leaves;
  private long unknown;

  /**
   * An audit.
   *
   * @param judge who judges the leaves
   * @param findings where findings go
   */
  public RmpAudit(RmpJudge judge, Consumer<Finding> findings) {
    this.judge = judge;
    this.findings = findings;
  }

  @Override
  public void leaf(LeafRow row) {
    RmpJudge.Verdict verdict =
        judge.judge(row.site().iova(), row.paddr(), row.sizeBytes(), row.leafBytes());
    leaves++;
    if (verdict.rule() != null) {
      broken.merge(verdict.rule(), 1L, Long::sum);
      findings.accept(Finding.ofLeaf(verdict.rule(), row, verdict.detail()));
    } else if (!verdict.isKnown()) {
      unknown++;
    }
  }

  /** The guest whose table it is taken for, 0 for none. */
  public int asid() {
    return judge.asid();
  }

  /** Leaves in all. */
  public long leaves() {
    return leaves;
  }

  /** Leaves that break a rule. */
  public long broken(Rule rule) {
    return broken.getOrDefault(rule, 0L);
  }

  /** Leaves that break none as far as the RMP is known, which is not for all of them. */
  public long unknown() {
    return unknown;
  }

  /** Leaves that agree. */
  public long agreeing() {
    return leaves - unknown - broken.values().stream().mapToLong(Long::longValue).sum();
  }

  /** The totals on one line. */
  public String line() {
    return "%d leaves, %d agree, %d size, %d owner, %d gpa, %d not known; private pages of %s"
        .formatted(
            leaves,
            agreeing(),
            broken(Rule.RMP_SIZE),
            broken(Rule.RMP_OWNER),
            broken(Rule.RMP_GPA),
            unknown,
            asid() == 0 ? "nobody" : "ASID " + asid());
  }
}
