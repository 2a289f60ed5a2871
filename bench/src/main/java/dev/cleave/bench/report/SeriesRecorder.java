package dev.cleave.bench.report;

import dev.cleave.bench.machine.DeviceCounts;
import dev.cleave.bench.machine.DmaResult;
import dev.cleave.bench.replay.PolicyRun;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Samples a run, step by step.
 *
 * <p>Not thread-safe.
 */
final class SeriesRecorder {
  private final PolicyRun run;
  private final List<Sample> samples = new ArrayList<>();
  private @Nullable DeviceCounts last;

  /**
   * What a run has come to.
   *
   * @param event number of the last event
   * @param tableBytes in use
   * @param nestedBytes in use by the nested table; null if there is none
   * @param mixedRegions regions where only leaves below 2 MiB are legal; 0 without an RMP
   * @param stores entries written so far
   * @param flushes commands so far
   * @param mappedBytes that devices can reach, each as often as it is mapped
   * @param pinnedBytes that are pinned because devices can reach them
   * @param backingBytes that lie in the shared backing
   * @param rmpFaults so far, as in {@link dev.cleave.bench.replay.PolicyResult}
   * @param hitRate of the IOTLB since the last sample; null if no device accessed anything
   * @param dmaFaults accesses of devices that were refused so far; null without devices
   */
  record Sample(
      int event,
      long tableBytes,
      @Nullable Long nestedBytes,
      long mixedRegions,
      long stores,
      long flushes,
      long mappedBytes,
      long pinnedBytes,
      long backingBytes,
      long rmpFaults,
      @Nullable Double hitRate,
      @Nullable Long dmaFaults) {}

  SeriesRecorder(PolicyRun run) {
    this.run = run;
  }

  /** Samples. */
  void stepEnded(int event) {
    DmaResult result = run.dma();
    DeviceCounts dma = result == null ? null : result.all();
    var states = run.pageStates();
    samples.add(
        new Sample(
            event,
            run.iommuBytes(),
            run.nestedMemory() == null ? null : run.nestedMemory().usedBytes(),
            states == null ? 0 : states.mixedRegions(),
            run.entryStores(),
            run.flushCommands(),
            run.mappedBytes(),
            run.pinnedBytes(),
            run.backingBytes(),
            run.rmpFaults(),
            dma == null ? null : hitRate(dma),
            dma == null ? null : dma.translationFaults() + dma.rmpFaults()));
    last = dma;
  }

  private @Nullable Double hitRate(DeviceCounts dma) {
    long accesses = dma.accesses() - (last == null ? 0 : last.accesses());
    long hits = dma.iotlbHits() - (last == null ? 0 : last.iotlbHits());
    return accesses == 0 ? null : (double) hits / accesses;
  }

  List<Sample> samples() {
    return samples;
  }
}
