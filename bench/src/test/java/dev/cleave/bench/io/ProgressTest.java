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
    now = 300_000_000;
    progress.at("tables", 200);
    progress.at("tables", 201);
    now = 600_000_000;
    progress.at("items", 3);
    progress.clear();
    progress.clear();
    assertEquals("\rtables: 200\ritems: 3   \r        \r", err.toString());
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
