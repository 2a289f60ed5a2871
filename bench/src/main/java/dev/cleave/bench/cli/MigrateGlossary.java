package dev.cleave.bench.cli;

import dev.cleave.bench.migrate.MigrationColumn;
import dev.cleave.bench.migrate.Strategy;
import dev.cleave.bench.migrate.WritePattern;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;

/** What strategies, patterns and columns are, for {@code migrate --help}. */
final class MigrateGlossary {
  private MigrateGlossary() {}

  /** Adds it to what help of the command says. */
  static void addTo(CommandLine migrate) {
    List<String> footer = new ArrayList<>();
    footer.add("");
    footer.add("A pass sends pages while the device writes; then dirty bits are read and cleared,");
    footer.add("leaves split and merged, and the IOTLB flushed. When the rest fits the allowed");
    footer.add(
        "downtime, or grows no smaller, the device is stopped and the rest is sent. Then the");
    footer.add("destination is compared: exit code 1 if a page is lost or an access refused.");
    footer.add("Time is virtual but for what the engine took, which is not part of it.");
    footer.add("");
    footer.add("Strategies:");
    for (Strategy strategy : Strategy.values()) {
      footer.add("  %-16s %s".formatted(strategy.word(), strategy.note()));
    }
    footer.add("");
    footer.add("Patterns:");
    for (WritePattern pattern : WritePattern.values()) {
      footer.add("  %-16s %s".formatted(pattern.word(), pattern.note()));
    }
    footer.add("");
    footer.add("Columns, and their names in JSON where they differ:");
    for (MigrationColumn column : MigrationColumn.values()) {
      boolean isSame = column.heading().equals(column.word());
      footer.add("  " + column.heading() + (isSame ? "" : " (" + column.word() + ")"));
      footer.add("      " + column.note().replace("%", "%%"));
    }
    migrate.getCommandSpec().usageMessage().footer(footer.toArray(String[]::new));
  }
}
