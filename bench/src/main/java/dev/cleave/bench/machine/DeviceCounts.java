package dev.cleave.bench.machine;

/**
 * What devices met: those of one kind, or all.
 *
 * @param accesses of devices that go about their work between events: pieces of transfers within 4
 *     KiB, to pages that they may use and that the policy gives them
 * @param iotlbHits those of them that the IOTLB answered
 * @param walks walks of host and guest tables for them
 * @param walkSteps entries that these walks read
 * @param windowAccesses accesses besides, to regions that an event was just changing
 * @param translationFaults accesses of either sort refused because a table did not allow them
 * @param rmpFaults accesses of either sort refused because the RMP did not
 * @param lost accesses between events that were refused for any reason
 * @param wrongData accesses of either sort that reached another page's data, or no memory
 * @param forbidden accesses that must not succeed, made to see whether they do
 * @param beside those of them that reached memory which is not the guest's page
 * @param leaked those of them that reached the page
 */
public record DeviceCounts(
    long accesses,
    long iotlbHits,
    long walks,
    long walkSteps,
    long windowAccesses,
    long translationFaults,
    long rmpFaults,
    long lost,
    long wrongData,
    long forbidden,
    long beside,
    long leaked) {
  /** Nothing. */
  public static final DeviceCounts NONE = new DeviceCounts(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

  /** These and others. */
  public DeviceCounts plus(DeviceCounts other) {
    return new DeviceCounts(
        accesses + other.accesses,
        iotlbHits + other.iotlbHits,
        walks + other.walks,
        walkSteps + other.walkSteps,
        windowAccesses + other.windowAccesses,
        translationFaults + other.translationFaults,
        rmpFaults + other.rmpFaults,
        lost + other.lost,
        wrongData + other.wrongData,
        forbidden + other.forbidden,
        beside + other.beside,
        leaked + other.leaked);
  }
}
