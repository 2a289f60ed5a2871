package dev.cleave.bench.report;

import dev.cleave.bench.figure.Better;
import dev.cleave.bench.figure.Unit;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A table that compares: one row for each competitor, and in each column the winner marked.
 *
 * @param subject what the rows are
 * @param mark what a mark says
 * @param columns what is compared
 * @param rows the competitors
 */
record Comparison(String subject, String mark, List<Column> columns, List<Row> rows) {
  /**
   * A column.
   *
   * @param name its heading
   * @param key the number's name in the JSON output
   * @param note what it is, in a sentence
   */
  record Column(String name, String key, Unit unit, Better better, String note) {}

  /**
   * A row.
   *
   * @param cells one for each column
   */
  record Row(String name, List<Cell> cells) {}

  /**
   * A cell.
   *
   * @param value null where there is none
   * @param isMarked whether no row has a better one, and some row has a worse one
   */
  record Cell(@Nullable Double value, boolean isMarked) {}

  /**
   * A competitor.
   *
   * @param competes whether it can win
   * @param values one for each column, null where it has none
   */
  record Entry(String name, boolean competes, List<@Nullable Double> values) {
    static Entry of(String name, boolean competes, List<? extends @Nullable Number> values) {
      return new Entry(
          name,
          competes,
          values.stream().map(value -> value == null ? null : value.doubleValue()).toList());
    }
  }

  /** Finds the winners. */
  static Comparison of(String subject, List<Column> columns, List<Entry> entries) {
    return new Comparison(
        subject,
        "best in its column",
        columns,
        entries.stream().map(entry -> row(entry, columns, entries)).toList());
  }

  private static Row row(Entry entry, List<Column> columns, List<Entry> entries) {
    Cell[] cells = new Cell[columns.size()];
    for (int i = 0; i < cells.length; i++) {
      int column = i;
      Double value = entry.values.get(i);
      double[] all =
          entries.stream()
              .filter(Entry::competes)
              .map(other -> other.values.get(column))
              .filter(Objects::nonNull)
              .mapToDouble(Double::doubleValue)
              .sorted()
              .toArray();
      cells[i] =
          new Cell(
              value, value != null && entry.competes && isBest(value, all, columns.get(i).better));
    }
    return new Row(entry.name, List.of(cells));
  }

  private static boolean isBest(double value, double[] ascending, Better better) {
    if (ascending.length == 0) {
      return false;
    }
    double least = ascending[0];
    double most = ascending[ascending.length - 1];
    return least != most
        && switch (better) {
          case LOW -> value == least;
          case HIGH -> value == most;
          case NEITHER -> false;
        };
  }
}
