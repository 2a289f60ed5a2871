package dev.cleave.bench.cli;

import dev.cleave.bench.io.Excerpt;
import dev.cleave.bench.io.Progress;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
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

  /** The command line, to be pasted into a shell. */
  String commandLine() {
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
