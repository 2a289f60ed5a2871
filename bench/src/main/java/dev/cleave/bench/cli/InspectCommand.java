package dev.cleave.bench.cli;

import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.MemoryImage;
import dev.cleave.bench.image.rmp.Lookup;
import dev.cleave.bench.image.rmp.Rmp;
import dev.cleave.bench.image.rmp.RmpAudit;
import dev.cleave.bench.image.rmp.RmpJudge;
import dev.cleave.bench.image.rmp.StateLines;
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
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Excerpt;
import dev.cleave.bench.io.Outputs;
import dev.cleave.bench.io.Progress;
import dev.cleave.bench.io.WorkFailed;
import dev.cleave.engine.format.DeviceTableEntry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
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
      "Without a choice of table, every domain that manifest.json names is looked at.",
      "A device with guest tables has one domain for each PASID.",
      "In --leaves, perm is r, w or rw; no-execute is bit 63 of an x86 table's",
      "raw_pte_hex.",
      "With an RMP (--rmp, --rmp-dump, or the manifest's), --audit names every leaf",
      "whose size, owner or gpa disagrees with it, and --lookup shows the entry.",
      "Exit code 0: the tables were looked at; errors that --audit would name do not",
      "count without it.",
      "Exit code 1: --audit found an error; or a root is not in the image, or a table",
      "was given up before its end, with or without --audit."
    })
final class InspectCommand implements Callable<Integer> {
  /** A manifest may list any number of domains; after so many hopeless ones no more are tried. */
  private static final int INCOMPLETE_LIMIT = 16;

  /** However many findings other domains have, each may name some of its own. */
  private static final int LEAST_KEPT = 4;

  @Spec private CommandSpec spec;

  @Mixin private Invocation invocation;

  @Parameters(
      paramLabel = "IMAGE",
      description =
          "A directory with pages.idx and pages.bin[.gz], an ELF core, a LiME image, a dump of"
              + " makedumpfile (flattened, or kdump-compressed by zlib), or a raw physical-memory"
              + " file; .gz is unpacked, - is standard input.")
  private String image;

  @Option(
      names = "--base",
      paramLabel = "ADDR",
      description = "Physical address of a raw file's first byte (default: 0).")
  private Long base;

  @Mixin private RootOptions roots = new RootOptions();

  @Mixin private RmpOptions rmpOptions = new RmpOptions();

  @Option(
      names = "--rmp-out",
      paramLabel = "FILE",
      description =
          "Write what a table and the RMP say as op lines (map, share, unshare), for replay to begin"
              + " with.")
  private String statesFile;

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

  @Option(
      names = "--csv",
      paramLabel = "FILE",
      description = "Write a row for each domain, named as in JSON.")
  private @Nullable String csvFile;

  @Option(names = "--json", paramLabel = "FILE", description = "Write what is printed as JSON.")
  private String jsonFile;

  private Progress progress;
  private int kept;
  private final List<String> incomplete = new ArrayList<>();

  @Override
  public Integer call() throws IOException {
    roots.check();
    rmpOptions.check();
    Outputs.check(statesFile);
    Outputs.check(csvFile);
    Outputs.check(jsonFile);
    Outputs.check(leavesFile);
    Outputs.check(directoriesFile);
    progress = invocation.progress();
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
    Rmp rmp = rmpOptions.open(image, opened);
    try (RowFile leaves = leavesFile == null ? null : RowFile.leaves(leavesFile, several);
        RowFile directories =
            directoriesFile == null ? null : RowFile.directories(directoriesFile, several)) {
      for (Domain domain : domains) {
        InspectedDomain one = inspect(opened, domain, rmp, leaves, directories);
        inspected.add(one);
        kept += one.findings().kept().size();
        if (!one.findings().complete()) {
          incomplete.add(domain.name());
        }
      }
    } finally {
      progress.clear();
    }
    if (statesFile != null) {
      writeStates(opened, domains, rmp);
    }
    print(inspected, others);
    Invocation.csv(csvFile, InspectJson.domains(inspected, audit));
    Invocation.json(
        jsonFile, InspectJson.of(image, inspected, others, audit), invocation.provenance(null));
    return judge(inspected);
  }

  private InspectedDomain inspect(
      MemoryImage opened,
      Domain domain,
      @Nullable Rmp rmp,
      @Nullable RowFile leaves,
      @Nullable RowFile directories) {
    RmpJudge judge = rmpOptions.judge(rmp, opened, domain);
    TableSummary summary = new TableSummary();
    Findings findings = findings();
    RmpAudit rmpAudit = judge == null ? null : new RmpAudit(judge, findings::add);
    domain.findings().forEach(findings::add);
    if (domain.hasTable() && findings.complete()) {
      long root = domain.root().paddr();
      List<TableVisitor> visitors = new ArrayList<>();
      visitors.add(summary);
      visitors.add(
          new TableAudit(domain.root(), judge == null ? _ -> true : judge::allowsLarge, findings));
      if (rmpAudit != null) {
        visitors.add(rmpAudit);
      }
      visitors.add(progress(domain));
      if (leaves != null) {
        visitors.add(leaves.rows(domain.name(), root));
      }
      if (directories != null) {
        visitors.add(directories.rows(domain.name(), root));
      }
      TableDecoder.decode(opened.memory(), domain.root(), TableVisitor.all(visitors));
    }
    List<Lookup> looked =
        lookups.stream().map(iova -> Lookup.of(opened.memory(), domain, iova, rmp, judge)).toList();
    return new InspectedDomain(domain, summary, findings, looked, rmpAudit);
  }

  private void writeStates(MemoryImage opened, List<Domain> domains, @Nullable Rmp rmp)
      throws IOException {
    if (rmp == null) {
      throw new BadInput("--rmp-out needs an RMP: --rmp, --rmp-dump or a manifest that has one");
    }
    List<Domain> mapped =
        domains.stream().filter(d -> d.hasTable() && d.root().leadsFromGpa()).toList();
    if (mapped.size() != 1) {
      throw new BadInput(
          "--rmp-out writes one table, and of %d it could: choose by --devid, --dte or --root"
              .formatted(mapped.size()));
    }
    Domain domain = mapped.getFirst();
    try (Writer out = Outputs.open(statesFile)) {
      StateLines states = new StateLines(rmp, out);
      out.write("# domain %s of %s\n".formatted(domain.name(), Excerpt.of(image)));
      TableDecoder.decode(opened.memory(), domain.root(), states.maps());
      TableDecoder.decode(opened.memory(), domain.root(), states.states());
      if (states.unknownBytes() > 0) {
        out.write("# the RMP of %d bytes is not known\n".formatted(states.unknownBytes()));
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
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
    inspected.forEach(text::lookups);
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
