package dev.cleave.bench.cli;

import dev.cleave.bench.migrate.MigrationColumn;
import dev.cleave.bench.migrate.MigrationResult;
import java.util.ArrayList;
import java.util.List;

/** The comparison of strategies as CSV: every figure, by its name in JSON. */
final class MigrateCsv {
  private MigrateCsv() {}

  static List<String> columns() {
    List<String> columns =
        new ArrayList<>(List.of("pattern", "writeRate", "workingSet", "strategy", "rmp"));
    for (MigrationColumn column : MigrationColumn.values()) {
      columns.add(column.word());
    }
    return columns;
  }

  /** A row; what a migration has not is empty. */
  static List<String> row(MigrationResult result) {
    List<String> row = new ArrayList<>();
    row.add(result.load().pattern().word());
    row.add(Long.toString(result.load().bytesPerSecond()));
    row.add(Long.toString(result.load().workingSetBytes()));
    row.add(result.strategy().word());
    row.add(Boolean.toString(result.hasRmp()));
    for (MigrationColumn column : MigrationColumn.values()) {
      Number figure = column.of(result);
      row.add(figure == null ? "" : figure.toString());
    }
    return row;
  }
}
