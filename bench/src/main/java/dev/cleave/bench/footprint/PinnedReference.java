package dev.cleave.bench.footprint;

import dev.cleave.bench.replay.Policy;
import java.util.List;

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
        .flatMap(table ->
            table.policy().equals(Policy.STATIC.word())
                ? List.of(of(table, 16_777_216 * KIB)).stream()
                : table.policy().equals(Policy.SHARED_ONLY_4K.word())
                    ? List.of(of(table, 1_239_476 * KIB)).stream()
                    : List.<PinnedReference>of().stream())
        .toList();
  }
}
