package dev.cleave.bench.cli;

import dev.cleave.bench.replay.ReplayColumn;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Model.UsageMessageSpec;

/** What every column of a replay says, for {@code replay --help}. */
final class ReplayGlossary {
  private static final String INDENT = "      ";
  private static final int MOST_COLUMNS = 79;

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
      footer.addAll(wrapped(column.note().replace("%", "%%")));
    }
    usage.footer(footer.toArray(String[]::new));
  }

  /** A note as lines that a terminal shows whole. */
  private static List<String> wrapped(String note) {
    List<String> lines = new ArrayList<>();
    StringBuilder line = new StringBuilder(INDENT);
    for (String word : note.split(" ", -1)) {
      if (line.length() > INDENT.length() && line.length() + word.length() > MOST_COLUMNS) {
        lines.add(line.toString().stripTrailing());
        line.setLength(INDENT.length());
      }
      line.append(word).append(' ');
    }
    lines.add(line.toString().stripTrailing());
    return lines;
  }
}
