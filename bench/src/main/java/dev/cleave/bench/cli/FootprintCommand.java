package dev.cleave.bench.cli;

import dev.cleave.bench.footprint.Footprints;
import dev.cleave.bench.footprint.LinuxGuest;
import dev.cleave.bench.footprint.PinnedReference;
import dev.cleave.bench.footprint.RivalFootprint;
import dev.cleave.bench.footprint.SharePattern;
import dev.cleave.bench.footprint.TableFootprint;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Interruption;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.io.Outputs;
import dev.cleave.bench.io.Progress;
import dev.cleave.bench.provenance.Provenance;
import dev.cleave.bench.replay.Policy;
import dev.cleave.bench.report.FootprintReport;
import dev.cleave.bench.report.Report;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.concurrent.Callable;
import java.util.function.Function;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code cleave footprint}: what mapping a guest takes, under each policy and in other ways. */
@Command(
    name = "footprint",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description = "Build the tables of guests that share some of their pages and weigh them.",
    footer = {
      "",
      "A guest above 16G is taken as identical pieces of 16G: one is built, all are counted, and the",
      "tables above them too. A table includes what is kept beside its pages to manage them. The",
      "minimum is what a radix tree cannot do without for the leaf sizes that the policy may use.",
      "Other structures are built likewise, without regard to leaf sizes, and their objects counted.",
      "",
      "Patterns of shared pages, made from --seed:",
      "  scattered  single pages anywhere: the worst that a guest can do to its tables",
      "  clustered  runs of 1 MiB anywhere, as rings and queues of many devices are",
      "  boot       as after boot of a guest whose devices use bounce buffers: 49 of 50 shared pages",
      "             lie at the end of memory in one piece, the pool; one of 50 in runs of 16 pages in",
      "             the first sixteenth of memory, as drivers share them. A model, not a log.",
      "",
      "--shared linux is what a confidential Linux guest shares: bounce buffers of 6% of memory, at",
      "most 1 GiB, rounded up to a power of two, and one page in fifty besides.",
      "",
      "bytes    what the table takes, or the other structure",
      "per GiB  the same for each GiB of the guest",
      "minimum  pages that a radix tree cannot do without; ratio: bytes to that",
      "pinned   memory that devices can reach, which must stay where it is"
    })
final class FootprintCommand implements Callable<Integer> {
  private static final List<String> HEADER =
      List.of("guest", "shared", "kind", "structure", "bytes", "per GiB", "minimum", "ratio", "pinned", "");
  private static final List<String> CSV =
      List.of(
          "guestMemory",
          "shared",
          "pattern",
          "kind",
          "structure",
          "bytes",
          "bytesPerGib",
          "minimumBytes",
          "ratio",
          "pinnedBytes");
  private static final String LINUX = "linux";
  private static final int TEXT_COLUMNS = 4;
  private static final long MOST_GUEST_BYTES = 16L << 40;

  @Spec private CommandSpec spec;

  @Mixin private Invocation invocation;

  @Option(
      names = "--guest-memory",
      paramLabel = "SIZE",
      split = ",",
      description = "How much each guest has (default: 16G,256G,4T).")
  private List<String> guests = List.of("16G", "256G", "4T");

  @Option(
      names = "--shared",
      paramLabel = "PERCENT",
      split = ",",
      description =
          "How much of it is shared, or linux: as much as a Linux guest does (default:"
              + " 0,0.1%%,1%%,10%%).")
  private List<String> fractions = List.of("0", "0.1%", "1%", "10%");

  @Option(
      names = "--pattern",
      paramLabel = "NAME",
      split = ",",
      description = "Where shared pages lie: scattered, clustered, boot (default: scattered).")
  private List<String> patterns = List.of("scattered");

