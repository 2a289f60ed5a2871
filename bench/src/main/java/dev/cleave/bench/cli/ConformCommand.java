package dev.cleave.bench.cli;

import dev.cleave.bench.conform.Conformance;
import dev.cleave.bench.conform.Conformance.Failure;
import dev.cleave.bench.conform.ConformanceResult;
import dev.cleave.bench.conform.qemu.Device;
import dev.cleave.bench.conform.qemu.GuestLayout;
import dev.cleave.bench.conform.qemu.Machine;
import dev.cleave.bench.conform.qemu.QemuFailure;
import dev.cleave.bench.conform.qemu.QemuOptions;
import dev.cleave.bench.conform.qemu.QemuVersion;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Interruption;
import dev.cleave.bench.io.Outputs;
import dev.cleave.bench.io.Progress;
import dev.cleave.bench.io.WorkFailed;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code cleave conform}: lets QEMU's AMD IOMMU judge tables that the engine writes. */
@Command(
    name = "conform",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description =
        "Let QEMU's AMD IOMMU translate DMA through the engine's tables and compare every answer.",
    footer = {
      "",
      "A case is made from the seed and its number alone: --seed S --case K runs one",
      "again.",
      "With --hold or --dump the tables of that case stay: read them with cleave",
      "inspect."
    })
final class ConformCommand implements Callable<Integer> {
  private static final long DEFAULT_SECONDS = 10;

  @Spec private CommandSpec spec;

  @Mixin private Invocation invocation;

  @Option(
      names = "--qemu",
      paramLabel = "PATH",
      defaultValue = QemuOptions.DEFAULT_PROGRAM,
      description = "The emulator (default: ${DEFAULT-VALUE} on the PATH).")
  private String qemu;

  @Option(
      names = "--seconds",
      paramLabel = "N",
      description = "Run cases for so long (default: " + DEFAULT_SECONDS + ").")
  private Long seconds;

