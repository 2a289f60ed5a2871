package dev.cleave.bench.cli;

import dev.cleave.bench.machine.DeviceKind;
import dev.cleave.bench.replay.DeviceResult;
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

  private static List<ReplayColumn> ofKinds() {
    return counted().stream().filter(ReplayColumn::isOfKind).toList();
  }

  /**
   * The heading.
   *
   * @param kinds the kinds of devices, if there are any; each has columns of its own
   */
  static List<String> columns(List<DeviceKind> kinds) {
    List<String> columns = new ArrayList<>(List.of("policy", "order", "flush"));
    counted().forEach(column -> columns.add(column.key()));
    for (DeviceKind kind : kinds) {
      ofKinds().forEach(column -> columns.add(kind.word() + "." + column.word()));
    }
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
    for (DeviceResult devices : result.devices()) {
      ofKinds().forEach(column -> row.add(Long.toString(column.of(devices))));
    }
    return row;
  }
}
