package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CompareCommandTest {
  @TempDir private Path directory;

  private Path write(String name, String content) throws IOException {
    return Files.writeString(directory.resolve(name), content);
  }

  /** A result of bench: a pair with an error, and one of bytes. */
  private Path bench(String name, double ratio, double error, double bytes) throws IOException {
    return write(
        name,
        """
        {"machine": {}, "pairs": [
          {"work": "map a, b", "against": "fill", "ns": 10, "againstNs": 5, "ratio": %s,
           "limit": 3, "error": %s, "unit": "ns"},
          {"work": "pages", "against": "minimum", "ns": 10, "againstNs": 10, "ratio": %s,
           "limit": 1, "error": 0, "unit": "B"}]}
        """
            .formatted(ratio, error, bytes));
  }

  private Path replay(String name, Object... options) throws IOException {
    Path trace =
        write(
            "small.ops",
            "map 0 0 4M rw\nshare 0x1000 4K\nunshare 0x1000 4K\nsplit 0x200000 2M 4K\n");
    return replayOf(trace, name, options);
  }

  private Path replayOf(Path trace, String name, Object... options) {
    Path json = directory.resolve(name);
    Object[] all = new Object[4 + options.length];
    all[0] = "replay";
    all[1] = trace;
    all[2] = "--json";
    all[3] = json;
    System.arraycopy(options, 0, all, 4, options.length);
    Cleave.Result result = Cleave.run(all);
    assertEquals(0, result.code(), result.err());
    return json;
  }

  private JsonObject json(Path file) throws IOException {
    return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
  }

  @ParameterizedTest
  @CsvSource({
    "2.2, 0.05, 1.1, worse, 0", // 1.1 times is not more than 1.1 times
    "2.3, 0.05, 1.1, worse, 1",
    "2.3, 0.5, 1.1, within error, 0",
    "1.5, 0.05, 1.1, better, 0",
    "2, 0.05, 1, , 0",
  })
  void aRatioThatIsWorseBeyondItsErrorAndTheThresholdFails(
      double ratio, double error, String limit, String verdict, int code) throws IOException {
    Path a = bench("a.json", 2, 0.05, 1);
    Path b = bench("b.json", ratio, error, 1);
    Cleave.Result result = Cleave.run("compare", a, b, "--fail-over", limit);
    assertEquals(code, result.code(), result.out() + result.err());
    assertEquals(verdict != null, result.out().contains("map a, b / fill"), result.out());
    if (verdict != null) {
      assertTrue(result.out().contains(verdict), result.out());
    }
  }

  @Test
  void theErrorOfARatioIsMadeOfBothErrors() throws IOException {
    Path a = bench("a.json", 2, 0.06, 1);
    Path b = bench("b.json", 4, 0.16, 1);
    Path to = directory.resolve("out.json");
    assertEquals(0, Cleave.run("compare", a, b, "--json", to).code());
    JsonObject figure = json(to).getAsJsonArray("figures").get(0).getAsJsonObject();
    assertEquals(2, figure.get("ratio").getAsDouble());
    assertEquals(0.1, figure.get("error").getAsDouble(), 1e-12); // 2 * hypot(0.03, 0.04)
    assertTrue(figure.get("significant").getAsBoolean());
  }

  @Test
  void anyDifferenceOfBytesIsSignificantAndFromNothingToSomethingIsOverEveryThreshold()
      throws IOException {
    Path a = bench("a.json", 2, 0.05, 1);
    Path b = bench("b.json", 2, 0.05, 1.0001);
    assertEquals(0, Cleave.run("compare", a, b, "--fail-over", "1.001").code());
    assertEquals(1, Cleave.run("compare", a, b, "--fail-over", "1").code());
    Path none = bench("none.json", 2, 0.05, 0);
    assertEquals(1, Cleave.run("compare", none, b, "--fail-over", "1000000").code());
    assertEquals(0, Cleave.run("compare", b, none, "--fail-over", "1").code());
  }

  @Test
  void aReplayOfTheSameLogDiffersInItsTimesOnly() throws IOException {
    Path a = replay("a.json");
    Path b = replay("b.json");
    Path csv = directory.resolve("out.csv");
    Cleave.Result result = Cleave.run("compare", a, b, "--csv", csv);
    assertEquals(0, result.code(), result.err());
    List<String> lines = Files.readAllLines(csv);
    assertEquals("of,figure,unit,a,b,ratio,error,verdict,significant", lines.getFirst());
    assertTrue(lines.size() > 60, lines.toString());
    for (String line : lines.subList(1, lines.size())) {
      assertTrue(line.endsWith(",false"), line);
      assertTrue(line.contains(",nanos,") || line.contains(",same,"), line);
    }
  }

  @Test
  void aReplayWithOtherLeafSizesDiffersInWhatItCosts() throws IOException {
    Path a = replay("a.json", "--policy", "follow");
    Path b = replay("b.json", "--policy", "follow", "--page-sizes", "4K");
    Cleave.Result result =
        Cleave.run("compare", a, b, "--figures", "tableBytesEnd,splits", "--fail-over", "1.2");
    assertEquals(1, result.code(), result.err());
    assertTrue(result.out().contains("follow"), result.out());
    assertTrue(result.out().contains("tableBytesEnd"), result.out());
    assertFalse(result.out().contains("nsP50"), result.out());
  }

  @Test
  void rowsOfOneResultAloneAreNamedAndFailNothing() throws IOException {
    Path a = replay("a.json", "--policy", "follow,all-4k");
    Path b = replay("b.json", "--policy", "follow,remap");
    Cleave.Result result =
        Cleave.run("compare", a, b, "--figures", "stores,flushes", "--fail-over", "1");
    assertEquals(0, result.code(), result.out());
    assertTrue(result.out().contains("only in A: all-4k"), result.out());
    assertTrue(result.out().contains("only in B: remap"), result.out());
  }

  @Test
  void footprintsAreComparedByTableAndRival() throws IOException {
    Path a = directory.resolve("a.json");
    Path b = directory.resolve("b.json");
    for (Path file : List.of(a, b)) {
      Cleave.Result run =
          Cleave.run(
              "footprint",
              "--guest-memory",
              "64M",
              "--shared",
              "1%",
              "--policy",
              "follow",
              "--json",
              file);
      assertEquals(0, run.code(), run.err());
    }
    Cleave.Result result = Cleave.run("compare", a, b, "--figures", "tableBytes", "--all");
    assertEquals(0, result.code(), result.err());
    assertTrue(result.out().contains("64M, 1% scattered, follow"), result.out());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{",
        "[]",
        "{}",
        "{\"pairs\": 1}",
        "{\"pairs\": []}",
        "{\"pairs\": [1]}",
        "{\"pairs\": [{\"work\": \"map\"}]}",
        "{\"tables\": [], \"rivals\": []}",
        "{\"policies\": [{\"policy\": \"follow\", \"stores\": 1}]}",
        "{\"policies\": [{\"policy\": \"follow\", \"stores\": \"many\"}]}",
        "",
      })
  void whatCannotBeComparedIsRefusedInOneLine(String content) throws IOException {
    Path good = bench("good.json", 2, 0.05, 1);
    Path bad = write("bad.json", content);
    for (List<Path> pair : List.of(List.of(good, bad), List.of(bad, good))) {
      Cleave.Result result = Cleave.run("compare", pair.get(0), pair.get(1));
      assertEquals(2, result.code(), result.err());
      assertEquals(1, result.errLines().size(), result.err());
      assertTrue(result.err().contains("bad.json"), result.err());
      assertFalse(result.err().contains("internal"), result.err());
    }
  }

  @Test
  void resultsOfOtherLogsAndOfOtherCommandsAreRefused() throws IOException {
    Path a = replay("a.json");
    Path other = replayOf(write("other.ops", "map 0 0 4M rw\n"), "b.json");
    Cleave.Result result = Cleave.run("compare", a, other);
    assertEquals(2, result.code(), result.out());
    assertTrue(result.err().contains("expected two results of the same log"), result.err());
    result = Cleave.run("compare", a, bench("bench.json", 2, 0.05, 1));
    assertEquals(2, result.code(), result.out());
    assertTrue(result.err().contains("expected two of the same command"), result.err());
  }
}
