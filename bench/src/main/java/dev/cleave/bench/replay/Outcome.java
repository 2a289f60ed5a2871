package dev.cleave.bench.replay;

import dev.cleave.engine.PageTableException;

/**
 * How an event ended.
 *
 * @param status {@code OK}, or why nothing was done
 * @param value bytes acted on; the paddr of a translation
 */
public record Outcome(String status, long value) {
  private static final String OK = "OK";

  /** The event was carried out. */
  static Outcome ok(long value) {
    return new Outcome(OK, value);
  }

  /** The event was refused. */
  static Outcome refused(PageTableException.Reason reason) {
    return new Outcome(reason.name(), 0);
  }

  /** Whether the event was carried out. */
  public boolean isOk() {
    return status.equals(OK);
  }

  /** Whether it was refused for a reason. */
  boolean isRefusedFor(PageTableException.Reason reason) {
    return status.equals(reason.name());
  }
}
