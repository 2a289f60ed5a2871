package dev.cleave.bench.replay;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What one table did over a whole replay.
 *
 * @param table {@code iommu} or {@code npt}
 * @param figures those columns that are a table's own
 */
public record TableResult(String table, Map<ReplayColumn, Long> figures) {
  static TableResult of(TableEnd end) {
    Map<ReplayColumn, Long> figures = new EnumMap<>(ReplayColumn.class);
    for (ReplayColumn column : ReplayColumn.values()) {
      Long figure = column.of(end);
      if (figure != null) {
        figures.put(column, figure);
      }
    }
    return new TableResult(end.table().name(), figures);
  }

  /**
   * What several tables did together.
   *
   * @param tables knows the most that they had at one time, which the sum of their peaks is not
   */
  static TableResult sum(String name, List<TableResult> results, GuestTables tables) {
    Map<ReplayColumn, Long> figures = new EnumMap<>(ReplayColumn.class);
    for (TableResult result : results) {
      result.figures.forEach((column, figure) -> figures.merge(column, figure, Long::sum));
    }
    figures.put(ReplayColumn.TABLE_BYTES_PEAK, tables.peakBytes());
    figures.put(ReplayColumn.MAPPED_BYTES_PEAK, tables.peakMappedBytes());
    figures.put(ReplayColumn.PINNED_BYTES_PEAK, tables.peakPinnedBytes());
    return new TableResult(name, figures);
  }

  /** The figure of a column that is a table's own. */
  public long get(ReplayColumn column) {
    return figures.get(column);
  }
}
