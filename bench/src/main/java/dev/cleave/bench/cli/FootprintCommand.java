package dev.cleave.bench.cli;

import dev.cleave.bench.footprint.Footprints;
import dev.cleave.bench.footprint.GivenPattern;
import dev.cleave.bench.footprint.LinuxGuest;
import dev.cleave.bench.footprint.MadePattern;
import dev.cleave.bench.footprint.PinnedReference;
import dev.cleave.bench.footprint.RivalFootprint;
import dev.cleave.bench.footprint.SharePattern;
import dev.cleave.bench.footprint.TableFootprint;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Interruption;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.io.Progress;
import dev.cleave.bench.provenance.Provenance;
import dev.cleave.bench.replay.Policy;
import dev.cleave.bench.report.FootprintReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
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
      "A guest above 16G is taken as identical pieces of 16G: one is built, all are",
      "counted, and the tables above them too. A table includes what is kept beside",
      "its pages to manage them. The minimum is what a radix tree cannot do without",
      "for the leaf sizes that the policy may use. Other structures are built",
      "likewise, without regard to leaf sizes, and their objects counted.",
      "",
      "Patterns of shared pages, made from --seed and --shared:",
      "  scattered   single pages anywhere: the worst that a guest can do to tables",
      "  clustered   runs of 1 MiB anywhere, as rings and queues of many devices are",
      "  boot        as after boot of a guest whose devices use bounce buffers: 49 of",
      "              50 shared pages lie at the end of memory in one piece, the pool;",
      "              one of 50 in runs of 16 pages in the first sixteenth of memory,",
      "              as drivers share them. A model, not a log.",
      "and patterns of your own, built whole, below 8T:",
      "  log:FILE    the pages that are shared when a log ends that replay reads;",
      "              the guest ends where the log's ends (above 16G at a multiple of",
      "              it) unless --guest-memory says otherwise",
      "  pages:FILE  on each line the gpa of a page, or a gpa and a length in bytes;",
      "              blank lines and lines that begin with # say nothing",
      "",
      "--shared linux is what a confidential Linux guest shares: bounce buffers of 6%",
      "of memory, rounded up to a power of two and at most 1 GiB, and one page in",
      "fifty besides.",
      "",
      "bytes    what the table takes, or the other structure",
      "per GiB  the same for each GiB of the guest",
      "minimum  pages that a radix tree cannot do without; ratio: bytes to that",
      "pinned   memory that devices can reach, which must stay where it is"
    })
final class FootprintCommand implements Callable<Integer> {
  private static final List<String> HEADER =
      List.of(
          "guest",
          "shared",
          "kind",
          "structure",
          "bytes",
          "per GiB",
          "minimum",
          "ratio",
          "pinned",
          "");
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
  private static final List<String> GUESTS = List.of("16G", "256G", "4T");
  private static final List<String> FRACTIONS = List.of("0", "0.1%", "1%", "10%");
  private static final int TEXT_COLUMNS = 4;
  private static final long MOST_GUEST_BYTES = 16L << 40;

  @Spec private CommandSpec spec;

  @Mixin private Invocation invocation;

  @Mixin private ResultFiles files;

  @Option(
      names = "--guest-memory",
      paramLabel = "SIZE",
      split = ",",
      description = "How much each guest has (default: 16G,256G,4T, or as a log says).")
  private @Nullable List<String> guests;

  @Option(
      names = "--shared",
      paramLabel = "PERCENT",
      split = ",",
      description =
          "How much of it is shared, where the pattern does not say so; linux: as much as a Linux"
              + " guest does (default: 0,0.1%%,1%%,10%%).")
  private @Nullable List<String> fractions;

  @Option(
      names = "--pattern",
      paramLabel = "NAME",
      split = ",",
      description =
          "Where shared pages lie: scattered, clustered, boot, log:FILE, pages:FILE (default:"
              + " scattered).")
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

  private final List<TableFootprint> tables = new ArrayList<>();
  private final List<RivalFootprint> rivals = new ArrayList<>();

  /** What is printed, by the pattern. */
  private final SequencedMap<String, List<List<String>>> rows = new LinkedHashMap<>();

