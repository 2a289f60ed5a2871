package dev.cleave.bench.trace;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A trace held in a string or an array, read to its end. */
record TraceText(List<TraceEvent> events, TraceCounts counts) {
  static final String NAME = "some.trace";

  static TraceText read(String text) throws IOException {
    return read(text.getBytes(StandardCharsets.UTF_8), false);
  }

  static TraceText readStrictly(String text) throws IOException {
    return read(text.getBytes(StandardCharsets.UTF_8), true);
  }

  static TraceText read(byte[] bytes, boolean isStrict) throws IOException {
    try (TraceReader reader = new TraceReader(NAME, new ByteArrayInputStream(bytes), isStrict)) {
      return drain(reader);
    }
  }

  static TraceText drain(TraceReader reader) throws IOException {
    List<TraceEvent> events = new ArrayList<>();
    for (TraceEvent event = reader.next(); event != null; event = reader.next()) {
      events.add(event);
    }
    return new TraceText(events, reader.counts());
  }

  /** The only problem of a text that is one malformed line. */
  static String malformed(String line) throws IOException {
    TraceText read = read(line);
    if (read.counts.malformed() != 1 || read.counts.lines() != 1) {
      throw new AssertionError("not malformed: " + line + ", events: " + read.events);
    }
    return read.counts.firstMalformed().getFirst().problem();
  }
}
