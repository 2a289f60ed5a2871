package dev.cleave.bench.conform;

import java.util.EnumMap;
import java.util.Map;

/**
 * What a run did.
 *
 * @param cases cases without a difference
 * @param states changes of tables and devices that were flushed and probed
 * @param refused operations that the engine refused, rightly
 * @param probes DMA accesses
 * @param reads those that read
 * @param writes those that wrote
 * @param during reads between the stores of an operation or beside it
 * @param far reads beyond memory, of which QEMU's trace said where they went
 * @param stale accesses answered from a translation that was not flushed yet, as they had to be
 * @param flushes INVALIDATE_IOMMU_PAGES commands that gathers asked for
 * @param kinds cases by kind
 * @param excluded accesses that were not sent, by the reason
 */
public record ConformanceResult(
    long cases,
    long states,
    long refused,
    long probes,
    long reads,
    long writes,
    long during,
    long far,
    long stale,
    long flushes,
    Map<CaseKind, Conformance.KindResult> kinds,
    Map<KnownDeviation, Long> excluded) {

  static ConformanceResult of(Tally tally, Map<CaseKind, Conformance.KindResult> kinds) {
    return new ConformanceResult(
        kinds.values().stream().mapToLong(Conformance.KindResult::cases).sum(),
        tally.states,
        tally.refused,
        tally.probes(),
        tally.reads,
        tally.writes,
        tally.during,
        tally.far,
        tally.stale,
        tally.commands,
        new EnumMap<>(kinds),
        new EnumMap<>(tally.excluded));
  }
}
