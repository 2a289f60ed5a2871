package dev.cleave.bench.cli;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.migrate.Load;
import dev.cleave.bench.migrate.WritePattern;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What the device of a migration does, as the command line says it. */
final class MigrateLoads {
  private static final long PAGE_BYTES = 4096;
  private static final long MOST_BYTES_PER_SECOND = 1L << 40;
  private static final int MOST_READ_PERCENT = 1000;

  @Option(
      names = "--pattern",
      paramLabel = "NAME",
      split = ",",
      description =
          "What the device writes, one migration each: ring, random, sequential, bursts (default:"
              + " ring,random).")
  private List<String> patterns = List.of("ring", "random");

  @Option(
      names = "--write-rate",
      paramLabel = "RATE",
      split = ",",
      description =
          "Bytes a second that it writes, in pages of 4K: one for all patterns, or one for each in"
              + " their order (default: 2G).")
  private List<String> rates = List.of("2G");

  @Option(
      names = "--working-set",
      paramLabel = "SIZE",
      split = ",",
      description =
          "How much of the guest it writes to, likewise (default: 64M for ring, else everything).")
  private @Nullable List<String> workingSets;

  @Option(
      names = "--reads",
      paramLabel = "PERCENT",
      defaultValue = "0",
      description =
          "Reads for each hundred writes, anywhere in the working set, 0 to 1000 (default: 0).")
  private int readPercent;

  /** What is to be migrated under. */
  List<Load> loads() {
    List<WritePattern> chosen =
        patterns.stream().map(word -> named("--pattern", word)).distinct().toList();
    checkCount("--write-rate", rates, chosen);
    if (readPercent < 0 || readPercent > MOST_READ_PERCENT) {
      throw new BadInput(
          "--reads must be 0 to %d, got %d".formatted(MOST_READ_PERCENT, readPercent));
    }
    if (workingSets != null) {
      checkCount("--working-set", workingSets, chosen);
    }
    List<Load> loads = new ArrayList<>();
    for (int i = 0; i < chosen.size(); i++) {
      WritePattern pattern = chosen.get(i);
      long rate = number("--write-rate", of(rates, i));
      if (rate < PAGE_BYTES || rate > MOST_BYTES_PER_SECOND) {
        throw new BadInput("--write-rate must be 4K to 1T a second, got " + of(rates, i));
      }
      long bytes = pattern.workingSetBytes();
      if (workingSets != null) {
        bytes = number("--working-set", of(workingSets, i));
        if (bytes <= 0 || bytes % PAGE_BYTES != 0) {
          throw new BadInput(
              "--working-set must be a positive multiple of 4K, got " + of(workingSets, i));
        }
      }
      loads.add(new Load(pattern, rate, bytes, readPercent));
    }
    return loads;
  }

  private static void checkCount(String option, List<String> values, List<WritePattern> patterns) {
    if (values.size() != 1 && values.size() != patterns.size()) {
      throw new BadInput(
          "%s must be one value, or one for each of %d patterns, got %d"
              .formatted(option, patterns.size(), values.size()));
    }
  }

  private static String of(List<String> values, int index) {
    return values.size() == 1 ? values.getFirst() : values.get(index);
  }

  private static WritePattern named(String option, String word) {
    try {
      return WritePattern.of(word);
    } catch (IllegalArgumentException e) {
      throw new BadInput(option + ": " + e.getMessage());
    }
  }

  private static long number(String option, String text) {
    try {
      return Numbers.parse(text);
    } catch (NumberFormatException e) {
      throw new BadInput(option + ": " + e.getMessage());
    }
  }
}
