package dev.cleave.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.machine.DeviceCounts;
import dev.cleave.bench.machine.DeviceKind;
import dev.cleave.bench.machine.DmaResult;
import dev.cleave.bench.replay.DeviceResult;
import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.ReplayColumn;
import dev.cleave.bench.replay.ReplayOptions;
import dev.cleave.bench.replay.TableResult;
import dev.cleave.engine.rmp.RmpFollower;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The sentences, for figures that are known. */
class ReplayFindingsTest {
  private static final Map<ReplayColumn, Long> FIGURES =
      Map.of(ReplayColumn.EVENTS, 1234L, ReplayColumn.DUPLICATE_BYTES_PEAK, 0L);

  private static PolicyResult result(
      String policy, long gapBytes, long windows, long illegal, long peak, long flushes) {
    TableResult table =
        new TableResult(
            "iommu",
            Map.of(
                ReplayColumn.STORES, 10 * flushes,
                ReplayColumn.FLUSHES, flushes,
                ReplayColumn.GAP_BYTES, gapBytes,
                ReplayColumn.RMP_FAULTS, windows,
                ReplayColumn.ILLEGAL_LEAVES, illegal,
                ReplayColumn.TABLE_BYTES_PEAK, peak,
                ReplayColumn.PINNED_BYTES_PEAK, 0L));
    return new PolicyResult(
        policy, null, "immediate", FIGURES, null, List.of(), List.of(table), List.of(), Map.of());
  }

  private static List<String> sentences(PolicyResult... results) {
    ReplayOptions options =
        new ReplayOptions(-1, 3, true, 4096, 0, RmpFollower.Order.TABLE_FIRST, 1L << 30, 0, 1);
    return new ReplayFindings(List.of(results), options)
        .sentences().stream().map(text -> text.replaceAll("[\u00a0\u202f]", " ")).toList();
  }

  @Test
  void theyNameTheSmallestTheHarmlessAndTheOneToChoose() {
    assertEquals(
        List.of(
            "The least table memory is taken by follow and remap, 180 KiB at the peak; all-4k takes"
                + " 16 MiB, 91 times as much.",
            "Under follow, lazy and all-4k no mapping was ever taken away from under a device; the"
                + " policy remap took 4 GiB of mappings away for a moment; leaves and RMP disagreed"
                + " for a moment 2 046 times under follow and 140 times under lazy, never under"
                + " all-4k and remap.",
            "Choose lazy: of those without gaps and illegal leaves and with at most twice the least table memory it"
                + " makes the least work, 50 flush commands and 500 stores for 1 234 events, against"
                + " 120 and 1 200 under follow."),
        sentences(
            result("follow", 0, 2046, 0, 180 << 10, 120),
            result("lazy", 0, 140, 0, 200 << 10, 50),
            result("all-4k", 0, 0, 0, 16 << 20, 0),
            result("remap", 4L << 30, 0, 0, 180 << 10, 20)));
  }

  @Test
  void aPolicyAloneIsNotComparedWithItself() {
    assertEquals(
        List.of(
            "Every table took 4 KiB at its peak.",
            "No mapping was ever taken away from under a device; leaves and RMP never disagreed for"
                + " a moment.",
            "Choose follow: of those without gaps and illegal leaves and with at most twice the least table memory it"
                + " makes the least work, 1 500 flush commands and 15 000 stores for 1 234 events."),
        sentences(result("follow", 0, 0, 0, 4096, 1500)));
  }

  @Test
  void wherePoliciesDoHarmNoneIsChosen() {
    assertEquals(
        "No policy here is without harm. Weighed in this order, gaps and illegal leaves, the least is"
            + " done by b: 3 illegal leaves.",
        sentences(result("a", 1, 0, 0, 4096, 9), result("b", 0, 0, 3, 4096, 7)).getLast());
  }

  @Test
  void whereSeveralDoTheSameAnyIsAsGood() {
    assertEquals(
        "Choose any of a and b: of those without gaps and illegal leaves and with at most twice the least table memory"
            + " they make the least work, 7 flush commands and 70 stores for 1 234 events.",
        sentences(result("a", 0, 0, 0, 4096, 7), result("b", 0, 0, 0, 4096, 7)).getLast());
  }

  /** Sentences of policies beside which devices worked, where shared pages lie elsewhere. */
  private static List<String> withDevices(PolicyResult... results) {
    ReplayOptions options =
        new ReplayOptions(-1, 3, true, 4096, 0, RmpFollower.Order.TABLE_FIRST, 1L << 30, 100, 1);
    return new ReplayFindings(List.of(results), options).sentences();
  }

  private static PolicyResult withDevices(PolicyResult result, long wrong, long refused) {
    DeviceCounts counts = new DeviceCounts(100, 0, 0, 0, 0, refused, 0, 0, wrong, 7, 0, 0);
    DmaResult dma =
        new DmaResult(
            List.of(new DmaResult.OfKind(DeviceKind.UNTRUSTED, true, false, counts, List.of())),
            0,
            0);
    return new PolicyResult(
        result.policy(),
        null,
        "immediate",
        FIGURES,
        dma,
        dma.kinds().stream().map(met -> new DeviceResult(met, 4096, 0)).toList(),
        result.tables(),
        List.of(),
        Map.of());
  }

  @Test
  void noCostMakesUpForWrongDataNorForRefusedDmaNorForGaps() {
    PolicyResult cheap = result("cheap", 0, 0, 0, 4096, 1);
    PolicyResult dear = result("dear", 0, 0, 0, 1 << 20, 9999);
    PolicyResult gaps = result("gaps", 1 << 20, 0, 5, 4096, 1);
    assertEquals(
        "dear", chosen(withDevices(withDevices(cheap, 1, 0), withDevices(dear, 0, 0)).getLast()));
    assertEquals(
        "dear", chosen(withDevices(withDevices(cheap, 0, 1), withDevices(dear, 0, 0)).getLast()));
    String least =
        withDevices(withDevices(cheap, 1, 0), withDevices(dear, 0, 2), withDevices(gaps, 0, 1))
            .getLast();
    assertTrue(least.contains("the least is done by gaps: 1 refused DMA accesses"), least);
  }

  private static String chosen(String sentence) {
    return sentence.replaceAll("Choose (\\w+):.*", "$1");
  }

  @Test
  void whereDevicesWereRefusedNobodySaysThatNothingWasTakenAway() {
    PolicyResult result = withDevices(result("follow", 0, 0, 0, 4096, 1), 0, 7);
    assertEquals("Devices were refused 7 times under follow.", withDevices(result).get(1));
  }
}
