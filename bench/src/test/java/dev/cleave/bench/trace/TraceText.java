package dev.cleave.bench.trace;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A trace held in a string or an array, read to its end. */
record TraceText(List<Told> told, TraceCounts counts) {
  static final String NAME = "some.trace";

  List<TraceEvent> events() {
    return told.stream().map(Told::event).toList();
  }

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
    List<Told> all = new ArrayList<>();
    for (Told told = reader.next(); told != null; told = reader.next()) {
      all.add(told);
    }
    return new TraceText(all, reader.counts());
  }

  /** The only problem of a text that is one malformed line. */
  static String malformed(String line) throws IOException {
    TraceText read = read(line);
    if (read.counts.malformed() != 1 || read.counts.lines() != 1) {
      throw new AssertionError("not malformed: " + line + ", events: " + read.told);
    }
    return read.counts.firstMalformed().getFirst().problem();
  }
}
