package dev.cleave.bench.torture;

import java.util.List;

/** Takes the first violation that anybody finds, and ends the run with it. Thread-safe. */
final class Verdict {
  /**
   * What was found.
   *
   * @param page number of the page, or -1 when it is about no page
   * @param what was seen, and what was allowed
   */
  record Found(int page, String what) {}

  private volatile boolean isOver;
  private Found found;

  boolean isOver() {
    return isOver;
  }

  /** Ends the run, or a part of it. */
  void end() {
    isOver = true;
  }

  synchronized void violation(int page, String what) {
    if (found == null) {
      found = new Found(page, what);
    }
    isOver = true;
  }

  /** What ended a thread that should not have ended. */
  void failure(String who, Throwable failure) {
    StackTraceElement[] trace = failure.getStackTrace();
    violation(-1, who + " ended: " + failure + (trace.length == 0 ? "" : " at " + List.of(trace)));
  }

  synchronized Found found() {
    return found;
  }
}
