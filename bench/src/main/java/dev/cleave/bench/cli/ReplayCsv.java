package dev.cleave.bench.cli;

import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.ReplayColumn;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The comparison of policies as CSV: every figure that is counted, by its name in JSON. */
final class ReplayCsv {
  private ReplayCsv() {}

  private static List<ReplayColumn> counted() {
    return Arrays.stream(ReplayColumn.values()).filter(ReplayColumn::isCounted).toList();
  }

  static List<String> columns() {
    List<String> columns = new ArrayList<>(List.of("policy", "order", "flush"));
    counted().forEach(column -> columns.add(column.key()));
    return columns;
  }

  /** A row; what is of devices is empty without any. */
  static List<String> row(PolicyResult result) {
    List<String> row = new ArrayList<>();
    row.add(result.policy());
    row.add(result.order() == null ? "" : result.order());
    row.add(result.flush());
    for (ReplayColumn column : counted()) {
      boolean isThere = !column.isOfDevices() || result.dma() != null;
      row.add(isThere ? Long.toString(result.get(column)) : "");
    }
    return row;
  }
}
