package dev.cleave.bench.replay;

/**
 * What one table did over a whole replay. The names are those of the JSON output and mean what they
 * mean in {@link PolicyResult}.
 *
 * @param table {@code iommu} or {@code npt}
 */
public record TableResult(
    String table,
    long splits,
    long merges,
    long stores,
    long flushes,
    long flushedBytes,
    long gapBytes,
    long rmpFaults,
    long illegalLeaves,
    long tableBytesPeak,
    long tableBytesEnd) {}
