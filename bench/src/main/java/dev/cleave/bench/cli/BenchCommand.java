package dev.cleave.bench.cli;

import dev.cleave.bench.footprint.Footprints;
import dev.cleave.bench.footprint.MadePattern;
import dev.cleave.bench.footprint.TableFootprint;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Interruption;
import dev.cleave.bench.io.Outputs;
import dev.cleave.bench.io.Progress;
import dev.cleave.bench.io.WorkFailed;
import dev.cleave.bench.jmh.Effort;
import dev.cleave.bench.jmh.PairResult;
import dev.cleave.bench.jmh.PairRunner;
import dev.cleave.bench.jmh.Pairs;
import dev.cleave.bench.provenance.Provenance;
import dev.cleave.bench.replay.Policy;
import dev.cleave.bench.report.BenchReport;
import dev.cleave.bench.stability.Stability;
import dev.cleave.bench.stability.StabilityRow;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.NoBenchmarksException;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code cleave bench}: measures the engine against other ways, pair by pair. */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description = "Measure the engine beside other ways of doing the same, in the same run.",
    footer = {
      "",
      "work, against  what is measured, and beside what; then the time of one",
      "               operation of each",
      "ratio          of the two times (of other amounts where the unit says so)",
      "error          half of the ratio's 95%% confidence interval",
      "limit          the largest ratio that is good enough: ok, or above",
      "1000 adds      time of 1000 chained additions around it: the pace of a core",
      "C, of C        what Linux's C code would take here, scaled by that or by a",
      "               fill; the work's part of it",
      "loud           in all of its JVMs that pace moved by over 10%%, or a neighbour",
      "               had a part of the core; a sixteenth is measured again for that",
      "",
      "Times are medians of the iterations of all JVMs; the error is half the 95%%",
      "confidence interval of the ratio. Let the machine be quiet. After -- come",
      "JMH's own options: -- -l lists all benchmarks.",
      "",
      "--stability measures every kernel and operation in JVMs of its own: those of",
      "AMD v1, of x86-64 and of both, each in another order, every other one beside",
      "a busy thread. best and worst are medians of a JVM, at one pace of the core;",
      "B/op is what all threads put on the heap in the worst."
    })
final class BenchCommand implements Callable<Integer> {
  private static final String DEFAULT_FORKS = "30";
  private static final String DEFAULT_SECONDS = "6";

  private static final double METADATA_LIMIT = 1.01;
  private static final long WEIGHED_GUEST_BYTES = 16L << 30;
  private static final double WEIGHED_SHARE = 0.001;

  @Spec private CommandSpec spec;

  @Mixin private Invocation invocation;

  @Mixin private ResultFiles files;

  @Option(names = "--quick", description = "Measure every pair, in less than six minutes.")
  private boolean isQuick;

  @Option(names = "--full", description = "Measure every pair five times as often and longer.")
  private boolean isFull;

  @Option(
      names = "--stability",
      description = "Measure the worst and the best of many fresh JVMs, in about six minutes.")
  private boolean isStability;

  @Option(
      names = "--forks",
      paramLabel = "N",
      defaultValue = DEFAULT_FORKS,
      description = "How many JVMs --stability starts (default: ${DEFAULT-VALUE}).")
  private int forks;

  @Option(
      names = "--seconds",
      paramLabel = "S",
      defaultValue = DEFAULT_SECONDS,
      description = "How long each of them measures (default: ${DEFAULT-VALUE}).")
  private double seconds;

  @Option(
      names = "--jmh-json",
      paramLabel = "FILE",
      description = "Write JMH's own results of the pairs, every iteration of them.")
  private String jmhJsonFile;

  @Parameters(paramLabel = "JMH", description = "After --: options of JMH, instead of the pairs.")
  private List<String> jmhArguments = List.of();

