package dev.cleave.bench.cli;

import dev.cleave.bench.machine.WindowCounts;
import dev.cleave.bench.replay.DeviceResult;
import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.ReplayColumn;
import dev.cleave.bench.replay.SpaceResult;
import dev.cleave.bench.replay.TableResult;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The comparison of policies as a table for a person. */
final class ReplayText {
  private ReplayText() {}

  static void print(PrintWriter out, List<PolicyResult> results) {
    print(out, "policy", columns(false), results);
    if (results.getFirst().dma() != null) {
      out.println();
      List<ReplayColumn> columns = new ArrayList<>(columns(true));
      columns.add(ReplayColumn.ILLEGAL_LEAVES);
      columns.add(ReplayColumn.TABLE_BYTES_END);
      print(out, "devices under", columns, results);
      out.println();
      printWindows(out, results);
    }
  }

  /** In which windows devices were refused anything that was theirs to use. */
  private static void printWindows(PrintWriter out, List<PolicyResult> results) {
    boolean namesOrder = namesOrder(results);
    List<List<String>> rows = new ArrayList<>();
    rows.add(
        List.of(
            "windows under",
            "devices",
            "window",
            ReplayColumn.DMA_ACCESSES.heading(),
            ReplayColumn.DMA_TRANSLATION_FAULTS.heading(),
            ReplayColumn.DMA_RMP_FAULTS.heading()));
    for (PolicyResult result : results) {
      for (DeviceResult devices : result.devices()) {
        for (WindowCounts window : devices.met().windows()) {
          if (window.translationFaults() + window.rmpFaults() > 0) {
            rows.add(
                List.of(
                    name(result, namesOrder, namesFlush(results)),
                    devices.kind(),
                    window.window().word(),
                    Long.toString(window.accesses()),
                    Long.toString(window.translationFaults()),
                    Long.toString(window.rmpFaults())));
          }
        }
      }
    }
    if (rows.size() == 1) {
      out.println("no device was refused, while an event was carried out, what was its to use");
    } else {
      TextTable.print(out, rows, 3);
    }
  }

  private static List<ReplayColumn> columns(boolean areOfDevices) {
    return Arrays.stream(ReplayColumn.values())
        .filter(column -> column.heading() != null && column.isOfDevices() == areOfDevices)
        .toList();
  }

  private static void print(
      PrintWriter out, String subject, List<ReplayColumn> columns, List<PolicyResult> results) {
    boolean namesOrder = namesOrder(results);
    boolean namesFlush = namesFlush(results);
    boolean areOfDevices = columns.stream().anyMatch(ReplayColumn::isOfDevices);
    List<List<String>> rows = new ArrayList<>();
    rows.add(row(subject, columns, ReplayColumn::heading));
    for (PolicyResult result : results) {
      rows.add(
          row(
              name(result, namesOrder, namesFlush),
              columns,
              column -> text(column, column.shown(result))));
      if (areOfDevices) {
        if (result.devices().size() > 1) {
          result.devices().forEach(devices -> rows.add(row(devices, columns)));
        }
      } else {
        if (result.spaces().size() > 1) {
          result.spaces().forEach(space -> rows.add(row(space, columns)));
        }
        result.tables().stream().skip(1).forEach(table -> rows.add(row(table, columns)));
      }
    }
    TextTable.print(out, rows, 1);
  }

  private static boolean namesFlush(List<PolicyResult> results) {
    return results.stream().map(PolicyResult::flush).distinct().count() > 1;
  }

  private static boolean namesOrder(List<PolicyResult> results) {
    return results.stream().map(PolicyResult::order).filter(Objects::nonNull).distinct().count()
        > 1;
  }

  /** The devices of one of several kinds, below the row of their policy. */
  private static List<String> row(DeviceResult devices, List<ReplayColumn> columns) {
    return row(
        "  " + devices.kind() + (devices.met().isServed() ? "" : " (" + devices.pages() + ")"),
        columns,
        column -> column.isOfKind() ? text(column, column.shown(devices)) : "");
  }

  /** A further table, below the row of its policy: what is the table's own. */
  private static List<String> row(TableResult table, List<ReplayColumn> columns) {
    return row(
        "  and its " + table.table(),
        columns,
        column -> column.isOfTable() ? text(column, column.shown(table)) : "");
  }

  /** One of several address spaces, below the row of its policy. */
  private static List<String> row(SpaceResult space, List<ReplayColumn> columns) {
    return row(
        "  in " + space.space(),
        columns,
        column ->
            switch (column) {
              case EVENTS -> Long.toString(space.events());
              case FAILED -> Long.toString(space.failed());
              default -> column.isOfTable() ? text(column, column.shown(space.table())) : "";
            });
  }

  private static List<String> row(
      String name, List<ReplayColumn> columns, Function<ReplayColumn, String> cell) {
    List<String> row = new ArrayList<>();
    row.add(name);
    columns.forEach(column -> row.add(cell.apply(column)));
    return row;
  }

  /** A part of nothing is 0. */
  private static String text(ReplayColumn column, @Nullable Number shown) {
    return TextTable.number(column.unit(), shown == null ? 0 : shown);
  }

  private static String name(PolicyResult result, boolean namesOrder, boolean namesFlush) {
    String order = result.order() == null || !namesOrder ? "" : " " + result.order();
    return result.policy() + order + (namesFlush ? " " + result.flush() : "");
  }
}
