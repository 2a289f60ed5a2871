package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.replay.ReplayColumn;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What every result says of where it comes from, and tables as CSV. */
class ProvenanceTest {
  private static final String GOLDEN = "src/test/resources/golden/7.3.4/main";
  private static final String FOOTPRINT = "footprint --guest-memory 2M --shared 1% --policy follow";

  @TempDir private Path directory;

  private String opsFile() throws IOException {
    return Files.writeString(directory.resolve("a.ops"), "map 0 0 4M rw\nshare 0x1000 4K\n")
        .toString();
  }

  private static void run(String line, Object... more) {
    String[] words = line.split(" ");
    Object[] all = Arrays.copyOf(words, words.length + more.length, Object[].class);
    System.arraycopy(more, 0, all, words.length, more.length);
    Cleave.Result result = Cleave.run(all);
    assertEquals(0, result.code(), result.err());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "replay OPS --policy follow --seed 9",
        FOOTPRINT + " --seed 9",
        "info",
        "explain src/test/resources/cases/events.dmesg",
        "inspect GOLDEN --audit",
        "ioas --check src/test/resources/golden/iommufd/ops.log.gz",
        "torture --seconds 1 --threads 2 --seed 9"
      })
  void everyResultSaysWhereItComesFrom(String line) throws IOException {
    Path json = directory.resolve("out.json");
    run(line.replace("OPS", opsFile()).replace("GOLDEN", GOLDEN), "--json", json);
    JsonObject made =
        JsonParser.parseString(Files.readString(json))
            .getAsJsonObject()
            .getAsJsonObject("provenance");
    assertTrue(made.get("version").getAsString().matches("\\d+\\.\\d+\\.\\d+.*"), made.toString());
    assertTrue(
        made.get("commit").getAsString().matches("[0-9a-f]{12}(-dirty)?|unknown"), made.toString());
    assertTrue(
        made.get("command").getAsString().startsWith("./cleave " + line.replaceAll(" .*", "")),
        made.toString());
    Instant date = Instant.parse(made.get("date").getAsString());
    assertTrue(Duration.between(date, Instant.now()).abs().toMinutes() < 5, made.toString());
    assertEquals(
        line.contains("--seed"),
        !made.get("seed").isJsonNull() && made.get("seed").getAsLong() == 9);
    JsonObject machine = made.getAsJsonObject("machine");
    assertFalse(machine.getAsJsonArray("flags").isEmpty(), machine.toString());
    assertTrue(machine.get("memoryBytes").getAsLong() > 1L << 28, machine.toString());
    assertTrue(
        machine
            .getAsJsonArray("jvmFlags")
            .toString()
            .contains("--add-modules=jdk.incubator.vector"),
        machine.toString());
    for (String name : List.of("processor", "os", "kernel", "jdk", "kernels", "kernelsReason")) {
      assertFalse(machine.get(name).getAsString().isBlank(), name);
    }
  }

  @Test
  void aReplayAsCsvHasTheFiguresOfItsJson() throws IOException {
    Path json = directory.resolve("out.json");
    Path csv = directory.resolve("out.csv");
    run("replay " + opsFile() + " --policy follow,remap --dma 100", "--json", json, "--csv", csv);
    List<String> lines = Files.readAllLines(csv);
    List<String> names = List.of(lines.get(0).split(","));
    assertEquals(3, lines.size());
    for (int i = 0; i < 2; i++) {
      String[] fields = lines.get(1 + i).split(",", -1);
      assertEquals(names.size(), fields.length);
      JsonObject policy =
          JsonParser.parseString(Files.readString(json))
              .getAsJsonObject()
              .getAsJsonArray("policies")
              .get(i)
              .getAsJsonObject();
      assertEquals(policy.get("policy").getAsString(), fields[0]);
      for (String name : List.of("stores", "nsTotal", "dma.accesses")) {
        JsonObject of = name.startsWith("dma.") ? policy.getAsJsonObject("dma") : policy;
        assertEquals(
            of.get(name.replace("dma.", "")).getAsString(), fields[names.indexOf(name)], name);
      }
      long accesses = Long.parseLong(fields[names.indexOf("dma.accesses")]);
      assertTrue(Long.parseLong(fields[names.indexOf("dma.windowAccesses")]) <= accesses);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "info, 1, version",
    "torture --seconds 1 --threads 2, 1, operations",
    "explain src/test/resources/cases/events.dmesg, 3, line",
    "inspect GOLDEN --audit, 15, mappedBytes",
    "ioas --check src/test/resources/golden/iommufd/ops.log.gz, 0, what",
  })
  void everyOtherResultIsATableToo(String line, int rows, String column) throws IOException {
    Path csv = directory.resolve("out.csv");
    Path json = directory.resolve("out.json");
    run(line.replace("GOLDEN", GOLDEN), "--csv", csv, "--json", json);
    List<String> lines = Files.readAllLines(csv);
    assertEquals(1 + rows, lines.size(), lines.toString());
    int at = List.of(lines.getFirst().split(",", -1)).indexOf(column);
    assertTrue(at >= 0, lines.getFirst());
    if (rows > 0) {
      String value = lines.get(1).split(",", -1)[at];
      assertTrue(
          Pattern.compile("\"" + column + "\": \"?" + Pattern.quote(value) + "\\b")
              .matcher(Files.readString(json))
              .find(),
          column + " " + value);
    }
  }

  @Test
  void footprintsAsCsvHaveARowForEachStructure() throws IOException {
    Path csv = directory.resolve("out.csv");
    run(FOOTPRINT, "--csv", csv);
    List<String> lines = Files.readAllLines(csv);
    assertEquals(1 + 1 + 4, lines.size(), lines.toString());
    assertTrue(lines.get(1).startsWith("2097152,0.01,scattered,table,follow,"), lines.get(1));
  }

  @Test
  void helpExplainsEveryColumnOfAReplay() {
    String help = Cleave.run("replay", "--help").out().replaceAll("\\s+", " ");
    for (var column : ReplayColumn.values()) {
      assertTrue(help.contains(column.note()), column.toString());
    }
  }
}
