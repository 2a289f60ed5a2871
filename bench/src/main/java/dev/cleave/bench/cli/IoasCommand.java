package dev.cleave.bench.cli;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Inputs;
import dev.cleave.bench.io.Outputs;
import dev.cleave.bench.io.Progress;
import dev.cleave.bench.ioas.LogCheck;
import dev.cleave.bench.ioas.LogCheckResult;
import dev.cleave.bench.ioas.LogDifference;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code cleave ioas}: the engine's address spaces against what a kernel answered. */
@Command(
    name = "ioas",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description =
        "Do what a log of /dev/iommu says on the engine's address spaces, and compare every answer"
            + " and every dump of the page tables with the kernel's.",
    footer = {
      "",
      "The leaves of a DUMP are expected in leaves/NAME.csv.gz beside the log; all",
      "columns are compared but domain, root and table addresses. Exit code 1 if",
      "anything differs.",
      "Areas are unmapped as iommufd does it, as a whole or not at all; by default the",
      "engine unmaps any part of one."
    })
final class IoasCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private Invocation invocation;

  @Option(
      names = "--check",
      paramLabel = "LOG",
      required = true,
      description = "The log; .gz is unpacked.")
  private String log;

  @Option(
      names = "--csv",
      paramLabel = "FILE",
      description = "Write the first differences as CSV, named as in JSON.")
  private @Nullable String csvFile;

  @Option(names = "--json", paramLabel = "FILE", description = "Write what is printed as JSON.")
  private String jsonFile;

  @Override
  public Integer call() throws IOException {
    if (log.equals(Inputs.STANDARD_INPUT)) {
      throw new BadInput("--check needs a file: the leaves of its dumps lie beside it");
    }
    Outputs.check(csvFile);
    Outputs.check(jsonFile);
    LogCheckResult result = check();
    print(spec.commandLine().getOut(), result);
    Outputs.csv(csvFile, List.of("line", "text", "what"), rows(result));
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("operations", result.operations());
    json.put("dumps", result.dumps());
    json.put("differences", result.differences());
    json.put("first", result.first());
    Invocation.json(jsonFile, json, invocation.provenance(null));
    return result.differences() == 0 ? ExitPolicy.OK : ExitPolicy.FAILED;
  }

  private static List<List<String>> rows(LogCheckResult result) {
    return result.first().stream()
        .map(found -> List.of(Long.toString(found.line()), found.text(), found.what()))
        .toList();
  }

  private LogCheckResult check() {
    Progress progress = invocation.progress();
    try (LogCheck check = new LogCheck(log)) {
      return check.run(line -> progress.at("lines", line, line));
    } finally {
      progress.clear();
    }
  }

  private static void print(PrintWriter out, LogCheckResult result) {
    out.printf("operations %d, differences %d%n", result.operations(), result.differences());
    for (LogDifference difference : result.first()) {
      out.printf("line %d: %s%n", difference.line(), difference.text());
      out.printf("  %s%n", difference.what());
    }
    out.flush();
  }
}
