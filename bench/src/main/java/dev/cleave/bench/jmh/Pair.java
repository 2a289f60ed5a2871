package dev.cleave.bench.jmh;

import java.util.Map;

/**
 * Two benchmarks to compare.
 *
 * @param work what is done, for a person
 * @param against what it is compared with, for a person
 * @param benchmark the work, as {@code Class.method} of this package
 * @param rival the other, likewise
 * @param parameters of both
 * @param limit the largest ratio of their times that is good enough
 */
public record Pair(
    String work,
    String against,
    String benchmark,
    String rival,
    Map<String, String> parameters,
    double limit) {}
