package dev.cleave.bench.cli;

import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.io.Outputs;
import dev.cleave.bench.provenance.Provenance;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Geometry;
import dev.cleave.engine.kernel.Kernels;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code cleave info}: what runs here, and how. */
@Command(
    name = "info",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description = "Say what version runs, on which JDK, with which kernels and table memory.")
final class InfoCommand implements Callable<Integer> {
  private static final Path HUGE_PAGES = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
  private static final Path HUGE_PAGE_SIZE =
      Path.of("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");

  @Spec private CommandSpec spec;

  @Option(
      names = "--csv",
      paramLabel = "FILE",
      description = "Write what is printed as CSV: one row, named as in JSON.")
  private @Nullable String csvFile;

  @Option(names = "--json", paramLabel = "FILE", description = "Write what is printed as JSON.")
  private String jsonFile;

  @Override
  public Integer call() throws IOException {
    Outputs.check(csvFile);
    Outputs.check(jsonFile);
    Map<String, Object> info = new LinkedHashMap<>();
    info.put("version", "cleave " + Provenance.programVersion());
    info.put("jdk", System.getProperty("java.vendor.version") + ", " + Runtime.version());
    info.put(
        "machine",
        "%s %s, %d processors"
            .formatted(
                System.getProperty("os.name"),
                System.getProperty("os.arch"),
                Runtime.getRuntime().availableProcessors()));
    info.put("kernels", Kernels.chosen().toString());
    info.put("kernelsReason", Kernels.reason());
    info.put("vectorBits", VectorWidth.bits());
    info.put("pageBytes", Geometry.PAGE_BYTES);
    info.put(
        "tableMemory",
        TableMemory.isLazy()
            ? "mmap, backed at first touch"
            : "allocated whole: mmap cannot be called here");
    info.put("hugePages", hugePages());
    PrintWriter out = spec.commandLine().getOut();
    info.forEach((name, value) -> out.printf("%-14s %s%n", name, value));
    out.flush();
    Invocation.csv(csvFile, List.of(info));
    Invocation.json(jsonFile, info, Invocation.provenance(spec, null));
    return ExitPolicy.OK;
  }

  /** What the system does when a table memory asks for huge pages. */
  private static String hugePages() {
    Optional<String> mode =
        read(HUGE_PAGES).map(text -> text.replaceAll("(?s).*\\[(\\w+)\\].*", "$1"));
    Optional<String> size =
        read(HUGE_PAGE_SIZE).map(String::strip).map(Long::parseLong).map(Numbers::size);
    return mode.map(word ->
            switch (word) {
              case "always" -> "given without asking";
              case "madvise" -> "given when table memory asks for them";
              default -> "not given";
            })
        .map(text -> text + size.map(bytes -> ", " + bytes).orElse(""))
        .orElse("unknown to this system");
  }

  private static Optional<String> read(Path file) {
    try {
      return Optional.of(Files.readString(file));
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
