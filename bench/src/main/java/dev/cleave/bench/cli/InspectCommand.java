package dev.cleave.bench.cli;

import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.MemoryImage;
import dev.cleave.bench.image.table.Domain;
import dev.cleave.bench.image.table.DomainFinder;
import dev.cleave.bench.image.table.Finding;
import dev.cleave.bench.image.table.Findings;
import dev.cleave.bench.image.table.RowFile;
import dev.cleave.bench.image.table.Rule;
import dev.cleave.bench.image.table.TableAudit;
import dev.cleave.bench.image.table.TableDecoder;
import dev.cleave.bench.image.table.TableSummary;
import dev.cleave.bench.image.table.TableVisitor;
import dev.cleave.bench.image.table.TableWalk;
import dev.cleave.bench.io.Outputs;
import dev.cleave.bench.io.Progress;
import dev.cleave.bench.io.WorkFailed;
import dev.cleave.engine.format.DeviceTableEntry;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import java.util.SequencedMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code cleave inspect}: decodes and audits the tables in a memory image. */
@Command(
    name = "inspect",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description = "Decode and audit the page tables in a memory image.",
    footer = {
      "",
      "Without a choice of table, every domain that manifest.json names is looked at. A device with",
      "guest tables has one domain for each PASID.",
      "In --leaves, perm is r, w or rw; no-execute is bit 63 of an x86 table's raw_pte_hex.",
      "Exit code 1: --audit found an error, or a table could not be decoded to its end."
    })
final class InspectCommand implements Callable<Integer> {
  /** A manifest may list any number of domains; after so many hopeless ones no more are tried. */
  private static final int INCOMPLETE_LIMIT = 16;

  /** However many findings other domains have, each may name some of its own. */
  private static final int LEAST_KEPT = 4;

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "IMAGE",
      description =
          "A directory with pages.idx and pages.bin[.gz], a raw physical-memory file, or an ELF"
              + " core; .gz is unpacked, - is standard input.")
  private String image;

  @Option(
      names = "--base",
      paramLabel = "ADDR",
      description = "Physical address of a raw file's first byte (default: 0).")
  private Long base;

  @Mixin private RootOptions roots = new RootOptions();

  @Option(names = "--leaves", paramLabel = "FILE", description = "Write every leaf as CSV.")
  private String leavesFile;

  @Option(names = "--dirs", paramLabel = "FILE", description = "Write every directory as CSV.")
  private String directoriesFile;

  @Option(
      names = "--lookup",
      paramLabel = "IOVA",
      description = "Show the walk that translates an address; may be repeated.")
  private List<Long> lookups = List.of();

  @Option(
      names = "--audit",
      description = "Name every defect and every leaf that could be merged; exit 1 on an error.")
  private boolean audit;

  @Option(names = "--json", paramLabel = "FILE", description = "Write what is printed as JSON.")
  private String jsonFile;

  private Progress progress;
  private int kept;
  private final List<String> incomplete = new ArrayList<>();

  @Override
  public Integer call() throws IOException {
    roots.check();
    progress = Progress.on(spec.commandLine().getErr());
    OptionalLong start = base == null ? OptionalLong.empty() : OptionalLong.of(base);
    try (MemoryImage opened = MemoryImage.open(image, start)) {
      return inspect(opened);
    }
  }

  private int inspect(MemoryImage opened) throws IOException {
    DomainFinder finder = roots.finder(opened);
    List<Domain> domains = roots.domains(image, opened, finder);
    SequencedMap<DeviceId, DeviceTableEntry> others =
        roots.isAll() ? opened.manifest().map(finder::others).orElseThrow() : new LinkedHashMap<>();
    List<InspectedDomain> inspected = new ArrayList<>();
    boolean several = domains.size() > 1;
    try (RowFile leaves = leavesFile == null ? null : RowFile.leaves(leavesFile, several);
        RowFile directories =
            directoriesFile == null ? null : RowFile.directories(directoriesFile, several)) {
      for (Domain domain : domains) {
        InspectedDomain one = inspect(opened, domain, leaves, directories);
        inspected.add(one);
        kept += one.findings().kept().size();
        if (!one.findings().complete()) {
          incomplete.add(domain.name());
        }
      }
    } finally {
      progress.clear();
    }
    print(inspected, others);
    if (jsonFile != null) {
      Outputs.json(jsonFile, InspectJson.of(image, inspected, others, audit));
    }
    return judge(inspected);
  }

  private InspectedDomain inspect(
      MemoryImage opened, Domain domain, @Nullable RowFile leaves, @Nullable RowFile directories) {
    TableSummary summary = new TableSummary();
    Findings findings = findings();
    domain.findings().forEach(findings::add);
    if (domain.hasTable() && findings.complete()) {
      long root = domain.root().paddr();
      List<TableVisitor> visitors = new ArrayList<>();
      visitors.add(summary);
      visitors.add(new TableAudit(domain.root(), findings));
      visitors.add(progress(domain));
      if (leaves != null) {
        visitors.add(leaves.rows(domain.name(), root));
      }
      if (directories != null) {
        visitors.add(directories.rows(domain.name(), root));
      }
      TableDecoder.decode(opened.memory(), domain.root(), TableVisitor.all(visitors));
    }
    List<TableWalk> walks = lookups.stream().map(iova -> walk(opened, domain, iova)).toList();
    return new InspectedDomain(domain, summary, findings, walks);
  }

  private TableWalk walk(MemoryImage opened, Domain domain, long iova) {
    return domain.hasTable()
        ? TableWalk.of(opened.memory(), domain.root(), iova)
        : new TableWalk(iova, List.of(), new TableWalk.Refused(Domain.words(domain.kind())));
  }

  /** Room for the findings of the next domain: however many domains, memory is bounded. */
  private Findings findings() {
    Findings findings = new Findings(Math.max(LEAST_KEPT, Findings.MOST_KEPT - kept));
    if (incomplete.size() >= INCOMPLETE_LIMIT) {
      findings.add(
          new Finding(
              Rule.TRUNCATED,
              null,
              "not decoded, after %d tables that could not be".formatted(INCOMPLETE_LIMIT)));
    }
    return findings;
  }

  private TableVisitor progress(Domain domain) {
    String what = "domain " + domain.name() + ", tables";
    return new TableVisitor() {
      private long tables;

      @Override
      public void table(long paddr, int level, long iova, boolean empty) {
        progress.at(what, ++tables);
      }
    };
  }

  private void print(
      List<InspectedDomain> inspected, SequencedMap<DeviceId, DeviceTableEntry> others) {
    InspectText text = new InspectText(spec.commandLine().getOut());
    inspected.forEach(text::summary);
    text.others(others);
    inspected.forEach(text::walks);
    if (audit) {
      text.audit(inspected);
    }
    spec.commandLine().getOut().flush();
  }

  private int judge(List<InspectedDomain> inspected) {
    if (!incomplete.isEmpty()) {
      throw new WorkFailed(
          "%s: not the whole table could be decoded of domain %s"
              .formatted(
                  image,
                  incomplete.size() == 1
                      ? incomplete.getFirst()
                      : incomplete.getFirst() + " and " + (incomplete.size() - 1) + " more"));
    }
    boolean errors = inspected.stream().anyMatch(one -> one.findings().errors() > 0);
    return audit && errors ? ExitPolicy.FAILED : ExitPolicy.OK;
  }
}
