package dev.cleave.bench.cli;

import dev.cleave.bench.explain.Explainer;
import dev.cleave.bench.explain.Tables;
import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.MemoryImage;
import dev.cleave.bench.image.rmp.Lookup;
import dev.cleave.bench.image.rmp.Rmp;
import dev.cleave.bench.image.rmp.RmpJudge;
import dev.cleave.bench.image.table.Domain;
import dev.cleave.bench.image.table.DomainFinder;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Outputs;
import dev.cleave.bench.io.TextLines;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code cleave explain}: what the lines of a dmesg mean. */
@Command(
    name = "explain",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description =
        "Explain AMD-Vi events, RMP lines, commands and device table entries in a host's dmesg.",
    footer = {
      "",
      "Lines that say nothing of these pass through as they are. With --image the",
      "address of a fault is followed through the table of its device or domain: that",
      "of the manifest, of --devtab, or the one that --devid, --dte or --root choose."
    })
final class ExplainCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "FILE",
      description = "A dmesg, or what debugfs prints; .gz is unpacked, - is standard input.")
  private String file;

  @Option(
      names = "--image",
      paramLabel = "IMAGE",
      description = "The memory of the machine, as inspect reads it.")
  private String image;

  @Option(
      names = "--base",
      paramLabel = "ADDR",
      description = "Physical address of a raw image's first byte (default: 0).")
  private Long base;

  @Mixin private RootOptions roots = new RootOptions();

  @Mixin private RmpOptions rmpOptions = new RmpOptions();

  @Option(names = "--verbose", description = "Every field, every bit of flags, and every step.")
  private boolean isVerbose;

  @Option(
      names = "--csv",
      paramLabel = "FILE",
      description = "Write a row for each line that was explained, named as in JSON.")
  private @Nullable String csvFile;

  @Option(names = "--json", paramLabel = "FILE", description = "Write what was explained as JSON.")
  private String jsonFile;

  private final List<Map<String, Object>> explained = new ArrayList<>();
  private long passed;
  private long bad;

  @Override
  public Integer call() throws IOException {
    roots.checkForDevices();
    rmpOptions.check();
    Outputs.check(csvFile);
    Outputs.check(jsonFile);
    if (image == null && (base != null || roots.isAny() || rmpOptions.isAny())) {
      throw new BadInput("options that choose a table or an RMP need --image");
    }
    if (image == null) {
      explain(null);
    } else {
      OptionalLong start = base == null ? OptionalLong.empty() : OptionalLong.of(base);
      try (MemoryImage opened = MemoryImage.open(image, start)) {
        explain(tables(opened));
      }
    }
    Invocation.csv(csvFile, explained);
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("input", file);
    json.put("explained", explained);
    json.put("passedLines", passed);
    json.put("badLines", bad);
    Invocation.json(jsonFile, json, Invocation.provenance(spec, null));
    return ExitPolicy.OK;
  }

  private void explain(@Nullable Tables tables) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    Explainer explainer = new Explainer(tables);
    try (TextLines lines = TextLines.open(file)) {
      for (String line : lines) {
        print(out, lines.number(), line, explainer.take(line));
      }
    }
    out.flush();
  }

  private void print(PrintWriter out, long number, String line, Explainer.Outcome outcome) {
    switch (outcome) {
      case Explainer.Explained(String prefix, var explanation) -> {
        out.println(prefix + explanation.words());
        if (isVerbose) {
          out.println("    line: " + line.strip());
          explanation.details().forEach(detail -> out.println("    " + detail));
        }
        if (jsonFile != null || csvFile != null) {
          explained.add(explanation.json(number));
        }
      }
      case Explainer.Held() -> {}
      case Explainer.Passed() -> {
        passed++;
        out.println(line);
      }
      case Explainer.Bad(String problem) -> {
        bad++;
        out.println(line);
        out.println("    cannot be read: " + problem);
      }
    }
  }

  private Tables tables(MemoryImage opened) {
    DomainFinder finder = roots.finder(opened);
    Rmp rmp = rmpOptions.open(image, opened);
    Map<List<Object>, List<Domain>> domains = new HashMap<>();
    Map<Domain, RmpJudge> judges = new HashMap<>();
    return new Tables() {
      @Override
      public List<Domain> of(@Nullable DeviceId device, OptionalInt domainId) {
        return domains.computeIfAbsent(
            Arrays.asList(device, domainId),
            _ -> roots.domainsOf(image, opened, finder, device, domainId));
      }

      @Override
      public Lookup lookup(Domain domain, long iova) {
        RmpJudge judge = judges.computeIfAbsent(domain, of -> rmpOptions.judge(rmp, opened, of));
        return Lookup.of(opened.memory(), domain, iova, rmp, judge);
      }
    };
  }
}
