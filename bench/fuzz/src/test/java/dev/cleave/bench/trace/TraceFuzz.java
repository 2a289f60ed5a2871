package dev.cleave.bench.trace;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Refusals;
import java.io.ByteArrayInputStream;
import java.io.IOException;

/** Traces: whatever the lines hold, they are read, counted or refused in words. */
class TraceFuzz {
  private static final int MOST = 100_000;

  @FuzzTest(maxExecutions = MOST)
  void aTraceIsReadOrRefused(byte[] input) throws IOException {
    try {
      long lenient = events(input, false);
      long strict = events(input, true);
      if (lenient != strict) {
        throw new AssertionError("read strictly, a trace without fault has other events");
      }
    } catch (BadInput refusal) {
      Refusals.check(refusal);
    }
  }

  private static long events(byte[] input, boolean isStrict) throws IOException {
    long events = 0;
    try (TraceReader reader = new TraceReader("x", new ByteArrayInputStream(input), isStrict)) {
      while (reader.next() != null) {
        events++;
      }
    }
    return events;
  }
}