  @Option(names = "--cases", paramLabel = "N", description = "Run so many cases instead.")
  private Long cases;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "Makes the cases (default: 1).")
  private long seed;

  @Option(names = "--case", paramLabel = "K", description = "Run one case alone.")
  private Long onlyCase;

  @Option(
      names = "--flush",
      paramLabel = "HOW",
      defaultValue = "immediate",
      description =
          "When flushes are issued: immediate (default), or deferred[=N]: up to N operations of a"
              + " domain owe theirs, 64 by default, and devices look at once at what they mapped.")
  private String flush;

  @Option(
      names = "--memory",
      paramLabel = "FILE",
      description = "Where guest memory lies while QEMU runs; removed at the end.")
  private Path memoryFile;

  @Option(
      names = "--hold",
      description =
          "With --case: keep QEMU and the tables until a line or the end of standard input.")
  private boolean isHeld;

  @Option(
      names = "--dump",
      paramLabel = "FILE",
      description = "With --case: let QEMU dump the memory with the tables as an ELF core.")
  private Path dumpFile;

  @Option(
      names = "--csv",
      paramLabel = "FILE",
      description = "Write what is printed as CSV: one row, named as in JSON.")
  private @Nullable String csvFile;

  @Option(names = "--json", paramLabel = "FILE", description = "Write what is printed as JSON.")
  private String jsonFile;

  @Override
  public Integer call() throws IOException {
    int mostOutstanding = DeferredFlush.parse(flush);
    check(seconds == null || cases == null, "give --seconds or --cases, not both");
    check(seconds == null || seconds > 0, "--seconds must be at least 1");
    check(cases == null || cases > 0, "--cases must be at least 1");
    check(onlyCase == null || onlyCase >= 0, "--case must be 0 or more");
    check(
        onlyCase == null || (seconds == null && cases == null),
        "--case runs one case: leave out --seconds and --cases");
    check(onlyCase != null || (!isHeld && dumpFile == null), "--hold and --dump need --case");
    check(memoryFile == null || !Files.exists(memoryFile), memoryFile + ": exists already");
    Outputs.check(csvFile);
    Outputs.check(jsonFile);
    try (Interruption interruption = Interruption.listen()) { // before QEMU is asked anything
      try {
        return run(mostOutstanding, interruption);
      } catch (QemuFailure e) {
        if (interruption.isRequestedNowOrSoon()) {
          return interrupted(0); // it was still to start, or in its only case
        }
        throw new WorkFailed(e.getMessage());
      }
    }
  }

  private static void check(boolean isGood, String message) {
    if (!isGood) {
      throw new BadInput(message);
    }
  }

  private int run(int mostOutstanding, Interruption interruption) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    QemuVersion version = QemuVersion.of(qemu);
    out.println(version.text());
    long start = System.nanoTime();
    Optional<Failure> failure;
    ConformanceResult result;
    try (Machine machine = Machine.start(new QemuOptions(qemu, memoryFile))) {
      Conformance conformance = new Conformance(machine, seed, mostOutstanding);
      failure =
          onlyCase == null
              ? runMany(conformance, start, interruption)
              : runOne(conformance, machine, interruption);
      result = conformance.result();
      Duration took = Duration.ofNanos(System.nanoTime() - start);
      ConformText.print(out, result, flush, failure, took);
      out.flush();
      Map<String, Object> json = ConformJson.of(version, seed, flush, result, failure, took);
      Invocation.csv(csvFile, List.of(json));
      Invocation.json(jsonFile, json, invocation.provenance(seed));
      if (interruption.isRequested()) {
        return interrupted(result.cases());
      }
    }
    return failure.isPresent() ? ExitPolicy.FAILED : ExitPolicy.OK;
  }

  private int interrupted(long cases) {
    invocation.sayInterrupted("after %d cases".formatted(cases));
    return ExitPolicy.INTERRUPTED;
  }

  private Optional<Failure> runMany(
      Conformance conformance, long start, Interruption interruption) {
    Progress progress = invocation.progress();
    long limit = Duration.ofSeconds(seconds == null ? DEFAULT_SECONDS : seconds).toNanos();
    Optional<Failure> failure = Optional.empty();
    try {
      for (long number = 0;
          failure.isEmpty() && !interruption.isRequested() && goesOn(number, start, limit);
          number++) {
        failure = conformance.run(number, () -> {});
        progress.at("cases", number + 1, expected(number + 1, start, limit));
      }
    } catch (QemuFailure e) {
      if (!interruption.isRequestedNowOrSoon()) {
        throw e;
      }
    } finally {
      progress.clear();
    }
    return failure;
  }

  /** How many cases there will be, or are likely to be in the time given. */
  private long expected(long done, long start, long limit) {
    double part = (double) (System.nanoTime() - start) / limit;
    return cases == null ? Math.max(done, Math.round(done / part)) : cases;
  }

  private boolean goesOn(long number, long start, long limit) {
    return cases == null ? System.nanoTime() - start < limit : number < cases;
  }

  private Optional<Failure> runOne(
      Conformance conformance, Machine machine, Interruption interruption) throws IOException {
    Observation observation = new Observation(machine, interruption);
    Optional<Failure> failure = conformance.run(onlyCase, observation::look);
    if (observation.failure != null) {
      throw observation.failure;
    }
    return failure;
  }

  /** What is done with the tables of one case. */
  private final class Observation {
    private final Machine machine;
    private final Interruption interruption;
    private @Nullable IOException failure;

    private Observation(Machine machine, Interruption interruption) {
      this.machine = machine;
      this.interruption = interruption;
    }

    private void look() {
      try {
        if (dumpFile != null) {
          machine.dump(dumpFile);
        }
        if (isHeld) {
          PrintWriter out = spec.commandLine().getOut();
          out.printf("guest memory: %s%n", machine.memory().file());
          out.printf(
              "device table: 0x%x, e1000 is 00:%02x.0%n",
              GuestLayout.DEVICE_TABLE, Device.E1000.id() >> 3);
          out.flush();
          interruption.awaitInput(System.in);
        }
      } catch (IOException e) {
        failure = e;
      }
    }
  }
}