  @Override
  public Integer call() throws IOException {
    checkJmhArguments();
    int chosen =
        (isQuick ? 1 : 0)
            + (isFull ? 1 : 0)
            + (isStability ? 1 : 0)
            + (jmhArguments.isEmpty() ? 0 : 1);
    if (chosen != 1) {
      throw new BadInput(
          "bench: expected one of --quick, --full, --stability, or -- and JMH's own options");
    }
    checkStabilityOptions();
    if (!jmhArguments.isEmpty()) {
      return runJmh();
    }
    files.check();
    Outputs.check(jmhJsonFile);
    if (isStability) {
      return runStability();
    }
    try (Interruption interruption = Interruption.listen(BenchCommand::endForks)) {
      PairRunner runner = new PairRunner(Pairs.ALL, isFull ? Effort.FULL : Effort.QUICK, 1);
      List<PairResult> results = measure(runner, interruption);
      BenchText.print(spec.commandLine().getOut(), results);
      write(results, runner.kernels());
      if (jmhJsonFile != null) {
        runner.writeJmhJson(Path.of(jmhJsonFile));
      }
      if (interruption.isRequested()) {
        invocation.sayInterrupted(
            "%d of %d pairs were measured".formatted(results.size(), Pairs.ALL.size()));
        return ExitPolicy.INTERRUPTED;
      }
      return ExitPolicy.OK;
    }
  }

  /** What --stability would leave out is refused, as is what only it has. */
  private void checkStabilityOptions() {
    if (!isStability) {
      for (String option : List.of("--forks", "--seconds")) {
        if (spec.commandLine().getParseResult().hasMatchedOption(option)) {
          throw new BadInput("bench: %s is of --stability".formatted(option));
        }
      }
      return;
    }
    if (forks < 1) {
      throw new BadInput("bench: --forks must be at least 1, forks=" + forks);
    }
    if (!(seconds > 0) || !Double.isFinite(seconds)) {
      throw new BadInput("bench: --seconds must be above 0, seconds=" + seconds);
    }
    for (String option : chosenFiles().keySet()) {
      if (!option.equals("--json") && !option.equals("--csv")) {
        throw new BadInput("bench: %s is of pairs, and --stability has none".formatted(option));
      }
    }
  }

  private int runStability() throws IOException {
    Stability stability = new Stability(forks, seconds);
    Progress progress = invocation.progress();
    try (Interruption interruption = Interruption.listen(BenchCommand::endForks)) {
      stability.run(number -> {
        progress.at("JVMs", number, forks);
        return !interruption.isRequestedNowOrSoon();
      });
      progress.clear();
      List<StabilityRow> rows = stability.rows();
      BenchText.printStability(
          spec.commandLine().getOut(),
          rows,
          stability.chainNanos(),
          stability.again(),
          stability.loud());
      Provenance provenance = invocation.provenance(null);
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("machine", provenance.machine());
      json.put("stability", rows);
      if (!rows.isEmpty()) {
        json.put("chainNs", stability.chainNanos());
      }
      json.put("measuredAgain", stability.again());
      json.put("leftOut", stability.loud());
      files.writeJson(json, provenance);
      files.writeCsv(BenchText.STABILITY_CSV, rows.stream().map(BenchText::fields).toList());
      if (interruption.isRequested()) {
        invocation.sayInterrupted("%d of %d JVMs measured".formatted(stability.done(), forks));
        return ExitPolicy.INTERRUPTED;
      }
      return ExitPolicy.OK;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new WorkFailed("interrupted while a JVM measured");
    } finally {
      progress.clear();
    }
  }

  /** What stands before -- is ours and what stands behind it JMH's, whose results are its own. */
  private void checkJmhArguments() {
    List<String> all = spec.root().commandLine().getParseResult().originalArgs();
    int separator = all.indexOf("--");
    int ours =
        separator < 0 ? jmhArguments.size() : jmhArguments.size() - (all.size() - separator - 1);
    if (ours > 0) {
      throw new BadInput(
          "bench: '%s' would be JMH's, whose options stand behind --: cleave bench -- %s"
              .formatted(jmhArguments.getFirst(), String.join(" ", jmhArguments)));
    }
    if (separator >= 0 && jmhArguments.isEmpty()) {
      throw new BadInput("bench: nothing stands behind --, expected JMH's own options");
    }
    if (jmhArguments.isEmpty()) {
      return;
    }
    chosenFiles()
        .forEach((option, file) -> {
          throw new BadInput(
              "bench: %s is of pairs, and with -- there are none; JMH writes its results with"
                      .formatted(option)
                  + " -rf json -rff "
                  + file);
        });
  }