  @Option(
      names = "--policy",
      paramLabel = "NAME",
      split = ",",
      description =
          "Which to compare: follow, follow-lazy, all-4k, remap; and shared-only-4k, shared-only,"
              + " shared-only-lazy, static, whose devices get the memory of shared pages alone"
              + " (default: the first four).")
  private List<String> policies = List.of("follow", "follow-lazy", "all-4k", "remap");

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "What the places of shared pages depend on (default: 0x5eed).")
  private long seed = Footprints.SEED;

  @Option(
      names = "--report",
      paramLabel = "FILE",
      description = "Write the curves as a page to look at: one HTML file.")
  private String reportFile;

  @Option(
      names = "--charts",
      paramLabel = "DIR",
      description = "Write the charts of the report as SVG pictures into a directory.")
  private String chartsDirectory;

  @Option(
      names = "--csv",
      paramLabel = "FILE",
      description = "Write tables and other structures as CSV, with bytes in full.")
  private String csvFile;

  @Option(names = "--json", paramLabel = "FILE", description = "Write what is printed as JSON.")
  private String jsonFile;

  private final List<TableFootprint> tables = new ArrayList<>();
  private final List<RivalFootprint> rivals = new ArrayList<>();

  /** What is printed, by the pattern. */
  private final SequencedMap<String, List<List<String>>> rows = new LinkedHashMap<>();

  @Override
  public Integer call() throws IOException {
    List<Long> sizes = guests.stream().map(FootprintCommand::guestBytes).distinct().toList();
    for (long size : sizes) {
      fractions.forEach(word -> fraction(word, size));
    }
    List<SharePattern> kinds =
        patterns.stream()
            .map(word -> named("--pattern", word, SharePattern::of))
            .distinct()
            .toList();
    List<Policy> chosen =
        policies.stream().map(word -> named("--policy", word, Policy::of)).distinct().toList();
    Outputs.check(jsonFile);
    Outputs.check(reportFile);
    Outputs.check(csvFile);
    Outputs.checkDirectory("--charts", chartsDirectory);
    int all = kinds.size() * sizes.size() * fractions.size();
    try (Interruption interruption = Interruption.listen()) {
      int done = 0;
      Progress progress = invocation.progress();
      for (SharePattern kind : kinds) {
        Footprints footprints = new Footprints(kind, seed);
        for (long guest : sizes) {
          List<Double> shares =
              fractions.stream().map(word -> fraction(word, guest)).distinct().toList();
          for (double share : shares) {
            if (!interruption.isRequested()) {
              progress.at("guests", done++, all);
              weigh(kind, footprints, guest, share, chosen);
            }
          }
        }
      }
      progress.clear();
      print();
      write();
      if (interruption.isRequested()) {
        invocation.sayInterrupted("%d of %d guests were weighed".formatted(done, all));
        return ExitPolicy.INTERRUPTED;
      }
      return ExitPolicy.OK;
    }
  }

  private void weigh(
      SharePattern pattern, Footprints footprints, long guest, double share, List<Policy> chosen) {
    List<List<String>> printed =
        rows.computeIfAbsent(pattern.word(), _ -> new ArrayList<>(List.of(HEADER)));
    for (Policy policy : chosen) {
      tables.add(footprints.table(guest, share, policy));
      printed.add(row(tables.getLast()));
    }
    for (RivalFootprint rival : footprints.rivals(guest, share)) {
      rivals.add(rival);
      printed.add(row(rival));
    }
  }

  private void write() throws IOException {
    Provenance provenance = invocation.provenance(seed);
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("tables", tables);
    json.put("rivals", rivals);
    json.put("references", PinnedReference.among(tables));
    Invocation.json(jsonFile, json, provenance);
    Outputs.csv(csvFile, CSV, fields());
    if ((reportFile != null || chartsDirectory != null) && !tables.isEmpty()) {
      Map<String, Object> input = new LinkedHashMap<>();
      input.put("guests", String.join(", ", guests));
      input.put("shared", String.join(", ", fractions));
      input.put("patterns", String.join(", ", patterns));
      input.put("policies", String.join(", ", policies));
      Report report = FootprintReport.of(tables, rivals, input, provenance);
      if (reportFile != null) {
        report.write(reportFile);
      }
      report.writeCharts(chartsDirectory);
    }
  }

  private List<List<String>> fields() {
    List<List<String>> fields = new ArrayList<>();
    for (TableFootprint table : tables) {
      fields.add(
          List.of(
              Long.toString(table.guestMemory()),
              Double.toString(table.shared()),
              table.pattern(),
              "table",
              table.policy(),
              Long.toString(table.tableBytes() + table.metadataBytes()),
              Double.toString(table.bytesPerGib()),
              Long.toString(table.minimumBytes()),
              Double.toString(table.ratio()),
              Long.toString(table.pinnedBytes())));
    }
    for (RivalFootprint rival : rivals) {
      fields.add(
          List.of(
              Long.toString(rival.guestMemory()),
              Double.toString(rival.shared()),
              rival.pattern(),
              "other",
              rival.rival(),
              Long.toString(rival.bytes()),
              Double.toString(rival.bytesPerGib()),
              "",
              "",
              ""));
    }
    return fields;
  }

  private static long guestBytes(String word) {
    long bytes;
    try {
      bytes = Numbers.parse(word);
    } catch (NumberFormatException e) {
      throw new BadInput("--guest-memory: " + e.getMessage());
    }
    boolean isWhole = bytes % (bytes > Footprints.PIECE_BYTES ? Footprints.PIECE_BYTES : 4096) == 0;
    if (bytes <= 0 || bytes > MOST_GUEST_BYTES || !isWhole) {
      throw new BadInput(
          "--guest-memory must be a multiple of 4K, above 16G one of 16G, and at most 16T, got "
              + word);
    }
    return bytes;
  }

  private static double fraction(String word, long guestBytes) {
    if (word.equals(LINUX)) {
      return LinuxGuest.sharedFraction(guestBytes);
    }
    boolean isPercent = word.endsWith("%");
    double value;
    try {
      value = Double.parseDouble(isPercent ? word.substring(0, word.length() - 1) : word);
    } catch (NumberFormatException _) {
      value = Double.NaN;
    }
    double fraction = isPercent ? value / 100 : value;
    if (!(fraction >= 0 && fraction <= 1)) {
      throw new BadInput(
          "--shared: '"
              + word
              + "' is no share, expected 0% to 100%, a number from 0 to 1, or linux");
    }
    return fraction;
  }

  private static <T> T named(String option, String word, Function<String, T> find) {
    try {
      return find.apply(word);
    } catch (IllegalArgumentException e) {
      throw new BadInput(option + ": " + e.getMessage());
    }
  }

  private static List<String> row(TableFootprint table) {
    return List.of(
        Numbers.size(table.guestMemory()),
        percent(table.shared()),
        "table",
        table.policy(),
        TextTable.bytes(table.tableBytes() + table.metadataBytes()),
        TextTable.bytes(Math.round(table.bytesPerGib())),
        TextTable.bytes(table.minimumBytes()),
        String.format(Locale.ROOT, "%.4f", table.ratio()),
        TextTable.bytes(table.pinnedBytes()),
        pieces(table.pieces()));
  }

  private static List<String> row(RivalFootprint rival) {
    return List.of(
        Numbers.size(rival.guestMemory()),
        percent(rival.shared()),
        "other",
        rival.rival(),
        TextTable.bytes(rival.bytes()),
        TextTable.bytes(Math.round(rival.bytesPerGib())),
        "-",
        "-",
        "-",
        rival.fits() ? pieces(rival.pieces()) : pieces(rival.pieces()) + ", does not fit in 24G");
  }

  private static String pieces(long count) {
    return count == 1 ? "" : "1 piece of " + count + " built";
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.4g", share * 100).replaceAll("\\.?0+$", "") + "%";
  }

  private void print() {
    PrintWriter out = spec.commandLine().getOut();
    rows.forEach((pattern, ofPattern) -> {
      if (!pattern.equals(rows.firstEntry().getKey())) {
        out.println();
      }
      out.println("shared pages: " + pattern);
      out.println();
      TextTable.print(out, ofPattern, TEXT_COLUMNS);
    });
    List<PinnedReference> references = PinnedReference.among(tables);
    if (!references.isEmpty()) {
      out.println();
    }
    for (PinnedReference reference : references) {
      out.printf(
          Locale.ROOT,
          "pinned of %s under %s: %,d kB, measured were %,d kB (%s): %.3f times%n",
          Numbers.size(reference.guestMemory()),
          reference.policy(),
          reference.modelBytes() / 1024,
          reference.measuredBytes() / 1024,
          reference.source(),
          reference.ratio());
    }
    out.flush();
  }
}
