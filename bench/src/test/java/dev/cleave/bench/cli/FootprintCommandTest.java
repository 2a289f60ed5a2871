package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The command from end to end, on small guests. */
@Tag("slow")
class FootprintCommandTest {
  @TempDir Path directory;

  @Test
  void everyCombinationIsPrintedAndWritten() throws Exception {
    Path json = directory.resolve("footprint.json");
    Cleave.Result result =
        Cleave.run(
            "footprint",
            "--guest-memory",
            "64M,128M",
            "--shared",
            "0,0.5%,0.1",
            "--pattern",
            "boot",
            "--policy",
            "follow,all-4k",
            "--json",
            json);
    assertEquals(0, result.code(), result.err());
    JsonObject written = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
    assertEquals(2 * 3 * 2, written.getAsJsonArray("tables").size());
    assertEquals(2 * 3 * 4, written.getAsJsonArray("rivals").size());
    JsonObject small = written.getAsJsonArray("tables").get(1).getAsJsonObject();
    assertEquals("all-4k", small.get("policy").getAsString());
    assertEquals((32 + 1 + 1) * 4096, small.get("tableBytes").getAsLong());
    assertTrue(result.out().contains("0.5%"), result.out());
    assertTrue(result.out().contains("flat hash"), result.out());
  }

  @Test
  void whatCloudHypervisorPinnedStandsBesideTheModel() throws Exception {
    Path json = directory.resolve("footprint.json");
    Cleave.Result result =
        Cleave.run(
            "footprint",
            "--guest-memory",
            "16G",
            "--shared",
            "1%,linux",
            "--pattern",
            "boot",
            "--policy",
            "shared-only-4k,shared-only,static",
            "--json",
            json);
    assertEquals(0, result.code(), result.err());
    JsonArray references =
        JsonParser.parseString(Files.readString(json))
            .getAsJsonObject()
            .getAsJsonArray("references");
    assertEquals(2, references.size());
    JsonObject before = references.get(1).getAsJsonObject();
    assertEquals("static", before.get("policy").getAsString());
    assertEquals(1.0, before.get("ratio").getAsDouble());
    JsonObject after = references.get(0).getAsJsonObject();
    assertEquals("shared-only-4k", after.get("policy").getAsString());
    // The pool and a fiftieth: what else that guest shared, 166 MiB, nobody has told.
    assertEquals(0.863, after.get("ratio").getAsDouble(), 0.001);
    assertTrue(result.out().contains("1,069,976 kB, measured were 1,239,476 kB"), result.out());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--guest-memory 0",
        "--guest-memory 1000",
        "--guest-memory 17G",
        "--guest-memory 17T",
        "--guest-memory many",
        "--shared 101%",
        "--shared -1%",
        "--shared some",
        "--shared NaN",
        "--pattern random",
        "--pattern log:",
        "--pattern pages:nosuch",
        "--policy none",
      })
  void whatCannotBeWeighedIsRefused(String arguments) {
    Cleave.Result result = Cleave.run((Object[]) ("footprint " + arguments).split(" "));
    assertEquals(2, result.code(), result.err());
    assertEquals(1, result.errLines().size(), result.err());
  }

  private static final String TRACE =
      "src/main/resources/dev/cleave/bench/traces/pagestate-linux-6.12.trace.gz";

  @Test
  void theGuestOfALogIsWeighedAsTheLogLeavesIt() throws Exception {
    Path csv = directory.resolve("footprint.csv");
    Path leaves = directory.resolve("leaves.csv");
    var result = Cleave.run("footprint", "--pattern", "log:" + TRACE, "--csv", csv);
    assertEquals(0, result.code(), result.err());
    Path json = directory.resolve("replay.json");
    Cleave.run("replay", TRACE, "--policy", "follow", "--json", json, "--leaves", leaves);
    JsonObject replayed = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
    long end =
        replayed
            .getAsJsonArray("policies")
            .get(0)
            .getAsJsonObject()
            .get("tableBytesEnd")
            .getAsLong();
    String follow =
        Files.readAllLines(csv).stream()
            .filter(line -> line.contains(",table,follow,"))
            .findFirst()
            .orElseThrow();
    long bytes = Long.parseLong(follow.split(",", -1)[5]);
    // The same tables, and 32 bytes of record for each.
    assertEquals(end / 4096 * (4096 + 32), bytes, follow);
  }

  @Test
  void aListOfSharedPagesNeedsAGuestThatHasThem() throws Exception {
    Path pages = Files.writeString(directory.resolve("pages"), "0x1000\n20M 1M\n");
    var small = Cleave.run("footprint", "--pattern", "pages:" + pages, "--guest-memory", "16M");
    assertEquals(2, small.code());
    assertEquals(
        "cleave: --guest-memory: with pages:"
            + pages
            + " a guest must have at least 21M and less than 8T, got 16M",
        small.err().strip());
    var shared =
        Cleave.run(
            "footprint", "--pattern", "pages:" + pages, "--guest-memory", "64M", "--shared", "1%");
    assertEquals(2, shared.code());
    assertTrue(shared.err().contains("--shared is for patterns that are made"), shared.err());
    var good =
        Cleave.run(
            "footprint",
            "--pattern",
            "boot,pages:" + pages,
            "--guest-memory",
            "64M",
            "--shared",
            "1%",
            "--report",
            directory.resolve("page.html"));
    assertEquals(0, good.code(), good.err());
    assertTrue(good.out().contains("shared pages: pages:" + pages), good.out());
    assertTrue(good.out().contains("64M    1.569%"), good.out());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"bench", "bench --quick --full", "bench --quick -- -l", "bench -- --nonsense"})
  void aBenchThatIsNotClearIsRefused(String arguments) {
    Cleave.Result result = Cleave.run((Object[]) arguments.split(" "));
    assertEquals(2, result.code(), result.err());
    assertEquals(1, result.errLines().size(), result.err());
  }
}
