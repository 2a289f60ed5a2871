package dev.cleave.bench.trace;

/** Reads what the events of one family say. */
@FunctionalInterface
interface BodyReader {
  /**
   * What a line says.
   *
   * @param line whose event is one of the family
   * @throws MalformedLineException if it does not say what such an event says
   */
  Parsed read(LogLine line) throws MalformedLineException;
}
