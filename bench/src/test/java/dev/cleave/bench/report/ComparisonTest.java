package dev.cleave.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.bench.figure.Better;
import dev.cleave.bench.figure.Unit;
import dev.cleave.bench.report.Comparison.Column;
import dev.cleave.bench.report.Comparison.Entry;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class ComparisonTest {
  private static List<Boolean> marks(Better better, Integer... values) {
    List<Column> columns = List.of(new Column("c", "c", Unit.COUNT, better, ""));
    return Comparison.of(
            "s",
            columns,
            Arrays.stream(values).map(value -> Entry.of("e", true, Arrays.asList(value))).toList())
        .rows()
        .stream()
        .map(row -> row.cells().getFirst().isMarked())
        .toList();
  }

  @Test
  void theLeastWinsWhereLessIsBetterAndMayShareTheFirstPlace() {
    assertEquals(List.of(false, true, true), marks(Better.LOW, 3, 1, 1));
  }

  @Test
  void theMostWinsWhereMoreIsBetter() {
    assertEquals(List.of(true, false, false), marks(Better.HIGH, 3, 1, null));
  }

  @Test
  void nobodyWinsWhereAllAreEqualOrNothingIsBetter() {
    assertEquals(List.of(false, false), marks(Better.LOW, 2, 2));
    assertEquals(List.of(false, false), marks(Better.NEITHER, 1, 2));
  }

  @Test
  void whatWasCutShortCannotWin() {
    List<Column> columns = List.of(new Column("c", "c", Unit.COUNT, Better.LOW, ""));
    Comparison comparison =
        Comparison.of(
            "s",
            columns,
            List.of(
                Entry.of("a", true, List.of(5)),
                Entry.of("b", true, List.of(7)),
                Entry.of("c", false, List.of(1))));
    assertEquals(
        List.of(true, false, false),
        comparison.rows().stream().map(row -> row.cells().getFirst().isMarked()).toList());
  }
}
