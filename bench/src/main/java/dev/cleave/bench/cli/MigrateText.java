package dev.cleave.bench.cli;

import dev.cleave.bench.io.Durations;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.migrate.GuestMemory;
import dev.cleave.bench.migrate.Load;
import dev.cleave.bench.migrate.LostPage;
import dev.cleave.bench.migrate.MigrateOptions;
import dev.cleave.bench.migrate.MigrationColumn;
import dev.cleave.bench.migrate.MigrationResult;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The comparison of strategies for a person: a table for each load, and what was lost. */
final class MigrateText {
  private static final double NANOS_PER_SECOND = 1e9;

  private MigrateText() {}

  static void print(
      PrintWriter out, GuestMemory memory, MigrateOptions options, List<MigrationResult> results) {
    out.printf(
        "%s over a link of %s bytes a second; devices may stand still for %s%n",
        Numbers.size(memory.mappedBytes()),
        Numbers.size(options.bandwidth()),
        Durations.words(options.downtimeNanos()));
    for (Load load : results.stream().map(MigrationResult::load).distinct().toList()) {
      List<MigrationResult> of =
          results.stream().filter(result -> result.load().equals(load)).toList();
      out.printf("%n%s: %s%n%n", load.pattern().word(), words(load, memory));
      table(out, of);
      of.forEach(result -> losses(out, result));
    }
    out.flush();
  }

  private static String words(Load load, GuestMemory memory) {
    return "%s a second to %s"
        .formatted(
            Numbers.size(load.bytesPerSecond()),
            load.workingSetBytes() >= memory.mappedBytes()
                ? "all of it"
                : Numbers.size(load.workingSetBytes()));
  }

  private static void table(PrintWriter out, List<MigrationResult> results) {
    List<MigrationColumn> columns =
        List.of(MigrationColumn.values()).stream()
            .filter(column -> column != MigrationColumn.CONVERGED) // the live time says it
            .toList();
    List<List<String>> rows = new ArrayList<>();
    List<String> header = new ArrayList<>(List.of("strategy"));
    columns.forEach(column -> header.add(column.heading()));
    rows.add(header);
    for (MigrationResult result : results) {
      List<String> row = new ArrayList<>(List.of(result.name()));
      columns.forEach(column -> row.add(cell(column, result)));
      rows.add(row);
    }
    TextTable.print(out, rows, 1);
    if (results.stream().anyMatch(result -> !result.hasConverged())) {
      out.println("* did not converge: devices were stopped because the rest grew no smaller");
    }
  }

  private static String cell(MigrationColumn column, MigrationResult result) {
    Number figure = column.of(result);
    if (figure == null) {
      return "-";
    }
    String text = TextTable.number(column.unit(), figure);
    boolean isMarked = column == MigrationColumn.LIVE_NANOS && !result.hasConverged();
    return isMarked ? "*" + text : text;
  }

  private static void losses(PrintWriter out, MigrationResult result) {
    if (result.refused() > 0) {
      out.printf(
          "%s: %d accesses were refused: %s%n",
          result.name(), result.refused(), result.firstRefusal());
    }
    if (result.lostPages() > 0) {
      long pages = result.lostPages();
      out.printf("%s: %d page%s lost%n", result.name(), pages, pages == 1 ? "" : "s");
      result.lost().forEach(page -> out.println("  " + words(page)));
      if (result.lost().size() < result.lostPages()) {
        out.printf("  and %d more%n", result.lostPages() - result.lost().size());
      }
    }
  }

  private static String words(LostPage page) {
    return String.format(
        Locale.ROOT,
        "iova %s, written at %.6f s (%s), %s",
        Numbers.hex(page.iova()),
        page.writtenNanos() / NANOS_PER_SECOND,
        page.writtenInPass() == 0 ? "before the first pass" : "pass " + page.writtenInPass(),
        page.sentInPass() == 0 ? "never sent" : "last sent in pass " + page.sentInPass());
  }
}
