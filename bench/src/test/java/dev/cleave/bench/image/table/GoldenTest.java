package dev.cleave.bench.image.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.cli.Cleave;
import dev.cleave.bench.image.MemoryImage;
import dev.cleave.bench.io.Inputs;
import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.Geometry;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tables that real Linux kernels wrote, against what is known of them. */
class GoldenTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden");

  @TempDir Path temporary;

  @ParameterizedTest
  @ValueSource(strings = {"6.1.192/main", "6.1.192/after-unmap", "7.3.4/main", "7.3.4/after-unmap"})
  void everyLeafAndEveryDirectoryIsTheKnownOne(String image) {
    Path leaves = temporary.resolve("leaves.csv");
    Path directories = temporary.resolve("dirs.csv.gz");
    Cleave.Result result =
        Cleave.run("inspect", GOLDEN.resolve(image), "--leaves", leaves, "--dirs", directories);
    assertEquals(0, result.code(), result.err());
    List<Map<String, String>> known = rows(GOLDEN.resolve(image).resolve("leaves.csv.gz"));
    assertFalse(known.isEmpty());
    known.forEach(row -> row.remove("table"));
    assertEquals(known, rows(leaves));
    assertEquals(rows(GOLDEN.resolve(image).resolve("dirs.csv.gz")), rows(directories));
  }

  @ParameterizedTest
  @ValueSource(strings = {"6.1.192/main", "6.1.192/after-unmap", "7.3.4/main", "7.3.4/after-unmap"})
  void theAuditFindsNoErrorInWhatLinuxWrote(String image) {
    Cleave.Result result = Cleave.run("inspect", GOLDEN.resolve(image), "--audit");
    assertEquals(0, result.code(), result.out());
    assertEquals(0, result.out().lines().filter(line -> line.startsWith("error")).count());
  }

  @ParameterizedTest
  @ValueSource(strings = {"6.1.192/main", "6.1.192/after-unmap", "7.3.4/main", "7.3.4/after-unmap"})
  void theSummaryCountsWhatTheManifestCounts(String image) throws IOException {
    Path json = temporary.resolve("out.json");
    assertEquals(0, Cleave.run("inspect", GOLDEN.resolve(image), "--json", json).code());
    List<JsonObject> found =
        objects(JsonParser.parseString(Files.readString(json)).getAsJsonObject(), "domains");
    List<JsonObject> known = objects(manifest(image), "domains");
    assertEquals(known.size(), found.size());
    for (int i = 0; i < known.size(); i++) {
      JsonObject expected = known.get(i);
      JsonObject actual = found.get(i);
      assertEquals(expected.get("domain_id").getAsString(), actual.get("domain").getAsString());
      assertEquals(expected.get("n_leaves"), actual.get("leaves"));
      assertEquals(expected.get("n_dirs"), actual.get("directories"));
      assertEquals(expected.get("leaf_sizes"), actual.get("leavesBySize"));
      assertEquals(expected.getAsJsonArray("table_pages").size(), actual.get("tables").getAsInt());
      assertEquals(
          expected.getAsJsonArray("empty_table_pages").size(),
          actual.get("emptyTables").getAsInt());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"6.1.192/main", "6.1.192/after-unmap", "7.3.4/main", "7.3.4/after-unmap"})
  void everyRequestedMappingTranslatesPageByPage(String image) throws IOException {
    long pages = 0;
    String name = GOLDEN.resolve(image).toString();
    try (MemoryImage opened = MemoryImage.open(name, OptionalLong.empty())) {
      for (JsonObject domain : objects(manifest(image), "domains")) {
        TableRoot root =
            TableRoot.of(
                AmdV1.LINUX,
                number(domain, "root"),
                domain.get("mode").getAsInt(),
                Access.READ_WRITE);
        for (JsonObject mapping :
            domain.has("requested") ? objects(domain, "requested") : List.<JsonObject>of()) {
          pages += assertTranslates(opened, root, mapping);
        }
      }
    }
    assertFalse(pages == 0);
  }

  private static long assertTranslates(MemoryImage opened, TableRoot root, JsonObject mapping) {
    long iova = number(mapping, "iova");
    long size = number(mapping, "size");
    // Every page up to 64 MiB; the ranges of hundreds of GiB in 16384 steps.
    long step = Math.max(Geometry.PAGE_BYTES, size >>> 14 & -Geometry.PAGE_BYTES);
    long count = 0;
    for (long offset = 0; offset < size; offset += step) {
      TableWalk walk = TableWalk.of(opened.memory(), root, iova + offset);
      var to = assertInstanceOf(TableWalk.Translated.class, walk.outcome());
      assertEquals(number(mapping, "phys") + offset, to.paddr());
      assertEquals(mapping.get("prot").getAsString(), Access.permissions(to.access()));
      count++;
    }
    return count;
  }

  @ParameterizedTest
  @ValueSource(strings = {"6.1.192/main", "7.3.4/after-unmap"})
  void oneDomainByRootByEntryAndByDeviceIsTheSameTable(String image) throws IOException {
    JsonObject manifest = manifest(image);
    JsonObject domain =
        objects(manifest, "domains").stream()
            .filter(any -> any.getAsJsonArray("devices").size() == 2)
            .findFirst()
            .orElseThrow();
    String device = domain.getAsJsonArray("devices").get(1).getAsString();
    String entry =
        manifest
            .getAsJsonObject("iommu_devices")
            .getAsJsonObject(device)
            .get("dte_raw")
            .getAsString();
    List<List<Object>> ways =
        List.of(
            List.of("--root", domain.get("root").getAsString(), "--mode", domain.get("mode")),
            List.of("--dte", entry),
            List.of("--devid", device),
            List.of("--devtab", "0x4800000", "--devid", device));
    List<Map<String, String>> known = rows(GOLDEN.resolve(image).resolve("leaves.csv.gz"));
    known.removeIf(row -> !row.get("domain_id").equals(domain.get("domain_id").getAsString()));
    known.forEach(row -> List.of("domain_id", "root", "table").forEach(row::remove));
    for (List<Object> way : ways) {
      Path leaves = temporary.resolve("one.csv");
      List<Object> arguments = new ArrayList<>(List.of("inspect", GOLDEN.resolve(image)));
      arguments.addAll(way);
      arguments.addAll(List.of("--leaves", leaves));
      assertEquals(0, Cleave.run(arguments.toArray()).code());
      assertEquals(known, rows(leaves), way.toString());
    }
  }

  private static JsonObject manifest(String image) throws IOException {
    return JsonParser.parseString(Files.readString(GOLDEN.resolve(image).resolve("manifest.json")))
        .getAsJsonObject();
  }

  private static List<JsonObject> objects(JsonObject from, String name) {
    return from.getAsJsonArray(name).asList().stream().map(JsonElement::getAsJsonObject).toList();
  }

  private static long number(JsonObject from, String name) {
    return Numbers.parse(from.get(name).getAsString());
  }

  private static List<Map<String, String>> rows(Path csv) {
    List<Map<String, String>> rows = new ArrayList<>();
    try (BufferedReader in =
        new BufferedReader(
            new InputStreamReader(Inputs.open(csv.toString()), StandardCharsets.UTF_8))) {
      List<String> columns = List.of(in.readLine().split(",", -1));
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        String[] fields = line.split(",", -1);
        assertEquals(columns.size(), fields.length, line);
        Map<String, String> row = new LinkedHashMap<>();
        for (int i = 0; i < fields.length; i++) {
          row.put(columns.get(i), fields[i]);
        }
        rows.add(row);
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return rows;
  }
}
