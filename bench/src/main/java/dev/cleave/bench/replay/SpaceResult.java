package dev.cleave.bench.replay;

/**
 * What happened in one address space over a whole replay.
 *
 * @param space its name
 * @param events events that were tried in it; changes of page states, which reach every space, are
 *     none of them
 * @param failed those that were refused
 * @param table what its IOMMU table came to
 */
public record SpaceResult(String space, long events, long failed, TableResult table) {}