  @Override
  public Integer call() throws IOException {
    List<Policy> chosen =
        policies.stream().map(word -> named("--policy", word, Policy::of)).distinct().toList();
    files.check();
    List<Weighed> all = weighed();
    try (Interruption interruption = Interruption.listen()) {
      int done = 0;
      Progress progress = invocation.progress();
      Map<String, Footprints> footprints = new HashMap<>();
      for (Weighed one : all) {
        if (!interruption.isRequested()) {
          progress.at("guests", done++, all.size());
          SharePattern pattern = one.pattern();
          weigh(
              one,
              footprints.computeIfAbsent(pattern.word(), _ -> new Footprints(pattern, seed)),
              chosen);
        }
      }
      progress.clear();
      print();
      write();
      if (interruption.isRequested()) {
        invocation.sayInterrupted("%d of %d guests were weighed".formatted(done, all.size()));
        return ExitPolicy.INTERRUPTED;
      }
      return ExitPolicy.OK;
    }
  }

  /** One guest. */
  private record Weighed(SharePattern pattern, long guestBytes, double share) {}

  /** All guests that were asked for. */
  private List<Weighed> weighed() throws IOException {
    List<Long> sizes = words(guests, GUESTS).map(FootprintCommand::guestBytes).distinct().toList();
    for (long size : sizes) {
      words(fractions, FRACTIONS).forEach(word -> fraction(word, size));
    }
    List<Weighed> all = new ArrayList<>();
    boolean usesShares = false;
    for (String word : new LinkedHashSet<>(patterns)) {
      if (GivenPattern.isName(word)) {
        GivenPattern given = GivenPattern.read(word);
        boolean isTold = guests == null && given.guestBytes() > 0;
        for (long size : isTold ? List.of(given.guestBytes()) : sizes) {
          checkHolds(size, given);
          all.add(new Weighed(given, size, given.share(size)));
        }
      } else {
        MadePattern made = MadePattern.of(word).orElseThrow(() -> noPattern(word));
        usesShares = true;
        for (long size : sizes) {
          words(fractions, FRACTIONS)
              .map(shared -> fraction(shared, size))
              .distinct()
              .forEach(share -> all.add(new Weighed(made, size, share)));
        }
      }
    }
    if (fractions != null && !usesShares) {
      throw new BadInput("--shared is for patterns that are made; a file says what is shared");
    }
    return all;
  }

  private static Stream<String> words(@Nullable List<String> given, List<String> others) {
    return (given == null ? others : given).stream();
  }

  private static BadInput noPattern(String word) {
    return new BadInput(
        "--pattern: '%s' is not a pattern, expected %s, log:FILE, pages:FILE"
            .formatted(
                word,
                Arrays.stream(MadePattern.values())
                    .map(MadePattern::word)
                    .collect(Collectors.joining(", "))));
  }

  private static void checkHolds(long guestBytes, GivenPattern given) {
    if (guestBytes < given.lastEnd() || guestBytes >= GivenPattern.GUEST_LIMIT) {
      throw new BadInput(
          "--guest-memory: with %s a guest must have at least %s and less than %s, got %s"
              .formatted(
                  given.word(),
                  Numbers.size(given.lastEnd()),
                  Numbers.size(GivenPattern.GUEST_LIMIT),
                  Numbers.size(guestBytes)));
    }
  }

  private void weigh(Weighed one, Footprints footprints, List<Policy> chosen) {
    List<List<String>> printed =
        rows.computeIfAbsent(one.pattern().word(), _ -> new ArrayList<>(List.of(HEADER)));
    for (Policy policy : chosen) {
      tables.add(footprints.table(one.guestBytes(), one.share(), policy));
      printed.add(row(tables.getLast()));
    }
    for (RivalFootprint rival : footprints.rivals(one.guestBytes(), one.share())) {
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
    files.writeJson(json, provenance);
    files.writeCsv(CSV, fields());
    if (!tables.isEmpty()) {
      Map<String, Object> input = new LinkedHashMap<>();
      input.put("guests", told(tables.stream().map(table -> Numbers.size(table.guestMemory()))));
      input.put("shared", told(tables.stream().map(table -> percent(table.shared()))));
      input.put("patterns", String.join(", ", patterns));
      input.put("policies", String.join(", ", policies));
      files.writeReport(() -> FootprintReport.of(tables, rivals, input, provenance));
    }
  }

  private static String told(Stream<String> words) {
    return words.distinct().collect(Collectors.joining(", "));
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
