package dev.cleave.engine.recording;

import jdk.jfr.FlightRecorder;

/**
 * Whether to make events at all. An operation asks once, before it begins, and makes its event only
 * then; so that it costs the read of a field, and no object, as long as nobody has started a
 * recording.
 */
public final class Recording {
  private static final boolean HAS_RECORDER =
      ModuleLayer.boot().findModule("jdk.jfr").isPresent();

  private Recording() {}

  /**
   * Whether Flight Recorder has been started.
   *
   * @return false where it has not, or is not there
   */
  public static boolean isOn() {
    return HAS_RECORDER && Recorder.isStarted();
  }

  /** Loaded only where the class that it names is there. */
  private static final class Recorder {
    static boolean isStarted() {
      return FlightRecorder.isInitialized();
    }
  }
}
