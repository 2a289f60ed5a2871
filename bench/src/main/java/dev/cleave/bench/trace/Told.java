package dev.cleave.bench.trace;

/**
 * An event, and who told of it.
 *
 * <p>Thread-safe: values.
 *
 * @param source by which line
 * @param task who was running, as the line's prefix says; empty where it does not
 * @param time as the line's prefix says; empty where it does not
 * @param isAfterGap whether the log has lost lines since the last event
 */
public record Told(TraceEvent event, Source source, String task, String time, boolean isAfterGap) {}
