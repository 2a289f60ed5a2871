package dev.cleave.bench.footprint;

import dev.cleave.bench.replay.Policy;
import java.util.List;
import java.util.Map;

/**
 * What a VMM was measured to pin, beside what the model says of such a guest.
 *
 * @param source who measured
 * @param guestMemory bytes
 * @param policy what it did
 * @param measuredBytes what it pinned
 * @param modelBytes what a guest of the boot pattern pins under the policy
 * @param ratio model to measured
 */
public record PinnedReference(
    String source,
    long guestMemory,
    String policy,
    long measuredBytes,
    long modelBytes,
    double ratio) {
  private static final long KIB = 1024;
  private static final long CLOUD_HYPERVISOR_GUEST = 16L << 30;
  private static final String CLOUD_HYPERVISOR = "Cloud Hypervisor PR 8501, VmPin, one device";

  /** Before the change and after it, by policy. Source: {@code docs/spec/shared-only.md} §4. */
  private static final Map<String, Long> MEASURED_KIB =
      Map.of(Policy.STATIC.word(), 16_777_216L, Policy.SHARED_ONLY_4K.word(), 1_239_476L);

  private static PinnedReference of(TableFootprint table, long measuredBytes) {
    return new PinnedReference(
        CLOUD_HYPERVISOR,
        table.guestMemory(),
        table.policy(),
        measuredBytes,
        table.pinnedBytes(),
        (double) table.pinnedBytes() / measuredBytes);
  }

  /**
   * What can be put beside some tables: those of the guest that was measured, in the boot pattern,
   * sharing what Linux does.
   */
  public static List<PinnedReference> among(List<TableFootprint> tables) {
    return tables.stream()
        .filter(table -> table.guestMemory() == CLOUD_HYPERVISOR_GUEST)
        .filter(table -> table.pattern().equals(MadePattern.BOOT.word()))
        .filter(table -> table.shared() == LinuxGuest.sharedFraction(CLOUD_HYPERVISOR_GUEST))
        .filter(table -> MEASURED_KIB.containsKey(table.policy()))
        .map(table -> of(table, MEASURED_KIB.get(table.policy()) * KIB))
        .toList();
  }
}
