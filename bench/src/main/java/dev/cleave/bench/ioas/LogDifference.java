package dev.cleave.bench.ioas;

/**
 * Something that went otherwise than in the kernel.
 *
 * @param line number of the line in the log
 * @param text the line
 * @param what what was expected and what was found
 */
public record LogDifference(long line, String text, String what) {}
