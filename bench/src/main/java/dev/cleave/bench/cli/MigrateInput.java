package dev.cleave.bench.cli;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.io.Progress;
import dev.cleave.bench.migrate.GuestMemory;
import dev.cleave.bench.trace.AddressSpace;
import dev.cleave.bench.trace.Trace;
import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * The guest that is migrated, as the command line names it: a size, or what a log leaves mapped.
 */
final class MigrateInput {
  private static final long PAGE_BYTES = 4096;
  private static final long MOST_BYTES = 512L << 30;

  @Parameters(
      paramLabel = "TRACE",
      arity = "0..*",
      description =
          "Logs as replay reads them: what they leave mapped is the guest; .gz is unpacked, - is"
              + " stdin.")
  private List<String> traces = List.of();

  @Option(
      names = "--guest-memory",
      paramLabel = "SIZE",
      description =
          "A guest of so much memory instead of a log, at most 512G. What is above 2G begins at 4G.")
  private @Nullable Long guestMemory;

  @Option(
      names = "--space",
      paramLabel = "NAME",
      description = "Which address space of a log that has several.")
  private @Nullable String space;

  /**
   * The guest.
   *
   * @param warn takes what a person has to know
   * @throws BadInput if there is none, or nothing that a device can write
   */
  GuestMemory read(Progress progress, Consumer<String> warn) throws IOException {
    if (traces.isEmpty() == (guestMemory == null)) {
      throw new BadInput("migrate: expected either --guest-memory SIZE or a log");
    }
    if (guestMemory != null) {
      if (space != null) {
        throw new BadInput("--space goes with a log, not with --guest-memory");
      }
      if (guestMemory <= 0 || guestMemory % PAGE_BYTES != 0 || guestMemory > MOST_BYTES) {
        throw new BadInput(
            "--guest-memory must be a positive multiple of 4K and at most 512G, got "
                + Numbers.size(guestMemory));
      }
      return GuestMemory.ofSize(guestMemory);
    }
    GuestMemory memory = GuestMemory.of(trace(progress, warn));
    if (memory.extents().isEmpty() || !memory.isWritable()) {
      throw new BadInput(
          String.join(", ", traces)
              + ": nothing is mapped at the end that a device could write; cut the log before its"
              + " unmaps");
    }
    if (memory.mappedBytes() > MOST_BYTES) {
      throw new BadInput(
          "%s: %s are mapped at the end, and at most 512G can be migrated"
              .formatted(String.join(", ", traces), Numbers.size(memory.mappedBytes())));
    }
    if (memory.refused() > 0) {
      warn.accept(
          "%d events of the log did not fit what they found, and were left out"
              .formatted(memory.refused()));
    }
    return memory;
  }

  private Trace trace(Progress progress, Consumer<String> warn) throws IOException {
    Trace read = Trace.read(traces, false, count -> progress.at("events read", count));
    progress.clear();
    read.checkNotEmpty();
    read.warnings().forEach(warn);
    List<AddressSpace> spaces = read.history().spaces();
    if (space == null && spaces.size() > 1) {
      throw new BadInput(
          "the log holds %d address spaces; choose one with --space: %s"
              .formatted(
                  spaces.size(),
                  spaces.stream().map(AddressSpace::name).collect(Collectors.joining(", "))));
    }
    return space == null ? read : read.only(space);
  }

  /** What it is, for a person. */
  String words() {
    return guestMemory == null ? String.join(", ", traces) : Numbers.size(guestMemory);
  }
}
