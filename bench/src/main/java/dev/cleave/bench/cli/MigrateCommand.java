package dev.cleave.bench.cli;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Durations;
import dev.cleave.bench.io.Interruption;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.io.Progress;
import dev.cleave.bench.migrate.Fault;
import dev.cleave.bench.migrate.GuestMemory;
import dev.cleave.bench.migrate.Load;
import dev.cleave.bench.migrate.MergeBack;
import dev.cleave.bench.migrate.MigrateOptions;
import dev.cleave.bench.migrate.MigrationResult;
import dev.cleave.bench.migrate.PreCopy;
import dev.cleave.bench.migrate.Strategy;
import dev.cleave.bench.provenance.Provenance;
import dev.cleave.bench.report.MigrateReport;
import dev.cleave.engine.format.AmdV1;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code cleave migrate}: live migration under devices that write, strategy beside strategy. */
@Command(
    name = "migrate",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description =
        "Migrate a guest by pre-copy, in virtual time, while a device of the hardware model writes;"
            + " strategies of dirty tracking side by side.")
final class MigrateCommand implements Callable<Integer> {
  private static final long MOST_NANOS = 3_600_000_000_000L;
  private static final long MOST_BANDWIDTH = 1L << 44;
  private static final int MOST_COLD_READS = 100;
  private static final int DEFAULT_COLD_READS = 2;

  @Spec private CommandSpec spec;

  @Mixin private Invocation invocation;

  @Mixin private ResultFiles files;

  @Mixin private MigrateInput input;

  @Mixin private MigrateLoads deviceLoads;

  @Option(
      names = "--bandwidth",
      paramLabel = "RATE",
      defaultValue = "10G",
      description =
          "Of the link, in bytes (not bits) a second, K, M, G being powers of 1024 (default: 10G).")
  private long bandwidth;

  @Option(
      names = "--downtime",
      paramLabel = "TIME",
      defaultValue = "50ms",
      description =
          "How long devices may stand still: passes go on until the rest fits (default: 50ms).")
  private String downtime;

  @Option(
      names = "--strategy",
      paramLabel = "NAME",
      split = ",",
      description = "Which to compare, see below (default: all).")
  private @Nullable List<String> strategyNames;

  @Option(
      names = "--rmp",
      paramLabel = "MODE",
      defaultValue = "both",
      description =
          "Whether an RMP is checked, which makes large leaves and RMP entries follow each other:"
              + " on, off or both (default: both).")
  private String rmp;

  @Option(
      names = "--page-sizes",
      paramLabel = "SIZES",
      defaultValue = "4K,2M,1G",
      description = "Leaf sizes of the table: all, or a list (default: 4K,2M,1G).")
  private String pageSizes;

  @Option(
      names = "--merge",
      paramLabel = "WHEN",
      defaultValue = "end",
      description =
          "When leaves become large again: end, never, or cold[=N]: regions that N reads in a row"
              + " found clean, 2 by default, and the rest at the end (default: end).")
  private String merge;

  @Option(
      names = "--most-passes",
      paramLabel = "N",
      defaultValue = "30",
      description = "Devices are stopped after so many passes, 2 to 100 (default: 30).")
  private int mostPasses;

  @Option(
      names = "--flush-time",
      paramLabel = "TIME",
      defaultValue = "1us",
      description = "What the IOMMU takes for a command, while devices write (default: 1us).")
  private String flushTime;

