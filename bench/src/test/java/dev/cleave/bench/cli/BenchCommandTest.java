package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How {@code bench} ends when JMH is called in the wrong way, or brings nothing. */
@Tag("slow")
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
    "bench --quick --forks 3, --forks is of --stability",
    "bench --quick --seconds 3, --seconds is of --stability",
    "bench --stability --forks 0, --forks must be at least 1",
    "bench --stability --seconds 0, --seconds must be above 0",
    "bench --stability --report x.html, --report is of pairs",
    "bench --stability --jmh-json x.json, --jmh-json is of pairs",
    "bench --stability --quick, expected one of --quick",
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

  @Test
  void stabilityIsPrintedAndWrittenOnceForEachWork(@TempDir Path directory) throws Exception {
    Path json = directory.resolve("stability.json");
    Path csv = directory.resolve("stability.csv");
    Cleave.Result result =
        Cleave.run(
            "bench", "--stability", "--forks", 1, "--seconds", 0.05, "--json", json, "--csv", csv);
    assertEquals(0, result.code(), result.err());
    JsonObject written = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
    assertTrue(written.get("chainNs").getAsDouble() > 0, written.toString());
    assertTrue(result.out().contains("at the pace of 1,000 additions in "), result.out());
    JsonArray rows = written.getAsJsonArray("stability");
    assertTrue(rows.size() > 30, rows.toString());
    assertEquals(rows.size(), Files.readAllLines(csv).size() - 1);
    for (JsonElement row : rows) {
      String work = row.getAsJsonObject().get("work").getAsString();
      assertEquals(
          1, result.out().lines().filter(line -> line.startsWith(work + "  ")).count(), work);
      assertEquals(1.0, row.getAsJsonObject().get("ratio").getAsDouble(), work);
    }
  }

  @Test
  void whatEndsBeforeAnyJvmHasMeasuredHasNoPace() {
    StringWriter out = new StringWriter();
    BenchText.printStability(
        new PrintWriter(out), List.of(), Double.POSITIVE_INFINITY, List.of(), List.of());
    assertTrue(out.toString().contains("0 of 0 works"), out.toString());
    assertFalse(out.toString().contains("pace"), out.toString());
  }
}
