package dev.cleave.bench.image.table;

import dev.cleave.engine.format.Geometry;
import java.math.BigInteger;
import java.util.SequencedMap;
import java.util.TreeMap;

/**
 * Counts what a table holds.
 *
 * <p>Not thread-safe.
 */
public final class TableSummary implements TableVisitor {
  private final TreeMap<Long, Long> leavesBySize = new TreeMap<>(Long::compareUnsigned);
  private long leaves;
  private long mappedPages;
  private long tables;
  private long emptyTables;
  private long directories;

  @Override
  public void leaf(LeafRow row) {
    leaves++;
    leavesBySize.merge(row.sizeBytes(), 1L, Long::sum);
    mappedPages += row.sizeBytes() >>> Geometry.PAGE_LOG2;
  }

  @Override
  public void directory(DirectoryRow row) {
    directories++;
  }

  @Override
  public void table(long paddr, int level, long iova, boolean empty) {
    tables++;
    if (empty) {
      emptyTables++;
    }
  }

  /**
   * Leaves.
   *
   * @return how many
   */
  public long leaves() {
    return leaves;
  }

  /**
   * Leaves by what they translate.
   *
   * @return how many for each number of bytes, ascending
   */
  public SequencedMap<Long, Long> leavesBySize() {
    return leavesBySize;
  }

  /**
   * What all leaves translate: up to 2^64 bytes, one more than a long holds.
   *
   * @return bytes
   */
  public BigInteger mappedBytes() {
    return BigInteger.valueOf(mappedPages).shiftLeft(Geometry.PAGE_LOG2);
  }

  /**
   * Tables, the top included.
   *
   * @return how many
   */
  public long tables() {
    return tables;
  }

  /**
   * What the tables take.
   *
   * @return bytes
   */
  public long tableBytes() {
    return tables << Geometry.PAGE_LOG2;
  }

  /**
   * Tables without a present entry, the top included.
   *
   * @return how many
   */
  public long emptyTables() {
    return emptyTables;
  }

  /**
   * Directory entries.
   *
   * @return how many
   */
  public long directories() {
    return directories;
  }
}
