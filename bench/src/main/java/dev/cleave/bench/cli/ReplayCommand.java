package dev.cleave.bench.cli;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Csv;
import dev.cleave.bench.io.Interruption;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.io.Outputs;
import dev.cleave.bench.io.Progress;
import dev.cleave.bench.machine.DeviceKind;
import dev.cleave.bench.machine.GuestRam;
import dev.cleave.bench.provenance.Provenance;
import dev.cleave.bench.replay.Policy;
import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.PolicyRun;
import dev.cleave.bench.replay.Replay;
import dev.cleave.bench.replay.ReplayColumn;
import dev.cleave.bench.replay.ReplayOptions;
import dev.cleave.bench.replay.TableExport;
import dev.cleave.bench.report.RecordedRun;
import dev.cleave.bench.report.ReplayReport;
import dev.cleave.bench.report.RunRecorder;
import dev.cleave.bench.trace.Trace;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.rmp.RmpFollower;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code cleave replay}: replays logs against page tables and compares policies. */
@Command(
    name = "replay",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description = "Replay the events of a log against page tables and compare policies.",
    footerHeading = "%nLines:%n",
    footer = {
      "Several files are read one after the other as one log: the same name is the",
      "same address space. Understood are, behind any prefix of QEMU, syslog, ftrace,",
      "trace-cmd and perf script:",
      "  QEMU: iommufd_backend_map_dma, _map_file_dma, _unmap_dma, _free_id; without",
      "    them vfio_listener_region_add_ram, _del; kvm_convert_memory,",
      "    kvm_hc_map_gpa_range; ram_block_attributes_state_change with",
      "    kvm_set_user_memory",
      "  Linux: iommu:map, iommu:unmap; kvm_vm_set_mem_attributes, kvm_hypercall,",
      "    kvm_vmgexit_msr_protocol_enter",
      "  Cloud Hypervisor: KVM_HC_MAP_GPA_RANGE",
      "and Cleave's own op lines, which mean the first address space of the log:",
      "  map <iova> <paddr> <length> <r|w|rw>",
      "  unmap <iova> <length>",
      "  share <gpa> <length>",
      "  unshare <gpa> <length>",
      "  split <iova> <length> <largest-leaf>",
      "  merge <iova> <length> <largest-leaf>",
      "  translate <iova>",
      "  dma <iova> <length> <r|w>",
      "Numbers are decimal or 0x-hexadecimal, with K, M, G, T (powers of 1024) or",
      "without. Lines that are blank or begin with # say nothing.",
      "",
      "RMP faults counts how often, while an event was carried out, the leaves and the",
      "RMP entries of a 2 MiB region disagreed for a moment: a DMA there would have",
      "faulted."
    })
final class ReplayCommand implements Callable<Integer> {
  private static final List<String> RESULT_COLUMNS = List.of("line", "op", "status", "bytes");
  private static final int PADDR_LOG2 = 52;
  private static final long MOST_GUEST_BYTES = 1L << 46;

  @Spec private CommandSpec spec;

  @Mixin private Invocation invocation;

  @Mixin private ResultFiles files;

  @Mixin private GuestTableOptions guestTables;

  @Mixin private DeviceOptions devices;

  @Parameters(
      paramLabel = "TRACE",
      arity = "1..*",
      description =
          "Logs of QEMU or ftrace, or Cleave's own op lines; .gz is unpacked, - is stdin.")
  private List<String> traces;

  @Option(
      names = "--policy",
      paramLabel = "NAME",
      split = ",",
      description =
          "Which to compare: follow, follow-lazy, all-4k, remap; and where page states change,"
              + " shared-only-4k, shared-only, shared-only-lazy, static, whose devices get the"
              + " memory of shared pages alone, which lies elsewhere (default: the first four, and"
              + " where page states change with one IOMMU table, shared-only-4k, shared-only and"
              + " static too).")
  private @Nullable List<String> policyNames;

  @Option(
      names = "--page-sizes",
      paramLabel = "SIZES",
      defaultValue = "all",
      description = "Leaf sizes to use: all, or a list such as 4K,2M,1G (default: all).")
  private String pageSizes;

  @Option(
      names = "--levels",
      paramLabel = "N",
      defaultValue = "3",
      description = "Levels a table starts with, 1 to 6 (default: 3).")
  private int levels;

  @Option(
      names = "--rmp",
      paramLabel = "MODE",
      defaultValue = "auto",
      description = "Whether sizes follow page states: on, off, or auto: on when the log has any.")
  private String rmp;

  @Option(
      names = "--space",
      paramLabel = "NAME",
      description =
          "Replay one address space of several, as the command names it, or by what stands after"
              + " the last dot of its name (default: all, each with a table of its own).")
  private @Nullable String space;

