package dev.cleave.bench.cli;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.replay.Policy;
import dev.cleave.bench.replay.ReplayOptions;
import dev.cleave.bench.trace.Trace;
import dev.cleave.bench.trace.TraceEvent;
import java.util.List;
import picocli.CommandLine.Option;

/** Which tables map a replayed guest's memory, and where its shared pages lie. */
final class GuestTableOptions {
  private static final int NESTED_LOG2 = 48;

  /** Where paddrs must end, so that shared memory fits between them and the tables. */
  private static final long MOST_PADDR = 1L << 48;

  private static final long LEAST_BASE = 1L << 30;
  private static final long END_OF_ADDRESSES = 1L << 52;

  @Option(
      names = "--tables",
      paramLabel = "NAME",
      split = ",",
      description =
          "Which tables follow: iommu (default), or iommu,npt: a nested table of the processors"
              + " together with it. The files describe the IOMMU table; an image has both.")
  private List<String> names = List.of("iommu");

  @Option(
      names = "--backing",
      paramLabel = "WHERE",
      defaultValue = "in-place",
      description =
          "Where a shared page lies: in-place (default), or separate: in other memory, until it is"
              + " private again.")
  private String backing;

  /** Checks what can be checked before the log is read. */
  void check() {
    for (String name : names) {
      if (!name.equals("iommu") && !name.equals("npt")) {
        throw new BadInput("--tables: '" + name + "' is not a table, expected iommu or iommu,npt");
      }
    }
    if (!names.contains("iommu")) {
      throw new BadInput("--tables: npt follows together with iommu, expected iommu,npt");
    }
    if (!backing.equals("in-place") && !backing.equals("separate")) {
      throw new BadInput(
          "--backing: '" + backing + "' is not a backing, expected in-place, separate");
    }
  }

  /**
   * Adds what was chosen to the options of a replay.
   *
   * @param isRmpOff whether page states were said not to matter
   * @throws BadInput if the log does not allow it
   */
  ReplayOptions applyTo(ReplayOptions options, Trace trace, boolean isRmpOff) {
    ReplayOptions chosen = options;
    if (names.contains("npt")) {
      if ((options.pageSizes() & PAGE_BYTES) == 0) {
        throw new BadInput(
            "--tables: a nested table needs 4K among --page-sizes, got "
                + PageSizes.words(options.pageSizes()));
      }
      trace.events().forEach(GuestTableOptions::checkReached);
      chosen = chosen.withNestedTable(true);
    }
    if (backing.equals("separate")) {
      if (isRmpOff) {
        throw new BadInput("--backing separate needs page states, which --rmp off ignores");
      }
      if (options.followsRmp()) {
        chosen = chosen.withSharedBase(sharedBase(options, trace));
      }
    }
    return chosen;
  }

  private static void checkReached(TraceEvent event) {
    if (event instanceof TraceEvent.Map map) {
      long last = map.iova() + Math.max(map.length(), 1) - 1;
      if (map.iova() >>> NESTED_LOG2 != 0 || last >>> NESTED_LOG2 != 0) {
        throw new BadInput(
            "--tables: a nested table of 4 levels ends at 256T, line %d maps %s"
                .formatted(map.line(), Numbers.hex(map.iova())));
      }
    }
  }

  /**
   * Options for a policy: those whose devices get the memory of shared pages have it elsewhere,
   * wherever the others have it.
   *
   * @throws BadInput if the log does not allow it
   */
  static ReplayOptions forPolicy(Policy policy, ReplayOptions options, Trace trace) {
    if (!policy.isSharedBacked()) {
      return options;
    }
    String named = "--policy: " + policy.word();
    if (!options.followsRmp()) {
      throw new BadInput(
          named + " maps the memory of shared pages, and no page states are replayed (see --rmp)");
    }
    if (options.hasNestedTable()) {
      throw new BadInput(named + " is of the IOMMU table alone, expected --tables iommu");
    }
    return options.isSharedInPlace() ? options.withSharedBase(sharedBase(options, trace)) : options;
  }

  /** Whether {@link #forPolicy} has options for every policy. */
  static boolean allowsEveryPolicy(ReplayOptions options, Trace trace) {
    return options.followsRmp()
        && !options.hasNestedTable()
        && (!options.isSharedInPlace() || endOfPaddrs(options, trace) <= MOST_PADDR);
  }

  /** The first power of two above all guest memory, wherever it lies. */
  private static long sharedBase(ReplayOptions options, Trace trace) {
    long end = endOfPaddrs(options, trace);
    if (end > MOST_PADDR) {
      throw new BadInput(
          "--backing separate needs a log whose paddrs end at or below 256T, they end at "
              + Numbers.hex(end));
    }
    return Long.highestOneBit(end - 1) << 1;
  }

  /** Where all guest memory ends, wherever it lies. */
  private static long endOfPaddrs(ReplayOptions options, Trace trace) {
    long end = Math.max(options.guestBytes(), LEAST_BASE);
    for (TraceEvent event : trace.events()) {
      if (event instanceof TraceEvent.Map map) {
        long paddr = map.paddrOr(options.paddrBase());
        // what lies beyond all physical addresses will be refused as an event
        if (paddr >>> 52 == 0 && map.length() > 0 && map.length() <= END_OF_ADDRESSES - paddr) {
          end = Math.max(end, paddr + map.length());
        }
      }
    }
    return end;
  }
}
