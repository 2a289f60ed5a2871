package dev.cleave.engine.rmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.recording.Recording;
import dev.cleave.engine.rmp.RmpFollower.Order;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What JDK Flight Recorder hears of a guest. */
class RecordedEventsTest {
  private static final long GUEST_BYTES = 16L << 20;
  private static final List<String> EVENTS =
      List.of("Share", "Unshare", "Fit", "Flush", "TableMemoryGrowth");

  @TempDir Path directory;

  private List<RecordedEvent> recorded() throws IOException {
    Path file = directory.resolve("guest.jfr");
    try (jdk.jfr.Recording recording = new jdk.jfr.Recording()) {
      for (String event : EVENTS) {
        recording.enable("dev.cleave." + event).withThreshold(Duration.ZERO);
      }
      recording.start();
      try (FollowedGuest guest =
          new FollowedGuest(
              PageTableConfig.of(AmdV1.LINUX), GUEST_BYTES, Order.TABLE_FIRST, false)) {
        guest.follower.share(0x201000, 4096);
        guest.follower.unshare(0x201000, 4096);
      }
      recording.stop();
      recording.dump(file);
    }
    return RecordingFile.readAllEvents(file);
  }

  private static List<RecordedEvent> named(List<RecordedEvent> events, String name) {
    return events.stream()
        .filter(event -> event.getEventType().getName().equals("dev.cleave." + name))
        .toList();
  }

  @Test
  void everyCoarseOperationIsAnEvent() throws IOException {
    List<RecordedEvent> events = recorded();
    for (String name : List.of("Share", "Unshare")) {
      List<RecordedEvent> some = named(events, name);
      assertEquals(1, some.size(), name);
      assertEquals(0x201000, some.getFirst().getLong("gpa"));
      assertEquals(4096, some.getFirst().getLong("length"));
    }
    List<RecordedEvent> flushes = named(events, "Flush");
    assertEquals(2, flushes.size());
    assertEquals(0, flushes.getFirst().getLong("iova"), "the leaf of 16 MiB that was split");
    assertEquals(1, flushes.getFirst().getInt("ranges"));
    List<RecordedEvent> fits = named(events, "Fit");
    assertFalse(fits.getFirst().getBoolean("merges"));
    assertEquals(0x200000, fits.getFirst().getLong("iova"));
    assertTrue(fits.getLast().getBoolean("merges"));
    assertEquals(0, fits.getLast().getLong("iova"));
    assertEquals(GUEST_BYTES, fits.getLast().getLong("length"), "the leaf that has grown");
    assertTrue(named(events, "TableMemoryGrowth").getLast().getLong("bytes") >= 2 * 4096);
  }

  @Test
  void whenNobodyRecordsNothingIsMade() throws IOException {
    var _ = recorded();
    assertFalse(Recording.ofShares() || Recording.ofUnshares() || Recording.ofFits());
    assertFalse(Recording.ofFlushes() || Recording.ofGrowth());
  }
}
