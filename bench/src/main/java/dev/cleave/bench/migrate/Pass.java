package dev.cleave.bench.migrate;

/**
 * A pass of pre-copy: some pages are sent, then dirty bits are read and cleared, leaves split and
 * merged, and what is owed is flushed. Times are virtual, from the begin of the migration on.
 *
 * @param number from 1; 0 is what is done before the first page is sent
 * @param isStopped whether devices stand still
 * @param startNanos when it begins
 * @param endNanos when its flush has completed
 * @param sentPages pages that it sends
 * @param reportedPages pages that its read reported, to be sent in the next pass
 * @param writtenPages pages that devices had written since the flush behind the read before
 * @param stalePages pages that the destination lacked at that moment: of what was written, what had
 *     been sent before it was
 * @param missedPages those of them that were not reported; they may be by a later read
 * @param writes of devices
 * @param accesses of devices, reads included
 * @param iotlbHits those of the accesses that the IOTLB answered
 * @param splits leaves replaced by smaller ones
 * @param merges leaves made of smaller ones
 * @param flushCommands invalidations
 * @param tableBytes table memory in use at the end
 * @param engineNanos what the engine took, on the clock
 */
public record Pass(
    int number,
    boolean isStopped,
    long startNanos,
    long endNanos,
    long sentPages,
    long reportedPages,
    long writtenPages,
    long stalePages,
    long missedPages,
    long writes,
    long accesses,
    long iotlbHits,
    long splits,
    long merges,
    long flushCommands,
    long tableBytes,
    long engineNanos) {}
