package dev.cleave.bench.machine;

/**
 * What the devices met. The names are those of the JSON output.
 *
 * @param accesses pieces of transfers within 4 KiB
 * @param iotlbHits those that the IOTLB answered
 * @param walks walks of the table
 * @param walkSteps entries that the walks read
 * @param translationFaults accesses refused because the table did not allow them
 * @param rmpFaults accesses refused because the RMP did not
 * @param wrongData accesses that reached another page's data, or no memory
 * @param iotlbDropped cached translations that flush commands dropped
 * @param stallNs time that all DMA was kept waiting
 */
public record DmaResult(
    long accesses,
    long iotlbHits,
    long walks,
    long walkSteps,
    long translationFaults,
    long rmpFaults,
    long wrongData,
    long iotlbDropped,
    long stallNs) {}
