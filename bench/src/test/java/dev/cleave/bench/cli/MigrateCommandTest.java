package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.migrate.MigrationColumn;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MigrateCommandTest {
  private static final String SMALL =
      "migrate --guest-memory 32M --bandwidth 64M --downtime 20ms --write-rate 8M --warm-up 20ms";

  @TempDir private Path directory;

  private static Cleave.Result run(String line, Object... more) {
    return Cleave.run(Stream.concat(Stream.of(line.split(" ")), Stream.of(more)).toArray());
  }

  private static JsonObject json(Path file) throws IOException {
    return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
  }

  @Test
  void textCsvAndJsonTellTheSameOfEveryStrategyAndPattern() throws IOException {
    Path jsonFile = directory.resolve("a.json");
    Path csvFile = directory.resolve("a.csv");
    Cleave.Result result =
        run(
            SMALL + " --pattern ring,bursts --working-set 4M,32M",
            "--json",
            jsonFile,
            "--csv",
            csvFile);
    assertEquals(0, result.code(), result.out() + result.err());
    assertTrue(result.out().contains("\nring: 8M a second to 4M\n"), result.out());
    assertTrue(result.out().contains("\nbursts: 8M a second to all of it\n"), result.out());

    JsonArray migrations = json(jsonFile).getAsJsonArray("migrations");
    List<String> csv = Files.readAllLines(csvFile);
    assertEquals(20, migrations.size());
    assertEquals(21, csv.size());
    List<String> names = List.of(csv.getFirst().split(","));
    List<String> rows =
        result.out().lines().filter(line -> line.matches("(stop|as|split)-.*")).toList();
    for (int i = 0; i < 20; i++) {
      JsonObject migration = migrations.get(i).getAsJsonObject();
      assertEquals(i < 10 ? "ring" : "bursts", migration.get("pattern").getAsString());
      assertEquals(0, migration.get("lostPages").getAsLong());
      String[] fields = csv.get(i + 1).split(",", -1);
      assertEquals(migration.get("strategy").getAsString(), fields[names.indexOf("strategy")]);
      for (MigrationColumn column : MigrationColumn.values()) {
        JsonElement value = migration.get(column.word());
        String expected = value.isJsonNull() ? "" : value.getAsString();
        assertEquals(expected, fields[names.indexOf(column.word())], column.word());
      }
      String name =
          migration.get("strategy").getAsString()
              + (migration.get("rmp").getAsBoolean() ? " + RMP" : "");
      assertTrue(rows.get(i).startsWith(name + "  "), rows.get(i));
      assertTrue(rows.get(i).endsWith("  0     0"), rows.get(i));
      long sent = 0;
      for (JsonElement pass : migration.getAsJsonArray("passDetails")) {
        sent += pass.getAsJsonObject().get("sentPages").getAsLong() * 4096;
      }
      assertEquals(sent, migration.get("sentBytes").getAsLong());
    }
  }

  @Test
  void theSameSeedWritesTheSameButForTimesOnTheClock() throws IOException {
    List<List<JsonElement>> runs = new ArrayList<>();
    for (String name : List.of("a.json", "b.json")) {
      Path file = directory.resolve(name);
      assertEquals(0, run(SMALL + " --strategy split-written --seed 5", "--json", file).code());
      List<JsonElement> figures = new ArrayList<>();
      for (JsonElement one : json(file).getAsJsonArray("migrations")) {
        for (MigrationColumn column : MigrationColumn.values()) {
          if (!column.isMeasured()) {
            figures.add(one.getAsJsonObject().get(column.word()));
          }
        }
      }
      runs.add(figures);
    }
    assertEquals(runs.get(0), runs.get(1));
    Cleave.Result compared =
        Cleave.run("compare", directory.resolve("a.json"), directory.resolve("b.json"), "--all");
    assertEquals(0, compared.code(), compared.err());
    assertTrue(compared.out().startsWith("migrate  A: "), compared.out());
    assertTrue(compared.out().contains("random, split-written + RMP"), compared.out());
    assertFalse(compared.out().matches("(?s).* (worse|better)\\n.*"), compared.out());
  }

  @Test
  void guestsOfOtherSizesAreNotCompared() {
    Path small = directory.resolve("a.json");
    Path large = directory.resolve("b.json");
    assertEquals(0, run(SMALL + " --strategy stop-and-copy", "--json", small).code());
    String larger = SMALL.replace("32M", "34M");
    assertEquals(0, run(larger + " --strategy stop-and-copy", "--json", large).code());
    Cleave.Result result = Cleave.run("compare", small, large);
    assertEquals(2, result.code());
    assertTrue(result.err().contains("is of 32M of guest memory (extents: 1) and"), result.err());
  }

  @Test
  void lostPagesAreNamedAndTheExitCodeIsOne() throws IOException {
    Path file = directory.resolve("a.json");
    Cleave.Result result =
        run(SMALL + " --pattern ring --working-set 4M --rmp off --break no-flush", "--json", file);
    assertEquals(1, result.code());
    assertTrue(
        result
            .out()
            .matches(
                "(?s).*\\nsplit-all: \\d+ pages lost\\n  iova 0x[0-9a-f]+, written at \\d+\\.\\d{6} s"
                    + " \\(pass \\d+\\), last sent in pass \\d+\\n.*"),
        result.out());
    JsonObject splitAll = json(file).getAsJsonArray("migrations").get(2).getAsJsonObject();
    assertTrue(splitAll.get("lostPages").getAsLong() > 0);
    JsonObject lost = splitAll.getAsJsonArray("lost").get(0).getAsJsonObject();
    assertTrue(lost.get("iova").getAsString().matches("0x[0-9a-f]+"), lost.toString());
    assertTrue(lost.get("writtenNs").getAsLong() > 0, lost.toString());
    assertEquals("no-flush", json(file).getAsJsonObject("input").get("broken").getAsString());
  }

  @Test
  void whatALogLeavesMappedIsMigrated() throws IOException {
    Path log =
        Files.writeString(
            directory.resolve("a.ops"),
            """
            map 0 0 8M rw
            map 0x1000000 0x1000000 4M rw
            share 0x300000 64K
            unmap 0x400000 1M
            unmap 0x9000000 4K
            """);
    Path file = directory.resolve("a.json");
    Cleave.Result result =
        run(
            "migrate --bandwidth 64M --write-rate 8M --downtime 20ms --warm-up 20ms",
            log,
            "--json",
            file);
    assertEquals(0, result.code(), result.out() + result.err());
    assertTrue(result.out().startsWith("11M over a link"), result.out());
    assertEquals(
        List.of(
            "cleave: warning: 1 events of the log did not fit what they found, and were left out"),
        result.errLines());
    assertEquals(3, json(file).getAsJsonObject("input").get("extents").getAsInt());
    assertEquals(1, json(file).getAsJsonArray("warnings").size());
  }

  @Test
  void aLogOfSeveralSpacesWantsOneChosen() throws IOException {
    Path log =
        Files.writeString(
            directory.resolve("a.log"),
            """
            iommufd_backend_map_dma iommufd=9 ioas=2 iova=0x0 size=0x200000 addr=0x7f00 readonly=0 (0)
            iommufd_backend_map_dma iommufd=9 ioas=3 iova=0x0 size=0x400000 addr=0x7f00 readonly=0 (0)
            """);
    Cleave.Result result = Cleave.run("migrate", log);
    assertEquals(2, result.code());
    assertEquals(
        List.of(
            "cleave: the log holds 2 address spaces; choose one with --space: iommufd9.ioas2,"
                + " iommufd9.ioas3"),
        result.errLines());
    Cleave.Result chosen =
        Cleave.run("migrate", log, "--space", "ioas3", "--strategy", "split-all", "--rmp", "off");
    assertEquals(0, chosen.code(), chosen.err());
    assertTrue(chosen.out().startsWith("4M over a link"), chosen.out());
  }

  @Test
  void pageAndPicturesHaveEveryCurve() throws IOException {
    Path page = directory.resolve("a.html");
    Path charts = directory.resolve("charts");
    Cleave.Result result = run(SMALL + " --rmp on", "--report", page, "--charts", charts);
    assertEquals(0, result.code(), result.err());
    String html = Files.readString(page);
    for (String id :
        List.of("dirty-pages", "sent", "iotlb-hits", "table-bytes", "flushes", "engine")) {
      assertTrue(html.contains("\"id\":\"" + id + "\""), id);
      for (int i = 1; i <= 2; i++) {
        String svg = Files.readString(charts.resolve(id + "-" + i + ".svg"));
        assertEquals(5, svg.split("<polyline").length - 1, id);
      }
    }
    assertTrue(html.contains("No page was lost: in each of 10 migrations of 32M"), "sentences");
    for (MigrationColumn column : MigrationColumn.values()) {
      assertTrue(html.contains("\"key\":\"" + column.word() + "\""), column.word());
    }
  }

  @Test
  void helpExplainsEveryColumnStrategyAndPattern() {
    String help = Cleave.run("migrate", "--help").out().replaceAll("\\s+", " ");
    for (MigrationColumn column : MigrationColumn.values()) {
      assertTrue(help.contains(column.note()), column.toString());
    }
    assertTrue(help.contains("in bytes (not bits) a second"), help);
    assertTrue(help.contains("split-twice"), help);
    assertTrue(help.contains("bursts"), help);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          |migrate: expected either --guest-memory SIZE or a log
          --guest-memory 1M a.log|migrate: expected either --guest-memory SIZE or a log
          --guest-memory 5000|--guest-memory must be a positive multiple of 4K and at most 512G, got 5000
          --guest-memory 513G|--guest-memory must be a positive multiple of 4K and at most 512G, got 513G
          --guest-memory 1M --space x|--space goes with a log, not with --guest-memory
          --guest-memory 1M --bandwidth 1K|--bandwidth must be 4K to 16T bytes a second, got 1K
          --guest-memory 1M --downtime 5|--downtime: not a duration: '5'; expected a number and one of ns, us, ms, s, such as 50ms or 1.5s
          --guest-memory 1M --warm-up 4000s|--warm-up must be at most 3600s, got 4000s
          --guest-memory 1M --most-passes 1|--most-passes must be 2 to 100, got 1
          --guest-memory 1M --page-sizes 2M|--page-sizes: 4K must be among them, got 2M
          --guest-memory 1M --rmp maybe|--rmp must be on, off or both, got maybe
          --guest-memory 1M --merge cold=0|--merge must be end, never, cold or cold=N with N from 1 to 100, got cold=0
          --guest-memory 1M --strategy fast|--strategy: 'fast' is no strategy, expected some of stop-and-copy, as-they-are, split-all, split-written, split-twice
          --guest-memory 1M --pattern wild|--pattern: 'wild' is no pattern, expected some of ring, random, sequential, bursts
          --guest-memory 1M --pattern ring --write-rate 1G,2G|--write-rate must be one value, or one for each of 1 patterns, got 2
          --guest-memory 1M --write-rate 1K|--write-rate must be 4K to 1T a second, got 1K
          --guest-memory 1M --working-set 100|--working-set must be a positive multiple of 4K, got 100
          --guest-memory 1M --reads 2000|--reads must be 0 to 1000, got 2000
          --guest-memory 1M --break legs|--break: 'legs' cannot be broken, expected one of clear-before-read, no-flush, late-bits
          --guest-memory 1M --break late-bits|--break late-bits needs --merge cold: bits come late to tables that a merge replaces
          """)
  void whatCannotBeUsedIsRefusedInOneLine(String options, String message) {
    String all = options == null ? "" : options;
    Cleave.Result result =
        Cleave.run(
            Stream.concat(Stream.of("migrate"), Arrays.stream(all.split(" ")))
                .filter(word -> !word.isEmpty())
                .toArray());
    assertEquals(2, result.code(), result.out());
    assertEquals(List.of("cleave: " + message), result.errLines());
  }

  @Test
  void aLogThatLeavesNothingIsRefused() throws IOException {
    Path log = Files.writeString(directory.resolve("a.ops"), "map 0 0 4M rw\nunmap 0 4M\n");
    Cleave.Result result = Cleave.run("migrate", log);
    assertEquals(2, result.code());
    assertTrue(
        result.err().contains("nothing is mapped at the end that a device could write"),
        result.err());
  }
}
