package dev.cleave.bench.report;

/**
 * The events of a replay cut into steps of equal length, the last one perhaps shorter.
 *
 * @param events how many there are
 * @param length events in a step
 */
record Steps(int events, int length) {
  /** As many steps as there are events, or fewer. */
  static Steps atMost(int steps, int events) {
    return new Steps(events, Math.max(1, Math.ceilDiv(events, steps)));
  }

  /** Whether a step ends with the event of a number, from 1. */
  boolean endsWith(int event) {
    return event % length == 0 || event == events;
  }

  /** The step of an event, both from 1. */
  int of(int event) {
    return Math.ceilDiv(event, length);
  }
}
