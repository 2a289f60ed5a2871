package dev.cleave.bench.image.table;

import dev.cleave.bench.image.table.Rule.Severity;
import java.util.ArrayList;
import java.util.List;

/**
 * The findings of one domain: all are counted, the first errors and the first warnings kept.
 *
 * <p>Not thread-safe.
 */
public final class Findings {
  /** More findings than anyone reads. */
  public static final int MOST_KEPT = 10_000;

  private final int mostKept;
  private final List<Finding> kept = new ArrayList<>();
  private long errors;
  private long warnings;
  private boolean complete = true;

  /**
   * No findings yet.
   *
   * @param mostKept how many errors and how many warnings to keep
   */
  public Findings(int mostKept) {
    this.mostKept = mostKept;
  }

  /**
   * Takes a finding.
   *
   * @param finding the finding
   */
  public void add(Finding finding) {
    long before = finding.rule().severity() == Severity.ERROR ? errors++ : warnings++;
    boolean root = finding.rule() == Rule.DANGLING && finding.site() == null;
    boolean truncated = finding.rule() == Rule.TRUNCATED;
    complete &= !root && !truncated;
    if (before < mostKept || truncated) {
      kept.add(finding);
    }
  }

  /**
   * The findings kept.
   *
   * @return in the order in which they were found
   */
  public List<Finding> kept() {
    return kept;
  }

  /**
   * Findings counted but not kept.
   *
   * @return how many
   */
  public long dropped() {
    return errors + warnings - kept.size();
  }

  /**
   * Findings that make the audit fail.
   *
   * @return how many
   */
  public long errors() {
    return errors;
  }

  /**
   * Findings that do not.
   *
   * @return how many
   */
  public long warnings() {
    return warnings;
  }

  /**
   * Whether the whole table was decoded.
   *
   * @return false when its root is not there or the decoder gave up
   */
  public boolean complete() {
    return complete;
  }
}
