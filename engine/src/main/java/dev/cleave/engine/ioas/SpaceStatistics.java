package dev.cleave.engine.ioas;

/**
 * What a space holds.
 *
 * @param areas number of areas
 * @param mappedBytes bytes of all areas; 2^64 looks like 0
 * @param tables number of attached tables
 * @param granularityRanges ranges that have a page granularity of their own; neighbours with the
 *     same count once
 * @param splits leaves that attached tables have replaced by smaller ones, since they were made
 * @param merges leaves that they have made of smaller ones
 * @param entryStores entries that they have written
 */
public record SpaceStatistics(
    long areas,
    long mappedBytes,
    int tables,
    long granularityRanges,
    long splits,
    long merges,
    long entryStores) {}