  @Option(
      names = "--guest-memory",
      paramLabel = "SIZE",
      description = "Where guest memory ends (default: where what the log maps ends).")
  private Long guestMemory;

  @Option(
      names = "--paddr-base",
      paramLabel = "ADDR",
      defaultValue = "0",
      description = "Added to the iova of a map whose line tells no paddr (default: 0).")
  private long paddrBase;

  @Option(
      names = "--table-memory",
      paramLabel = "SIZE",
      defaultValue = "64G",
      description = "The most memory a policy's table may use (default: 64G).")
  private long tableMemory;

  @Option(
      names = "--order",
      paramLabel = "ORDER",
      split = ",",
      description =
          "What comes first when table and RMP change: table-first (default), rmp-first, atomic;"
              + " with several, policies that follow run once for each. A report shows all three"
              + " unless this says otherwise.")
  private @Nullable List<String> orderNames;

  @Option(
      names = "--flush",
      paramLabel = "HOW",
      split = ",",
      description =
          "When flushes are issued that can wait, of unmaps and of merges that no RMP change waits"
              + " for: immediate (default), or deferred[=N]: N operations at once (64, at most"
              + " 65536), and before what they owe would matter; with several, every policy runs"
              + " once for each.")
  private List<String> flushNames = List.of("immediate");

  @Option(
      names = "--dma",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Let devices of the hardware model make at least N accesses between and during events.")
  private long dmaAccesses;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "What the devices' accesses depend on (default: 1).")
  private long seed;

  @Option(names = "--strict", description = "Make an unknown line an error.")
  private boolean isStrict;

  @Option(
      names = "--results",
      paramLabel = "FILE",
      description = "Write how each event ended under the first policy.")
  private String resultsFile;

  @Option(
      names = "--leaves",
      paramLabel = "FILE",
      description = "Write the leaves of the first policy's IOMMU table at the end.")
  private String leavesFile;

  @Option(
      names = "--image",
      paramLabel = "DIR",
      description = "Write the first policy's tables at the end, to be inspected.")
  private String imageDirectory;

  /** The first lines whose events did not fit the first policy's table. */
  private List<String> misplacedLines = List.of();

  /** The runs that the report shows. */
  private final List<RecordedRun> recorded = new ArrayList<>();

  @Override
  public Integer call() throws IOException {
    List<Policy> named = namedPolicies();
    List<RmpFollower.Order> orders = orders();
    List<Integer> flushes = flushNames.stream().map(DeferredFlush::parse).distinct().toList();
    guestTables.check();
    devices.check();
    check(dmaAccesses >= 0, "--dma must be below 2^63");
    long sizes = PageSizes.parse(pageSizes, AmdV1.LINUX.leafSizes());
    check(levels >= 1 && levels <= 6, "--levels must be 1 to 6, got " + levels);
    check(
        tableMemory > 0 && tableMemory % 4096 == 0 && tableMemory <= 1L << 42,
        "--table-memory must be a positive multiple of 4K and at most 4T");
    Outputs.check(resultsFile);
    Outputs.check(leavesFile);
    Outputs.checkDirectory("--image", imageDirectory);
    files.check();
    Progress progress = invocation.progress();
    Trace trace = trace(progress);
    ReplayOptions chosen =
        devices.applyTo(
            guestTables.applyTo(options(trace, sizes), trace, rmp.equals("off")), trace);
    List<Policy> policies = named.isEmpty() ? defaultPolicies(chosen, trace) : named;
    for (Policy policy : policies) {
      var _ = GuestTableOptions.forPolicy(policy, chosen, trace);
    }
    try (Interruption interruption = Interruption.listen();
        GuestRam ram =
            dmaAccesses > 0
                ? new GuestRam(
                    trace.events(),
                    paddrBase,
                    sharedBase(policies, chosen, trace),
                    chosen.guestBytes(),
                    DeviceOptions.tableSpaces(chosen))
                : null) {
      ReplayOptions options = devices.fitTo(chosen, ram);
      List<PolicyResult> results = new ArrayList<>();
      for (Policy policy : policies) {
        boolean hasOrder = policy.hasOrder() && options.followsRmp();
        for (RmpFollower.Order order : hasOrder ? orders : orders.subList(0, 1)) {
          for (int flush : flushes) {
            if (!interruption.isRequested()) {
              ReplayOptions ordered = options.withOrder(order).withFlushEntries(flush);
              results.add(
                  run(
                      policy,
                      trace,
                      GuestTableOptions.forPolicy(policy, ordered, trace),
                      ram,
                      results,
                      progress,
                      interruption));
            }
          }
        }
      }
      progress.clear();
      PrintWriter out = spec.commandLine().getOut();
      List<String> warnings = new ArrayList<>(devices.warnings());
      warnings.addAll(DeviceOptions.unserved(results));
      warnings.addAll(ReplaySummary.warnings(trace, results.getFirst()));
      List<String> flushWords =
          flushes.stream().map(flush -> options.withFlushEntries(flush).flushWord()).toList();
      warnings.forEach(invocation::warn);
      ReplaySummary.print(out, trace, options, flushWords, results.getFirst(), misplacedLines);
      ReplayText.print(out, results);
      out.flush();
      Provenance provenance = invocation.provenance(seed);
      List<DeviceKind> kinds = ram == null ? List.of() : options.devices().kinds();
      files.writeCsv(ReplayCsv.columns(kinds), results.stream().map(ReplayCsv::row).toList());
      files.writeJson(ReplayJson.of(trace, options, flushWords, results, warnings), provenance);
      files.writeReport(() ->
          ReplayReport.of(
              trace.events(),
              options,
              recorded,
              warnings,
              ReplayJson.input(trace, options, flushWords),
              provenance));
      if (!interruption.isRequested()) {
        return ExitPolicy.OK;
      }
      PolicyResult last = results.getLast();
      invocation.sayInterrupted(
          "%s ended after %d of %d events"
              .formatted(last.policy(), last.get(ReplayColumn.EVENTS), trace.events().size()));
      return ExitPolicy.INTERRUPTED;
    }
  }

