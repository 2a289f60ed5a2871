package dev.cleave.bench.trace;

/**
 * A line of a log, its prefix told from its body.
 *
 * @param number of the line, from 1
 * @param text the whole line
 * @param event the name of the event, empty where the prefix does not show where it stands
 * @param body where what the event says begins
 * @param task who was running; empty where the prefix does not say
 * @param time when; empty where the prefix does not say
 * @param kind what printed it
 */
record LogLine(
    long number, String text, String event, int body, String task, String time, Kind kind) {
  /** What printed a line, by the look of its prefix. */
  enum Kind {
    /** A tracepoint of the kernel: where the name stands is certain. */
    TRACEPOINT("text of tracepoints (ftrace, trace-cmd, perf)"),
    /** QEMU's own log of events. */
    PROGRAM("a log of QEMU's events"),
    /** The kernel's messages. */
    MESSAGE("messages of the kernel (dmesg)"),
    /** Nothing but a comment. */
    BLANK("comments"),
    /** Anything. */
    OTHER("text");

    private final String words;

    Kind(String words) {
      this.words = words;
    }

    /** What a file of such lines is, for a person. */
    String words() {
      return words;
    }
  }

  /** Whether it is a tracepoint of the kernel. */
  boolean isTracepoint() {
    return kind == Kind.TRACEPOINT;
  }

  /** A line whose event begins at some place, whatever stands before it. */
  LogLine at(String name, int bodyStart) {
    return new LogLine(number, text, name, bodyStart, task, time, kind);
  }

  /** The body, for a reader that expects it to look like something. */
  Body body(String form) {
    return new Body(text, body, form);
  }
}
