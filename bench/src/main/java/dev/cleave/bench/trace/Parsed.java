package dev.cleave.bench.trace;

/** What became of one line. */
sealed interface Parsed {
  /** The line tells of an event. */
  record Told(TraceEvent event) implements Parsed {}

  /** The line says that nothing happened: a call that failed, an unmap of nothing. */
  record NoEffect() implements Parsed {}

  /** The line is blank or a comment. */
  record Blank() implements Parsed {}

  /** The line is of no known kind. */
  record Unknown() implements Parsed {}

  /**
   * The line is of a known kind but cannot be read.
   *
   * @param problem what was wrong and what was expected
   */
  record Malformed(String problem) implements Parsed {}
}
