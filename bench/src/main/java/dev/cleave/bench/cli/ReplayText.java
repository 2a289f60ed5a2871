package dev.cleave.bench.cli;

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
      print(out, "devices under", columns(true), results);
    }
  }

  private static List<ReplayColumn> columns(boolean areOfDevices) {
    return Arrays.stream(ReplayColumn.values())
        .filter(column -> column.heading() != null && column.isOfDevices() == areOfDevices)
        .toList();
  }

  private static void print(
      PrintWriter out, String subject, List<ReplayColumn> columns, List<PolicyResult> results) {
    boolean namesOrder =
        results.stream().map(PolicyResult::order).filter(Objects::nonNull).distinct().count() > 1;
    boolean namesFlush = results.stream().map(PolicyResult::flush).distinct().count() > 1;
    boolean haveTables = columns.stream().anyMatch(ReplayColumn::isOfTable);
    List<List<String>> rows = new ArrayList<>();
    rows.add(row(subject, columns, ReplayColumn::heading));
    for (PolicyResult result : results) {
      rows.add(
          row(
              name(result, namesOrder, namesFlush),
              columns,
              column -> text(column, column.shown(result))));
      if (haveTables) {
        if (result.spaces().size() > 1) {
          result.spaces().forEach(space -> rows.add(row(space, columns)));
        }
        result.tables().stream().skip(1).forEach(table -> rows.add(row(table, columns)));
      }
    }
    TextTable.print(out, rows, 1);
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
