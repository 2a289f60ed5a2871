package dev.cleave.bench.io;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private final StringWriter err = new StringWriter();
  private long now;

  private Progress progress(boolean shown) {
    return new Progress(new PrintWriter(err), shown, () -> now);
  }

  @Test
  void itIsWrittenOverAFewTimesASecondAndThenRemoved() {
    Progress progress = progress(true);
    progress.at("tables", 1);
    now = 500_000_000;
    progress.at("tables", 200);
    progress.at("tables", 201);
    now = 800_000_000;
    progress.at("items", 3);
    progress.clear();
    progress.clear();
    assertEquals("\rtables: 200, 400/s\ritems: 3          \r                  \r", err.toString());
  }

  @Test
  void itSaysHowFastTheWorkIsAndHowLongTheRestTakes() {
    Progress progress = progress(true);
    progress.at("events", 1, 1000);
    now = 2_000_000_000;
    progress.at("events", 10, 1000);
    assertEquals("\revents: 10 of 1000 (1%), 5.0/s, 3m18s left", err.toString());
  }

  @Test
  void nothingIsWrittenWhereNobodyWatches() {
    Progress progress = progress(false);
    now = 1_000_000_000;
    progress.at("tables", 1);
    progress.clear();
    assertEquals("", err.toString());
  }
}
