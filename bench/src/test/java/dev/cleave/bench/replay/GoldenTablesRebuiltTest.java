package dev.cleave.bench.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.io.Inputs;
import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The engine, given what a real kernel was asked to map, writes the leaves that the kernel wrote.
 */
class GoldenTablesRebuiltTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden");

  @ParameterizedTest
  @ValueSource(strings = {"6.1.192/main", "6.1.192/after-unmap", "7.3.4/main", "7.3.4/after-unmap"})
  void everyRequestedListGivesTheKernelsLeaves(String image) throws IOException {
    Path directory = GOLDEN.resolve(image);
    JsonObject manifest =
        JsonParser.parseString(Files.readString(directory.resolve("manifest.json")))
            .getAsJsonObject();
    List<String> rows = text(directory.resolve("leaves.csv.gz")).lines().skip(1).toList();
    int rebuilt = 0;
    for (JsonElement element : manifest.getAsJsonArray("domains")) {
      JsonObject domain = element.getAsJsonObject();
      if (domain.has("requested")) {
        String prefix =
            domain.get("domain_id").getAsString() + "," + domain.get("root").getAsString() + ",";
        List<String> known =
            rows.stream()
                .filter(row -> row.startsWith(prefix))
                .map(row -> row.substring(prefix.length()))
                .map(GoldenTablesRebuiltTest::withoutTableAndSlots)
                .toList();
        assertEquals(known, rebuild(domain), "domain " + prefix);
        rebuilt++;
      }
    }
    assertTrue(rebuilt >= 9, "domains with a requested list: " + rebuilt);
  }

  /** Iova, paddr, size, permissions and raw entry. */
  private static String withoutTableAndSlots(String row) {
    return String.join(",", List.of(row.split(",", -1)).subList(0, 5));
  }

  private static List<String> rebuild(JsonObject domain) {
    try (TableMemory memory = TableMemory.builder().capacityBytes(1 << 24).build();
        PageTable table = PageTable.create(memory, PageTableConfig.of(AmdV1.LINUX))) {
      for (JsonElement element : domain.getAsJsonArray("requested")) {
        JsonObject mapping = element.getAsJsonObject();
        table.map(
            number(mapping, "iova"),
            number(mapping, "phys"),
            number(mapping, "size"),
            switch (mapping.get("prot").getAsString()) {
              case "r" -> Access.READ;
              case "w" -> Access.WRITE;
              default -> Access.READ_WRITE;
            });
      }
      List<String> leaves = new ArrayList<>();
      LeafCursor cursor = table.leaves();
      while (cursor.advance()) {
        leaves.add(
            String.join(
                ",",
                Numbers.hex(cursor.iova()),
                Numbers.hex(cursor.paddr()),
                Numbers.hex(1L << cursor.sizeLog2()),
                Access.permissions(cursor.access()),
                Numbers.hex(cursor.entry())));
      }
      return leaves;
    }
  }

  private static long number(JsonObject from, String name) {
    return Numbers.parse(from.get(name).getAsString());
  }

  private static String text(Path file) throws IOException {
    try (InputStream in = Inputs.open(file.toString())) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
