package dev.cleave.bench.cli;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Interruption;
import dev.cleave.bench.io.Outputs;
import dev.cleave.bench.io.Progress;
import dev.cleave.bench.torture.Fault;
import dev.cleave.bench.torture.OperationKind;
import dev.cleave.bench.torture.Torture;
import dev.cleave.bench.torture.TortureResult;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * {@code cleave torture}: writers, devices and readers on one table, and a checker of each page.
 */
@Command(
    name = "torture",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description =
        "Change a live table in many threads while devices and readers use it, and check what each"
            + " page is seen as.",
    footer = {
      "",
      "Beside the writers there are half as many devices, which cache translations and",
      "set accessed and dirty bits, one reader, and one thread that completes flushes",
      "in any order.",
      "The seed makes all choices; when threads meet is chance. Exit code 1 on a",
      "violation."
    })
final class TortureCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private Invocation invocation;

  @Option(
      names = "--seconds",
      paramLabel = "N",
      defaultValue = "10",
      description = "How long (default: ${DEFAULT-VALUE}).")
  private long seconds;

  @Option(
      names = "--threads",
      paramLabel = "N",
      defaultValue = "4",
      description = "Writers, 1 to " + Torture.MOST_WRITERS + " (default: ${DEFAULT-VALUE}).")
  private int threads;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "Makes the choices (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--break",
      paramLabel = "FAULT",
      hidden = true,
      description = "Self-test: break the engine in one way, which must be found.")
  private String fault;

  @Option(
      names = "--flush",
      paramLabel = "HOW",
      defaultValue = "immediate",
      description =
          "immediate, or deferred[=N]: flush when N operations owe something, 64 by default"
              + " (default: ${DEFAULT-VALUE}).")
  private String flush;

  @Option(
      names = "--csv",
      paramLabel = "FILE",
      description = "Write what is printed as CSV: one row, named as in JSON.")
  private @Nullable String csvFile;

  @Option(names = "--json", paramLabel = "FILE", description = "Write what is printed as JSON.")
  private String jsonFile;

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (seconds < 1) {
      throw new BadInput("--seconds must be at least 1, seconds=" + seconds);
    }
    if (threads < 1 || threads > Torture.MOST_WRITERS) {
      throw new BadInput("--threads must be 1 to " + Torture.MOST_WRITERS + ", threads=" + threads);
    }
    Outputs.check(csvFile);
    Outputs.check(jsonFile);
    Fault broken = fault();
    int deferred = DeferredFlush.parse(flush);
    try (Interruption interruption = Interruption.listen()) {
      TortureResult result = run(broken, deferred, interruption);
      print(spec.commandLine().getOut(), result);
      Invocation.csv(csvFile, List.of(json(broken, result)));
      Invocation.json(jsonFile, json(broken, result), invocation.provenance(seed));
      if (result.violation() != null) {
        return ExitPolicy.FAILED;
      }
      if (interruption.isRequested()) {
        invocation.sayInterrupted("after %.0f s".formatted(result.nanos() / 1e9));
        return ExitPolicy.INTERRUPTED;
      }
    }
    return ExitPolicy.OK;
  }

  private TortureResult run(Fault broken, int deferred, Interruption interruption)
      throws InterruptedException {
    Progress progress = invocation.progress();
    long time = TimeUnit.SECONDS.toNanos(seconds);
    long start = System.nanoTime();
    try {
      return new Torture(
              threads,
              seed,
              broken,
              deferred,
              done -> {
                double part = (double) (System.nanoTime() - start) / time;
                progress.at("operations", done, Math.max(done, Math.round(done / part)));
                return !interruption.isRequested();
              })
          .run(time);
    } finally {
      progress.clear();
    }
  }

  private Fault fault() {
    if (fault == null) {
      return Fault.NONE;
    }
    return Arrays.stream(Fault.values())
        .filter(one -> one != Fault.NONE && one.word().equals(fault))
        .findAny()
        .orElseThrow(() ->
            new BadInput(
                "--break must be one of "
                    + String.join(
                        ", ", Arrays.stream(Fault.values()).skip(1).map(Fault::word).toList())
                    + ", break="
                    + fault));
  }

  private static double rate(TortureResult result) {
    return result.allOperations() * 1e9 / result.nanos();
  }

  private void print(PrintWriter out, TortureResult result) {
    result
        .operations()
        .forEach((kind, done) -> out.printf(Locale.ROOT, "%-16s %12d%n", kind.word(), done));
    out.printf(
        Locale.ROOT,
        "%-16s %12d   %.0f a second in %d writers, %.1f s%n",
        "operations",
        result.allOperations(),
        rate(result),
        threads,
        result.nanos() / 1e9);
    out.printf(
        Locale.ROOT,
        "%nbeside them: %d device accesses (%d answered from a cache), %d marks,"
            + " %d translations; %d flushes; %d tables%n",
        result.accesses(),
        result.hits(),
        result.marks(),
        result.translations(),
        result.flushes(),
        result.rounds());
    if (result.violation() == null) {
      out.println("violations: 0");
    } else {
      out.println("violation: " + result.violation());
      result.last().forEach(line -> out.println("  " + line));
      String how = flush.equals("immediate") ? "" : " --flush " + flush;
      out.printf("again: cleave torture --threads %d --seed %d%s%n", threads, seed, how);
    }
    out.flush();
  }

  private Map<String, Object> json(Fault broken, TortureResult result) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("threads", threads);
    json.put("seed", seed);
    json.put("broken", broken.word());
    json.put("seconds", result.nanos() / 1e9);
    json.put("operations", result.allOperations());
    json.put("operationsPerSecond", rate(result));
    Map<String, Object> kinds = new LinkedHashMap<>();
    for (OperationKind kind : OperationKind.values()) {
      kinds.put(kind.word(), result.operations().get(kind));
    }
    json.put("kinds", kinds);
    json.put("deviceAccesses", result.accesses());
    json.put("deviceCacheHits", result.hits());
    json.put("marks", result.marks());
    json.put("translations", result.translations());
    json.put("flushes", result.flushes());
    json.put("tables", result.rounds());
    json.put("violations", result.violation() == null ? 0 : 1);
    json.put("violation", result.violation());
    json.put("lastOperations", result.last());
    return json;
  }
}
