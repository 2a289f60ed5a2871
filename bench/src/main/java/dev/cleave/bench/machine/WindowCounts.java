package dev.cleave.bench.machine;

/**
 * What devices met in the windows of one name.
 *
 * @param window which
 * @param accesses to regions that an event was just changing
 * @param translationFaults those of them refused because a table did not allow them
 * @param rmpFaults those of them refused because the RMP did not
 */
public record WindowCounts(Window window, long accesses, long translationFaults, long rmpFaults) {}
