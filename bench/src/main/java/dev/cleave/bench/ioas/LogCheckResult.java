package dev.cleave.bench.ioas;

import java.util.List;

/**
 * What came of a check.
 *
 * @param operations answers and dumps that were compared
 * @param dumps dumps among them
 * @param differences how much differed: an answer, or a leaf of a dump
 * @param first the first ten of these
 */
public record LogCheckResult(
    long operations, long dumps, long differences, List<LogDifference> first) {}
