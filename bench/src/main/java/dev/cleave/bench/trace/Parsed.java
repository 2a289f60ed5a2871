package dev.cleave.bench.trace;

/** What became of one line. */
sealed interface Parsed {
  /** The line tells of an event. */
  record Of(TraceEvent event, Source source) implements Parsed {}

  /** The line says that nothing happened that matters here: a call that failed, another call. */
  record NoEffect() implements Parsed {}

  /** The line is blank or a comment. */
  record Blank() implements Parsed {}

  /**
   * The line is of no known kind.
   *
   * @param event the name of its event; empty if none can be made out
   */
  record Unknown(String event) implements Parsed {}

  /**
   * The line says that others are missing.
   *
   * @param events how many; 0 if it does not say
   */
  record Lost(long events) implements Parsed {}

  /** The line reports that a change of mappings or page states failed. */
  record Failure() implements Parsed {}

  /**
   * The line is of a known kind but cannot be read.
   *
   * @param problem what was wrong and what was expected
   */
  record Malformed(String problem) implements Parsed {}
}
