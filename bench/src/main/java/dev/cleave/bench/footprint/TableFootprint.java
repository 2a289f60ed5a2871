package dev.cleave.bench.footprint;

/**
 * What a table takes for a guest.
 *
 * @param guestMemory bytes mapped
 * @param shared fraction of it that is shared
 * @param pattern where the shared pages lie
 * @param policy how the table follows the RMP
 * @param tableBytes its pages
 * @param metadataBytes what is kept beside them to manage them
 * @param bytesPerGib both, for each GiB mapped
 * @param minimumBytes pages that a radix tree cannot do without for the leaf sizes that the policy
 *     may use
 * @param ratio pages and metadata to the minimum
 * @param pinnedBytes memory that devices can reach, which must stay where it is
 * @param pieces 1 when the whole table was built; otherwise one of so many identical pieces was
 */
public record TableFootprint(
    long guestMemory,
    double shared,
    String pattern,
    String policy,
    long tableBytes,
    long metadataBytes,
    double bytesPerGib,
    long minimumBytes,
    double ratio,
    long pinnedBytes,
    long pieces) {}
