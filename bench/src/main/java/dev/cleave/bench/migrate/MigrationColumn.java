package dev.cleave.bench.migrate;

import static dev.cleave.bench.figure.Better.HIGH;
import static dev.cleave.bench.figure.Better.LOW;
import static dev.cleave.bench.figure.Better.NEITHER;
import static dev.cleave.bench.figure.Unit.BYTES;
import static dev.cleave.bench.figure.Unit.COUNT;
import static dev.cleave.bench.figure.Unit.NANOS;
import static dev.cleave.bench.figure.Unit.PART;
import static dev.cleave.bench.figure.Unit.RATIO;
import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import dev.cleave.bench.figure.Better;
import dev.cleave.bench.figure.Unit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What is told of a migration, in the order in which it is told. This is the only list: text, page,
 * JSON, CSV and comparisons ask it what to show, where the figure comes from, how it is called and
 * how it is written.
 */
public enum MigrationColumn {
  SENT_BYTES(
      result -> result.sentPages() * PAGE_BYTES,
      "sentBytes",
      "sent",
      BYTES,
      LOW,
      "Bytes of pages that went over the link, without headers."),
  PASSES(
      MigrationResult::sendingPasses,
      "passes",
      "passes",
      COUNT,
      LOW,
      "Passes over memory, the last one, with devices stopped, included."),
  LIVE_NANOS(
      MigrationResult::liveNanos,
      "liveNs",
      "live",
      NANOS,
      NEITHER,
      "Virtual time from the begin until devices were stopped: the time to converge, where it did."),
  CONVERGED(
      result -> result.hasConverged() ? 1 : 0,
      "converged",
      "converged",
      COUNT,
      HIGH,
      "1 if the rest fitted the allowed downtime before devices were stopped, 0 if they were stopped"
          + " because it grew no smaller."),
  DOWNTIME_NANOS(
      MigrationResult::downtimeNanos,
      "downtimeNs",
      "downtime",
      NANOS,
      LOW,
      "Virtual time that devices stood still: the last flush, and the last pages on the link."),
  STALL_NANOS(
      MigrationResult::stallNanos,
      "stallNs",
      "stalled",
      NANOS,
      LOW,
      "Virtual time before that in which devices waited because an RMP entry changed with a leaf."),
  SPLITS(
      result -> result.passes().stream().mapToLong(Pass::splits).sum(),
      "splits",
      "splits",
      COUNT,
      LOW,
      "Leaves replaced by smaller ones."),
  MERGES(
      result -> result.passes().stream().mapToLong(Pass::merges).sum() + result.end().merges(),
      "merges",
      "merges",
      COUNT,
      LOW,
      "Leaves made of smaller ones."),
  FLUSH_COMMANDS(
      result ->
          result.passes().stream().mapToLong(Pass::flushCommands).sum()
              + result.end().flushCommands(),
      "flushes",
      "flushes",
      COUNT,
      LOW,
      "Flush commands."),
  HITS_BEFORE(
      result -> result.before().hitRate(),
      "hitsBefore",
      "hits before",
      PART,
      HIGH,
      "Accesses that the IOTLB answered before the migration."),
  HITS_DURING(
      result -> result.during().hitRate(),
      "hitsDuring",
      "during",
      PART,
      HIGH,
      "Accesses that the IOTLB answered while memory was copied and devices were not stopped."),
  HITS_AFTER(
      result -> result.after().hitRate(),
      "hitsAfter",
      "after",
      PART,
      HIGH,
      "Accesses that the IOTLB answered afterwards, with leaves merged back if they are."),
  TABLE_BYTES_PEAK(
      MigrationResult::tableBytesPeak,
      "tableBytesPeak",
      "peak",
      BYTES,
      LOW,
      "The most table memory in use, pages that wait for a flush included."),
  BEGIN_NANOS(
      result -> result.hasTracking() ? result.passes().getFirst().engineNanos() : null,
      "beginNs",
      "begin",
      NANOS,
      LOW,
      "What the engine took to begin: to split, if everything is, and to make all clean."),
  PASS_NANOS(
      MigrationResult::passNanos,
      "passNs",
      "a pass",
      NANOS,
      LOW,
      "What the engine took for a pass, on average: read and clear, split and merge, complete."),
  MERGE_NANOS(
      result -> result.end().engineNanos(),
      "mergeNs",
      "merge",
      NANOS,
      LOW,
      "What the engine took to merge everything at the end."),
  OVER_REPORTED(
      MigrationResult::overReporting,
      "overReporting",
      "over-reported",
      RATIO,
      LOW,
      "Pages that were reported, to those that devices had written: 1 is exact."),
  OVER_SENT(
      MigrationResult::overSending,
      "overSending",
      "over-sent",
      RATIO,
      LOW,
      "Pages that were reported, to those that had been written after they were sent: in a pass"
          + " others are written before their turn comes."),
  REFUSED(
      MigrationResult::refused,
      "refused",
      "refused",
      COUNT,
      LOW,
      "Accesses of devices that table or RMP refused: 0, since nobody takes a mapping away."),
  LOST_PAGES(
      MigrationResult::lostPages,
      "lostPages",
      "lost",
      COUNT,
      LOW,
      "Pages that differ at the destination when all is over.");

  @SuppressWarnings("ImmutableEnumChecker") // functions that hold nothing
  private final Function<MigrationResult, @Nullable Number> figure;

  private final String word;
  private final String heading;
  private final Unit unit;
  private final Better better;
  private final String note;

  /**
   * A column.
   *
   * @param figure null where a migration has none
   * @param word its name in JSON and CSV
   * @param heading its heading in text and on a page
   * @param note what it is, in a sentence
   */
  MigrationColumn(
      Function<MigrationResult, @Nullable Number> figure,
      String word,
      String heading,
      Unit unit,
      Better better,
      String note) {
    this.figure = figure;
    this.word = word;
    this.heading = heading;
    this.unit = unit;
    this.better = better;
    this.note = note;
  }

  /** The figure of a migration; null where it has none. */
  public @Nullable Number of(MigrationResult result) {
    return figure.apply(result);
  }

  /** Its name in JSON and CSV. */
  public String word() {
    return word;
  }

  /** Its heading in text and on a page. */
  public String heading() {
    return heading;
  }

  /** What it counts. */
  public Unit unit() {
    return unit;
  }

  /** Which strategy wins. */
  public Better better() {
    return better;
  }

  /** Whether it differs from run to run: what was taken on the clock. */
  public boolean isMeasured() {
    return this == BEGIN_NANOS || this == PASS_NANOS || this == MERGE_NANOS;
  }

  /** What it is, in a sentence. */
  public String note() {
    return note;
  }
}
