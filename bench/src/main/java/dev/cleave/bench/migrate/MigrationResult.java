package dev.cleave.bench.migrate;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a migration came to.
 *
 * @param load what the device did
 * @param hasRmp whether an RMP was checked
 * @param hasConverged whether the rest fitted the allowed downtime before devices were stopped
 * @param liveNanos virtual time from the begin until devices were stopped
 * @param downtimeNanos virtual time that they stood still
 * @param stallNanos virtual time before that in which they had to wait for a change of the RMP
 * @param before the IOTLB before the migration
 * @param during it while memory was copied
 * @param after it when devices write again
 * @param end what happened behind the last pass
 * @param tableBytesPeak the most table memory
 * @param lostPages pages that the destination lacks
 * @param lost the first of them
 * @param refused accesses that did not reach the guest's memory
 * @param firstRefusal one of them, in words
 * @param passes one after the other
 */
public record MigrationResult(
    Strategy strategy,
    Load load,
    boolean hasRmp,
    boolean hasConverged,
    long liveNanos,
    long downtimeNanos,
    long stallNanos,
    Lookups before,
    Lookups during,
    Lookups after,
    End end,
    long tableBytesPeak,
    long lostPages,
    List<LostPage> lost,
    long refused,
    @Nullable String firstRefusal,
    List<Pass> passes) {
  /**
   * Translations of a device's accesses.
   *
   * @param accesses how many
   * @param iotlbHits those that the IOTLB answered
   */
  public record Lookups(long accesses, long iotlbHits) {
    /** The part that the IOTLB answered; null of nothing. */
    public @Nullable Double hitRate() {
      return accesses == 0 ? null : (double) iotlbHits / accesses;
    }
  }

  /**
   * What is done when everything has been copied: leaves become large again.
   *
   * @param merges leaves made of smaller ones
   * @param flushCommands invalidations
   * @param engineNanos what the engine took, on the clock
   */
  public record End(long merges, long flushCommands, long engineNanos) {}

  /** Pages that were sent. */
  public long sentPages() {
    return passes.stream().mapToLong(Pass::sentPages).sum();
  }

  /** Passes that sent something. */
  public int sendingPasses() {
    return (int) passes.stream().filter(pass -> pass.number() > 0).count();
  }

  /**
   * The passes whose reads decided what was sent. What the last read but one reported was not sent
   * before the last one had added to it.
   */
  private List<Pass> decidingReads() {
    int live = passes.size() - 2;
    List<Pass> reads = new ArrayList<>(passes.subList(0, Math.max(0, live)));
    reads.add(passes.getLast());
    return reads;
  }

  /** Pages that were reported and sent for that. */
  public long reportedPages() {
    return decidingReads().stream().mapToLong(Pass::reportedPages).sum();
  }

  /** Reported pages to those of them that had been written; null where none was. */
  public @Nullable Double overReporting() {
    return ratio(decidingReads().stream().mapToLong(Pass::writtenPages).sum());
  }

  /** The same to those that had been written after they were sent; null where none was. */
  public @Nullable Double overSending() {
    return ratio(
        decidingReads().stream().mapToLong(pass -> pass.stalePages() - pass.missedPages()).sum());
  }

  private @Nullable Double ratio(long pages) {
    return pages == 0 ? null : (double) reportedPages() / pages;
  }

  /** Whether anything was tracked. */
  public boolean hasTracking() {
    return passes.getFirst().number() == 0;
  }

  /** What the engine took for a pass on average; null without tracking. */
  public @Nullable Long passNanos() {
    return hasTracking()
        ? passes.stream().skip(1).mapToLong(Pass::engineNanos).sum() / (passes.size() - 1)
        : null;
  }

  /** Its name among others: the strategy, and whether there is an RMP. */
  public String name() {
    return strategy.word() + (hasRmp ? " + RMP" : "");
  }

  /** Whether all is as it must be. */
  public boolean isExact() {
    return lostPages == 0 && refused == 0;
  }
}
