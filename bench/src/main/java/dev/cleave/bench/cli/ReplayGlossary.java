package dev.cleave.bench.cli;

import dev.cleave.bench.replay.ReplayColumn;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Model.UsageMessageSpec;

/** What every column of a replay says, for {@code replay --help}. */
final class ReplayGlossary {
  private ReplayGlossary() {}

  /** Adds it to what help of the command says. */
  static void addTo(CommandLine replay) {
    UsageMessageSpec usage = replay.getCommandSpec().usageMessage();
    List<String> footer = new ArrayList<>(List.of(usage.footer()));
    footer.add("");
    footer.add("Columns, and their names in JSON where they differ:");
    for (ReplayColumn column : ReplayColumn.values()) {
      String heading = column.heading() != null ? column.heading() : column.key();
      String key = heading.equals(column.key()) ? "" : " (" + column.key() + ")";
      footer.add("  " + heading + key);
      footer.add("      " + column.note().replace("%", "%%"));
    }
    usage.footer(footer.toArray(String[]::new));
  }
}