  /** What is to be written, by its option. */
  private SequencedMap<String, String> chosenFiles() {
    SequencedMap<String, String> chosen = files.chosen();
    if (jmhJsonFile != null) {
      chosen.put("--jmh-json", jmhJsonFile);
    }
    return chosen;
  }

  /** JMH measures in JVMs of its own, and nobody waits for them when the user asks to end. */
  private static void endForks() {
    ProcessHandle.current().descendants().forEach(ProcessHandle::destroy);
  }

  private List<PairResult> measure(PairRunner runner, Interruption interruption)
      throws IOException {
    Progress progress = invocation.progress();
    try {
      List<PairResult> results =
          new ArrayList<>(
              runner.run(
                  new PairRunner.Watcher() {
                    private int done;

                    @Override
                    public void begins(String work) {
                      progress.at("runs of pairs", done++, runner.runs());
                    }

                    @Override
                    public boolean goesOn() {
                      return !interruption.isRequested();
                    }
                  }));
      if (!interruption.isRequested()) {
        results.add(runner.heapBytes());
        results.add(metadata());
      }
      return results;
    } catch (RunnerException e) {
      Path log = Files.createTempFile("cleave-bench", ".log");
      Files.writeString(log, runner.log());
      throw new WorkFailed("a benchmark failed: " + e.getMessage() + "; JMH's output is in " + log);
    } finally {
      progress.clear();
    }
  }

  private void write(List<PairResult> results, List<String> kernels) throws IOException {
    Provenance provenance = invocation.provenance(null);
    provenance.machine().put("kernelsOfForks", kernels);
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("machine", provenance.machine());
    json.put("pairs", results);
    files.writeJson(json, provenance);
    files.writeCsv(BenchText.CSV, results.stream().map(BenchText::fields).toList());
    if (!results.isEmpty()) {
      Map<String, String> input = Map.of("effort", isFull ? "full" : "quick");
      files.writeReport(() -> BenchReport.of(results, input, provenance));
    }
  }

  /** Pages and what is kept beside them, of the policy that is furthest from the minimum. */
  private static PairResult metadata() {
    Footprints footprints = new Footprints(MadePattern.SCATTERED, Footprints.SEED);
    TableFootprint worst =
        Stream.of(Policy.values())
            .filter(policy -> !policy.isSharedBacked())
            .map(policy -> footprints.table(WEIGHED_GUEST_BYTES, WEIGHED_SHARE, policy))
            .max(Comparator.comparingDouble(TableFootprint::ratio))
            .orElseThrow();
    return new PairResult(
        "table pages + metadata of 16 GiB, 0.1% shared, " + worst.policy(),
        "pages the tree cannot do without",
        (double) worst.tableBytes() + worst.metadataBytes(),
        worst.minimumBytes(),
        worst.ratio(),
        METADATA_LIMIT,
        0,
        "B");
  }

  private int runJmh() throws IOException {
    try {
      CommandLineOptions options = new CommandLineOptions(jmhArguments.toArray(String[]::new));
      Runner runner = new Runner(options);
      if (options.shouldHelp()) {
        options.showHelp();
      } else if (options.shouldList()) {
        runner.list();
      } else if (options.shouldListWithParams()) {
        runner.listWithParams(options);
      } else if (options.shouldListProfilers()) {
        options.listProfilers();
      } else if (options.shouldListResultFormats()) {
        options.listResultFormats();
      } else {
        Collection<RunResult> results = runner.run();
        if (results.stream().allMatch(result -> result.getBenchmarkResults().isEmpty())) {
          throw new WorkFailed("no benchmark brought a result; JMH says above why");
        }
      }
      return ExitPolicy.OK;
    } catch (CommandLineOptionException e) {
      throw new BadInput("bench: JMH does not understand its options: " + e.getMessage());
    } catch (NoBenchmarksException e) {
      throw new WorkFailed(
          "no benchmark has such a name: %s; cleave bench -- -l lists them"
              .formatted(String.join(" ", jmhArguments)));
    } catch (RunnerException e) {
      throw new WorkFailed("JMH failed: " + e.getMessage());
    }
  }
}