  /** The log, as far as it is to be replayed. */
  private Trace trace(Progress progress) throws IOException {
    Trace read = Trace.read(traces, isStrict, count -> progress.at("events read", count));
    read.checkNotEmpty();
    Trace chosen = space == null ? read : read.only(space);
    if (rmp.equals("off")) {
      chosen = chosen.withoutPageStates();
    }
    check(
        !chosen.events().isEmpty(),
        "nothing to replay: --rmp off leaves out page states, and the log holds nothing else");
    check(
        chosen.history().spaces().size() <= PolicyRun.MOST_SPACES,
        "the log holds %d address spaces, and %d can be replayed at once; choose one with --space"
            .formatted(chosen.history().spaces().size(), PolicyRun.MOST_SPACES));
    checkPaddrs(chosen);
    return chosen;
  }

  /** Refuses an offset that leads no map to memory. */
  private void checkPaddrs(Trace trace) {
    check(
        paddrBase % 4096 == 0,
        "--paddr-base must be a multiple of 4K, got " + Numbers.hex(paddrBase));
    for (TraceEvent event : trace.events()) {
      if (event instanceof TraceEvent.Map map && map.paddr().isEmpty() && paddrBase != 0) {
        check(
            map.paddrOr(paddrBase) >>> PADDR_LOG2 == 0,
            "--paddr-base %s leads line %d to paddr %s, which is beyond all memory (2^%d)"
                .formatted(
                    Numbers.hex(paddrBase),
                    map.line(),
                    Numbers.hex(map.paddrOr(paddrBase)),
                    PADDR_LOG2));
      }
    }
  }

  /** Refuses leaf sizes of which nothing in the log can be made. */
  private static void checkSizes(long sizes, Trace trace, boolean followsRmp) {
    long smallest = Long.lowestOneBit(sizes);
    check(
        !followsRmp || smallest == 4096,
        "--page-sizes: page states change by pages, so 4K must be among them, got "
            + String.join(",", PageSizes.words(sizes)));
    boolean hasMaps = false;
    for (TraceEvent event : trace.events()) {
      if (event instanceof TraceEvent.Map map) {
        hasMaps = true;
        if (((map.iova() | map.length()) & (smallest - 1)) == 0) {
          return;
        }
      }
    }
    check(
        !hasMaps,
        "--page-sizes: no map of this log can be made of leaves of "
            + Numbers.size(smallest)
            + " and larger");
  }

  /** Where shared pages lie under any of the policies; 0 if under none elsewhere. */
  private static long sharedBase(List<Policy> policies, ReplayOptions options, Trace trace) {
    return policies.stream()
        .mapToLong(policy -> GuestTableOptions.forPolicy(policy, options, trace).sharedBase())
        .max()
        .orElse(0);
  }

