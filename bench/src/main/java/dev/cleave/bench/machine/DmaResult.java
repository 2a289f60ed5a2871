package dev.cleave.bench.machine;

/**
 * What the devices met.
 *
 * @param accesses of devices that go about their work between events: pieces of transfers within 4
 *     KiB
 * @param iotlbHits those of them that the IOTLB answered
 * @param walks walks of the table for them
 * @param walkSteps entries that these walks read
 * @param windowAccesses accesses besides, to regions that an event was just changing
 * @param translationFaults accesses refused because the table did not allow them
 * @param rmpFaults accesses refused because the RMP did not
 * @param wrongData accesses that reached another page's data, or no memory
 * @param iotlbDropped cached translations that flush commands dropped
 * @param stallNs time that all devices were kept waiting
 */
public record DmaResult(
    long accesses,
    long iotlbHits,
    long walks,
    long walkSteps,
    long windowAccesses,
    long translationFaults,
    long rmpFaults,
    long wrongData,
    long iotlbDropped,
    long stallNs) {}
