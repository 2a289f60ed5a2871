package dev.cleave.bench.replay;

import java.util.EnumMap;
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

  /** The figure of a column that is a table's own. */
  public long get(ReplayColumn column) {
    return figures.get(column);
  }
}