  private static List<Policy> defaultPolicies(ReplayOptions options, Trace trace) {
    List<Policy> chosen =
        new ArrayList<>(List.of(Policy.FOLLOW, Policy.FOLLOW_LAZY, Policy.ALL_4K, Policy.REMAP));
    boolean serveDevices =
        options.devices().has(DeviceKind.UNTRUSTED) || options.devices().has(DeviceKind.VTOM);
    if (serveDevices && GuestTableOptions.allowsEveryPolicy(options, trace)) {
      chosen.addAll(List.of(Policy.SHARED_ONLY_4K, Policy.SHARED_ONLY, Policy.STATIC));
    }
    return chosen;
  }

  /** The policies that were asked for, if any. */
  private List<Policy> namedPolicies() {
    if (policyNames == null) {
      return List.of();
    }
    try {
      return policyNames.stream().map(Policy::of).distinct().toList();
    } catch (IllegalArgumentException e) {
      throw new BadInput("--policy: " + e.getMessage());
    }
  }

  private List<RmpFollower.Order> orders() {
    List<String> names =
        orderNames != null
            ? orderNames
            : files.wantReport()
                ? List.of("table-first", "rmp-first", "atomic")
                : List.of("table-first");
    return names.stream().distinct().map(ReplayCommand::order).toList();
  }

  private static RmpFollower.Order order(String name) {
    return switch (name) {
      case "table-first" -> RmpFollower.Order.TABLE_FIRST;
      case "rmp-first" -> RmpFollower.Order.RMP_FIRST;
      case "atomic" -> RmpFollower.Order.ATOMIC;
      default ->
          throw new BadInput(
              "--order: '" + name + "' is not an order, expected table-first, rmp-first, atomic");
    };
  }

  private ReplayOptions options(Trace trace, long sizes) {
    boolean followsRmp =
        switch (rmp) {
          case "on" -> true;
          case "off" -> false;
          case "auto" -> trace.changesPageStates();
          default ->
              throw new BadInput("--rmp: '" + rmp + "' is not a mode, expected auto, on, off");
        };
    checkSizes(sizes, trace, followsRmp);
    long guestBytes = guestMemory != null ? guestMemory : trace.guestBytes();
    if (followsRmp || guestMemory != null) {
      check(
          Long.compareUnsigned(guestBytes, MOST_GUEST_BYTES) <= 0,
          "guest memory must end at or below 64T, it ends at "
              + Numbers.hex(guestBytes)
              + "; give --guest-memory, or --rmp off");
    }
    check(
        guestMemory == null || (guestMemory > 0 && guestMemory % 4096 == 0),
        "--guest-memory must be a positive multiple of 4K");
    long covered = followsRmp ? Math.max(guestBytes + 4095 & -4096L, 4096) : 4096;
    return new ReplayOptions(
            sizes,
            levels,
            followsRmp,
            covered,
            paddrBase,
            RmpFollower.Order.TABLE_FIRST,
            tableMemory,
            dmaAccesses,
            seed)
        .withSpaces(trace.history().spaces());
  }

  /** Each row names its address space where there are several. */
  private static List<String> resultColumns(ReplayOptions options) {
    return options.spaces().size() > 1
        ? Stream.concat(Stream.of("space"), RESULT_COLUMNS.stream()).toList()
        : RESULT_COLUMNS;
  }

  private static void check(boolean isGood, String message) {
    if (!isGood) {
      throw new BadInput(message);
    }
  }

  private PolicyResult run(
      Policy policy,
      Trace trace,
      ReplayOptions options,
      @Nullable GuestRam ram,
      List<PolicyResult> before,
      Progress progress,
      Interruption interruption)
      throws IOException {
    boolean isFirst = before.isEmpty();
    boolean isFirstOfPolicy =
        before.stream().noneMatch(result -> result.policy().equals(policy.word()));
    Csv csv =
        isFirst && resultsFile != null
            ? new Csv(Outputs.open(resultsFile), resultColumns(options))
            : null;
    try (csv;
        PolicyRun run = new PolicyRun(policy, options, true, ram);
        PolicyRun timed = new PolicyRun(policy, options, false, null)) {
      int events = trace.events().size();
      RunRecorder recorder =
          files.wantReport() ? new RunRecorder(run, events, isFirstOfPolicy) : null;
      ReplayWatch watch =
          new ReplayWatch(
              policy.word(),
              events,
              csv,
              options.spaces().size() > 1,
              recorder,
              progress,
              interruption);
      PolicyResult result = Replay.replay(policy, options, trace.events(), run, timed, watch);
      if (recorder != null) {
        recorded.add(new RecordedRun(result, recorder));
      }
      if (isFirst) {
        misplacedLines = watch.misplacedLines();
        TableExport export = new TableExport(run);
        if (leavesFile != null) {
          export.leaves(leavesFile);
        }
        if (imageDirectory != null) {
          export.image(imageDirectory);
        }
      }
      return result;
    }
  }
}