  @Option(
      names = "--warm-up",
      paramLabel = "TIME",
      defaultValue = "250ms",
      description =
          "How long devices write before the migration and after it, for the IOTLB (default:"
              + " 250ms).")
  private String warmUp;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "What the device's writes depend on (default: 1).")
  private long seed;

  @Option(
      names = "--break",
      paramLabel = "FAULT",
      description =
          "Self-test: break tracking in one way, which must be found: clear-before-read, no-flush, or"
              + " late-bits (with --merge cold).")
  private @Nullable String fault;

  private final List<String> warnings = new ArrayList<>();

  @Override
  public Integer call() throws IOException {
    MigrateOptions options = options();
    List<Load> loads = deviceLoads.loads();
    List<Strategy> strategies = strategies();
    List<Boolean> rmps = rmps();
    files.check();
    Progress progress = invocation.progress();
    GuestMemory memory = input.read(progress, warnings::add);
    warnings.forEach(invocation::warn);
    loads = loads.stream().map(load -> load.within(memory.mappedBytes())).toList();
    int all = loads.size() * strategies.size() * rmps.size();
    List<MigrationResult> results = new ArrayList<>();
    try (Interruption interruption = Interruption.listen()) {
      for (Load load : loads) {
        for (boolean hasRmp : rmps) {
          for (Strategy strategy : strategies) {
            if (!interruption.isRequested()) {
              progress.at("migrations", results.size(), all);
              migrate(memory, options, strategy, hasRmp, load, interruption)
                  .ifPresent(results::add);
            }
          }
        }
      }
      progress.clear();
      if (!results.isEmpty()) {
        show(memory, options, results);
      }
      if (interruption.isRequested()) {
        invocation.sayInterrupted("%d of %d migrations were made".formatted(results.size(), all));
        return ExitPolicy.INTERRUPTED;
      }
    }
    return results.stream().allMatch(MigrationResult::isExact) ? ExitPolicy.OK : ExitPolicy.FAILED;
  }

  private MigrateOptions options() {
    check(
        bandwidth >= 4096 && bandwidth <= MOST_BANDWIDTH,
        "--bandwidth must be 4K to 16T bytes a second, got " + Numbers.size(bandwidth));
    check(
        mostPasses >= 2 && mostPasses <= MigrateOptions.MOST_PASSES,
        "--most-passes must be 2 to %d, got %d".formatted(MigrateOptions.MOST_PASSES, mostPasses));
    long sizes = PageSizes.parse(pageSizes, AmdV1.LINUX.leafSizes());
    check((sizes & 4096) != 0, "--page-sizes: 4K must be among them, got " + pageSizes);
    MergeBack mergeBack = mergeBack();
    Fault broken = fault == null ? Fault.NONE : named("--break", fault, Fault::of);
    check(
        broken != Fault.LATE_BITS || mergeBack.isOfCold(),
        "--break late-bits needs --merge cold: bits come late to tables that a merge replaces");
    return new MigrateOptions(
        bandwidth,
        nanos("--downtime", downtime),
        mostPasses,
        nanos("--flush-time", flushTime),
        nanos("--warm-up", warmUp),
        mergeBack,
        sizes,
        seed,
        broken);
  }

  private MergeBack mergeBack() {
    if (merge.equals("end")) {
      return MergeBack.END;
    }
    if (merge.equals("never")) {
      return MergeBack.NEVER;
    }
    if (merge.equals("cold")) {
      return MergeBack.cold(DEFAULT_COLD_READS);
    }
    if (merge.matches("cold=[0-9]{1,3}")) {
      int reads = Integer.parseInt(merge.substring("cold=".length()));
      if (reads >= 1 && reads <= MOST_COLD_READS) {
        return MergeBack.cold(reads);
      }
    }
    throw new BadInput(
        "--merge must be end, never, cold or cold=N with N from 1 to %d, got %s"
            .formatted(MOST_COLD_READS, merge));
  }

  private static long nanos(String option, String text) {
    long nanos;
    try {
      nanos = Durations.parse(text);
    } catch (NumberFormatException e) {
      throw new BadInput(option + ": " + e.getMessage());
    }
    check(nanos <= MOST_NANOS, option + " must be at most 3600s, got " + text);
    return nanos;
  }

  private List<Strategy> strategies() {
    return strategyNames == null
        ? Arrays.asList(Strategy.values())
        : strategyNames.stream()
            .map(word -> named("--strategy", word, Strategy::of))
            .distinct()
            .toList();
  }

  private List<Boolean> rmps() {
    return switch (rmp) {
      case "off" -> List.of(false);
      case "on" -> List.of(true);
      case "both" -> List.of(false, true);
      default -> throw new BadInput("--rmp must be on, off or both, got " + rmp);
    };
  }

  private static <T> T named(String option, String word, Function<String, T> find) {
    try {
      return find.apply(word);
    } catch (IllegalArgumentException e) {
      throw new BadInput(option + ": " + e.getMessage());
    }
  }

  private static void check(boolean isGood, String message) {
    if (!isGood) {
      throw new BadInput(message);
    }
  }

  /** One migration; nothing if it was cut short. */
  private static Optional<MigrationResult> migrate(
      GuestMemory memory,
      MigrateOptions options,
      Strategy strategy,
      boolean hasRmp,
      Load load,
      Interruption interruption) {
    try (PreCopy migration = new PreCopy(memory, options, strategy, hasRmp, load)) {
      MigrationResult result = migration.run(() -> !interruption.isRequested());
      return interruption.isRequested() ? Optional.empty() : Optional.of(result);
    }
  }

  private void show(GuestMemory memory, MigrateOptions options, List<MigrationResult> results)
      throws IOException {
    Map<String, Object> about = MigrateJson.input(input.words(), memory, options);
    MigrateText.print(spec.commandLine().getOut(), memory, options, results);
    Provenance provenance = invocation.provenance(seed);
    files.writeCsv(MigrateCsv.columns(), results.stream().map(MigrateCsv::row).toList());
    files.writeJson(MigrateJson.of(about, results, warnings), provenance);
    files.writeReport(() -> MigrateReport.of(memory, options, results, about, provenance));
  }
}
