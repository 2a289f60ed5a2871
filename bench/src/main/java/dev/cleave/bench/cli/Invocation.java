package dev.cleave.bench.cli;

import dev.cleave.bench.io.Excerpt;
import dev.cleave.bench.io.FlatRows;
import dev.cleave.bench.io.Outputs;
import dev.cleave.bench.io.Progress;
import dev.cleave.bench.provenance.Provenance;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What commands whose work is long have in common. */
final class Invocation {
  private static final Pattern PLAIN = Pattern.compile("[\\w./,:=%+@-]+");

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(names = "--quiet", description = "Show no progress, not even at a terminal.")
  private boolean isQuiet;

  /** Progress of work that begins now. */
  Progress progress() {
    return Progress.on(spec.commandLine().getErr(), isQuiet);
  }

  /** Says what a person has to know, in one line on standard error. */
  void warn(String warning) {
    spec.commandLine().getErr().println("cleave: warning: " + Excerpt.printable(warning));
  }

  /** Says that the work was cut short. */
  void sayInterrupted(String how) {
    spec.commandLine().getErr().println("cleave: interrupted: " + how);
  }

  /** What has to be known of a result that is ready now, to make it again. */
  Provenance provenance(@Nullable Long seed) {
    return provenance(spec, seed);
  }

  /** The same, for commands whose work is short. */
  static Provenance provenance(CommandSpec spec, @Nullable Long seed) {
    return Provenance.now(commandLine(spec), seed);
  }

  /**
   * Writes a result as JSON, and where it comes from.
   *
   * @param file a path, or null to write nothing
   * @param result what is printed; {@code provenance} is added
   */
  static void json(@Nullable String file, Map<String, Object> result, Provenance provenance)
      throws IOException {
    if (file != null) {
      Map<String, Object> json = new LinkedHashMap<>(result);
      json.put("provenance", provenance);
      Outputs.json(file, json);
    }
  }

  /**
   * Writes results as CSV, one row each.
   *
   * @param file a path, or null to write nothing
   * @param results what is printed, with JSON's names
   */
  static void csv(@Nullable String file, List<?> results) throws IOException {
    if (file != null) {
      FlatRows flat = FlatRows.of(results);
      Outputs.csv(file, flat.columns(), flat.rows());
    }
  }

  /** The command line, to be pasted into a shell. */
  private static String commandLine(CommandSpec spec) {
    List<String> arguments = spec.root().commandLine().getParseResult().originalArgs();
    return "./cleave "
        + arguments.stream().map(Invocation::quoted).collect(Collectors.joining(" "));
  }

  private static String quoted(String argument) {
    return PLAIN.matcher(argument).matches()
        ? argument
        : "'" + argument.replace("'", "'\\''") + "'";
  }
}
