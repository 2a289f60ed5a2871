package dev.cleave.bench.cli;

import dev.cleave.bench.provenance.Provenance;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The {@code cleave} command: parses, runs one subcommand and turns its end into an exit code. */
@Command(
    name = "cleave",
    description = "IOMMU page tables: decode, replay, compare, measure.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      ReplayCommand.class,
      InspectCommand.class,
      ExplainCommand.class,
      ConformCommand.class,
      BenchCommand.class,
      FootprintCommand.class,
      CompareCommand.class,
      TortureCommand.class,
      MigrateCommand.class,
      IoasCommand.class,
      InfoCommand.class,
      HelpCommand.class
    })
public final class Main implements Callable<Integer> {
  @Spec private CommandSpec spec;

  private Main() {}

  /**
   * Runs the command and ends the process.
   *
   * @param arguments the command line
   */
  public static void main(String[] arguments) {
    StandardError.restore();
    PrintWriter out = new PrintWriter(System.out, false, StandardCharsets.UTF_8);
    PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
    int code = run(out, err, arguments);
    out.flush();
    System.exit(code);
  }

  /**
   * Runs the command.
   *
   * @param out standard output
   * @param err standard error
   * @param arguments the command line
   * @return the exit code
   */
  static int run(PrintWriter out, PrintWriter err, String... arguments) {
    ExitPolicy policy = new ExitPolicy();
    try {
      CommandLine line = new CommandLine(new Main());
      ReplayGlossary.addTo(line.getSubcommands().get("replay"));
      MigrateGlossary.addTo(line.getSubcommands().get("migrate"));
      return line.setOut(out)
          .setErr(err)
          .setExpandAtFiles(false)
          .registerConverter(long.class, new NumberConverter())
          .registerConverter(Long.class, new NumberConverter())
          .setParameterExceptionHandler(policy)
          .setExecutionExceptionHandler(policy)
          .execute(arguments);
    } catch (Error e) {
      // What Java itself could not do, such as finding memory, is the user's to read in one line.
      return ExitPolicy.end(e, err);
    }
  }

  @Override
  public Integer call() {
    throw new ParameterException(
        spec.commandLine(),
        "a command is missing, expected one of " + String.join(", ", spec.subcommands().keySet()));
  }

  /** The version that the build wrote. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"cleave " + Provenance.programVersion()};
    }
  }
}
