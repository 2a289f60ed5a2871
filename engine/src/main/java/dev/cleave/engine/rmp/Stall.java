package dev.cleave.engine.rmp;

/** What is asked of {@link RmpPort#stalled}. */
final class Stall {
  private Stall() {}

  /** For a port that came back without having made the change. */
  static IllegalStateException notRun() {
    return new IllegalStateException(
        "RmpPort.stalled must run the change, and let what it throws pass; the change is unfinished");
  }
}
