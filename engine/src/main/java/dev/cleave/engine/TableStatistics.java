package dev.cleave.engine;

/**
 * What a table's operations have done since it was made.
 *
 * @param splits leaves replaced by smaller ones
 * @param merges leaves made of smaller ones
 * @param entryStores entries written, in tables that were live and in those not yet published
 */
public record TableStatistics(long splits, long merges, long entryStores) {}
