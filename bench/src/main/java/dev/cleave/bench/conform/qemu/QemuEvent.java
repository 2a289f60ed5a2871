package dev.cleave.bench.conform.qemu;

import java.util.Locale;

/** What QEMU is asked to trace; its event log in memory is never written. */
public enum QemuEvent {
  /** A walk met something that does not translate and is not all zeros. */
  AMDVI_PAGE_FAULT,
  /** A device table entry has reserved bits set. */
  AMDVI_INVALID_DTE,
  /** A device table entry has a level that does not exist. */
  AMDVI_MODE_INVALID,
  /** A command has an operation that does not exist. */
  AMDVI_UNHANDLED_COMMAND;

  /** The event's name in QEMU. */
  String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Whether a traced line is of this event.
   *
   * @param line a line of {@link Machine#traced}
   * @return true if the event is named in it
   */
  public boolean isIn(String line) {
    return line.contains(word());
  }
}
