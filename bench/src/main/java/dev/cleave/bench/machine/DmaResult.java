package dev.cleave.bench.machine;

import java.util.List;

/**
 * What the devices met.
 *
 * @param kinds by kind, in the order of the kinds
 * @param iotlbDropped cached translations that flush commands dropped
 * @param stallNs time that all devices were kept waiting
 */
public record DmaResult(List<OfKind> kinds, long iotlbDropped, long stallNs) {
  /**
   * What devices of one kind met.
   *
   * @param hasShared whether they were given shared pages
   * @param hasPrivate whether they were given private pages
   * @param windows the windows in which they accessed anything
   */
  public record OfKind(
      DeviceKind kind,
      boolean hasShared,
      boolean hasPrivate,
      DeviceCounts counts,
      List<WindowCounts> windows) {
    /** Whether they were given all that they may use. */
    public boolean isServed() {
      return hasShared == kind.usesShared() && hasPrivate == kind.usesPrivate();
    }
  }

  /** All of them together. */
  public DeviceCounts all() {
    return kinds.stream().map(OfKind::counts).reduce(DeviceCounts.NONE, DeviceCounts::plus);
  }
}
