package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How {@code bench} ends when JMH is called in the wrong way, or brings nothing. */
class BenchCommandTest {
  @BeforeAll
  static void ignoreOtherRuns() {
    System.setProperty("jmh.ignoreLock", "true");
  }

  @AfterAll
  static void mindOtherRuns() {
    System.clearProperty("jmh.ignoreLock");
  }

  private static Cleave.Result run(String line) {
    return Cleave.run(Arrays.stream(line.split(" ")).toArray());
  }

  @ParameterizedTest
  @CsvSource({
    "bench SinglePage, bench -- SinglePage",
    "bench SinglePage -- -f 1, bench -- SinglePage",
    "bench --quick SinglePage, bench -- SinglePage",
    "bench --, expected JMH's own options",
    "bench --json x.json -- SinglePage, -rf json -rff x.json",
    "bench --report x.html -- SinglePage, --report is of pairs",
    "bench --csv x.csv -- SinglePage, --csv is of pairs",
    "bench --jmh-json x.json -- SinglePage, --jmh-json is of pairs",
    "bench -- --nosuch, JMH does not understand",
  })
  void whatWouldNotDoWhatItSaysIsRefusedWithAHint(String line, String hint) {
    Cleave.Result result = run(line);
    assertEquals(2, result.code(), result.err());
    assertEquals(1, result.errLines().size(), result.err());
    assertTrue(result.err().contains(hint), result.err());
  }

  @Test
  void aNameThatNoBenchmarkHasFails() {
    Cleave.Result result = run("bench -- nosuch");
    assertEquals(1, result.code(), result.err());
    assertEquals(
        List.of("cleave: no benchmark has such a name: nosuch; cleave bench -- -l lists them"),
        result.errLines());
  }

  @Test
  void benchmarksThatBringNoResultFail() {
    // no memory for the guest: each iteration ends with an exception
    Cleave.Result result = run("bench -- RunOfPages.mapThenUnmap -f 1 -wi 0 -i 1 -jvmArgs -Xmx1k");
    assertEquals(1, result.code(), result.err());
    assertTrue(result.err().startsWith("cleave: "), result.err());
  }
}
