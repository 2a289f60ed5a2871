package dev.cleave.engine.recording;

import jdk.jfr.EventType;
import jdk.jfr.FlightRecorder;

/**
 * Whether somebody records an event. An operation asks before it begins, and makes its event only
 * then; so that, as long as nobody does, it costs the read of a field and no object.
 */
public final class Recording {
  private static final boolean HAS_RECORDER = ModuleLayer.boot().findModule("jdk.jfr").isPresent();

  private Recording() {}

  /** {@return whether to make a {@link ShareEvent}: somebody records them} */
  public static boolean ofShares() {
    return HAS_RECORDER && Recorder.isStarted() && Types.SHARE.isEnabled();
  }

  /** {@return whether to make an {@link UnshareEvent}: somebody records them} */
  public static boolean ofUnshares() {
    return HAS_RECORDER && Recorder.isStarted() && Types.UNSHARE.isEnabled();
  }

  /** {@return whether to make a {@link FitEvent}: somebody records them} */
  public static boolean ofFits() {
    return HAS_RECORDER && Recorder.isStarted() && Types.FIT.isEnabled();
  }

  /** {@return whether to make a {@link FlushEvent}: somebody records them} */
  public static boolean ofFlushes() {
    return HAS_RECORDER && Recorder.isStarted() && Types.FLUSH.isEnabled();
  }

  /** {@return whether to make a {@link TableMemoryGrowthEvent}: somebody records them} */
  public static boolean ofGrowth() {
    return HAS_RECORDER && Recorder.isStarted() && Types.GROWTH.isEnabled();
  }

  /** Loaded only where the classes that it names are there. */
  private static final class Recorder {
    static boolean isStarted() {
      return FlightRecorder.isInitialized();
    }
  }

  /** Loaded only when Flight Recorder has been started: asking for a type would start it. */
  private static final class Types {
    static final EventType SHARE = EventType.getEventType(ShareEvent.class);
    static final EventType UNSHARE = EventType.getEventType(UnshareEvent.class);
    static final EventType FIT = EventType.getEventType(FitEvent.class);
    static final EventType FLUSH = EventType.getEventType(FlushEvent.class);
    static final EventType GROWTH = EventType.getEventType(TableMemoryGrowthEvent.class);
  }
}
