package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.replay.ReplayColumn;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the one list of columns says is what each output shows, in its order. */
class ReplayColumnsShownTest {
  @TempDir Path temporary;
  private Cleave.Result result;
  private Path page;
  private JsonObject policy;

  @BeforeEach
  void replay() throws IOException {
    Path trace = temporary.resolve("trace");
    Files.writeString(
        trace,
        """
        map 0 0 0x800000 rw
        share 0x201000 0x1000
        unshare 0x201000 0x1000
        """);
    page = temporary.resolve("page.html");
    Path json = temporary.resolve("result.json");
    result =
        Cleave.run(
            "replay",
            "--policy",
            "follow",
            "--tables",
            "iommu,npt",
            "--dma",
            "100",
            "--order",
            "table-first",
            "--json",
            json,
            "--report",
            page,
            trace);
    assertEquals(0, result.code(), result.err());
    policy =
        JsonParser.parseString(Files.readString(json))
            .getAsJsonObject()
            .getAsJsonArray("policies")
            .get(0)
            .getAsJsonObject();
  }

  private static List<ReplayColumn> columns(Predicate<ReplayColumn> which) {
    return Arrays.stream(ReplayColumn.values()).filter(which).toList();
  }

  private static List<String> words(String first, Predicate<ReplayColumn> which, String... last) {
    List<String> words = new ArrayList<>();
    words.add(first);
    columns(which).forEach(column -> words.add(column.word()));
    words.addAll(List.of(last));
    return words;
  }

  private String header(String subject) {
    return result
        .out()
        .lines()
        .filter(line -> line.startsWith(subject + " "))
        .findFirst()
        .orElseThrow()
        .replaceAll(" {2,}", "|");
  }

  private static String headings(String subject, boolean areOfDevices) {
    StringBuilder headings = new StringBuilder(subject);
    columns(column -> column.heading() != null && column.isOfDevices() == areOfDevices)
        .forEach(column -> headings.append('|').append(column.heading()));
    if (areOfDevices) {
      columns(column -> column.isOfKind() && !column.isOfDevices())
          .forEach(column -> headings.append('|').append(column.heading()));
    }
    return headings.toString();
  }

  /** JSON's names are a contract; the glossary says which name is which. */
  @Test
  void aFigureHasOneNameInTextAndPageAndNoOtherFigureHasIt() {
    Map<String, ReplayColumn> named = new HashMap<>();
    for (ReplayColumn column : ReplayColumn.values()) {
      for (String name : Arrays.asList(column.heading(), column.title())) {
        if (name != null) {
          ReplayColumn other = named.putIfAbsent(name.toLowerCase(Locale.ROOT), column);
          assertTrue(other == null || other == column, name + ": " + column + " and " + other);
        }
      }
      if (column.heading() != null && column.title() != null) {
        assertTrue(column.heading().equalsIgnoreCase(column.title()), column.name());
      }
    }
  }

  @Test
  void jsonHasEveryFigureThatIsCounted() {
    List<String> keys =
        words(
            "policy",
            column -> !column.isOfDevices(),
            "dma",
            "devices",
            "tables",
            "spaces",
            "refused");
    keys.addAll(1, List.of("order", "flush"));
    assertEquals(keys, List.copyOf(policy.keySet()));
    JsonObject dma = policy.getAsJsonObject("dma");
    List<String> counted = words("", one -> one.isOfDevices() && one.isCounted());
    assertEquals(counted.subList(1, counted.size()), List.copyOf(dma.keySet()));
    JsonObject devices = policy.getAsJsonArray("devices").get(0).getAsJsonObject();
    List<String> ofKind = words("kind", one -> one.isOfKind() && one.isCounted(), "windows");
    ofKind.add(1, "pages");
    assertEquals(ofKind, List.copyOf(devices.keySet()));
    JsonObject table = policy.getAsJsonArray("tables").get(1).getAsJsonObject();
    assertEquals(words("table", ReplayColumn::isOfTable), List.copyOf(table.keySet()));
    JsonObject space = policy.getAsJsonArray("spaces").get(0).getAsJsonObject();
    List<String> ofSpace = words("space", ReplayColumn::isOfTable);
    ofSpace.addAll(1, List.of("events", "failed"));
    assertEquals(ofSpace, List.copyOf(space.keySet()));
  }

  @Test
  void textHasEveryHeading() {
    assertEquals(headings("policy", false), header("policy"));
    assertEquals(headings("devices under", true), header("devices under"));
  }

  @Test
  void aPageHasEveryTitleWithItsKeyAndItsSentence() throws IOException {
    String data = Files.readString(page);
    for (ReplayColumn column : columns(one -> one.title() != null)) {
      Map<String, Object> told = new LinkedHashMap<>();
      told.put("name", column.title());
      told.put("key", column.key());
      told.put("unit", column.unit());
      told.put("better", column.better());
      told.put("note", column.note());
      String json = new Gson().toJson(told);
      assertTrue(data.contains(json), json);
    }
  }

  @Test
  void aFigureOfATableIsThatOfTheIommusTable() {
    JsonObject iommu = policy.getAsJsonArray("tables").get(0).getAsJsonObject();
    for (ReplayColumn column : columns(ReplayColumn::isOfTable)) {
      assertEquals(iommu.get(column.word()), policy.get(column.word()), column.word());
    }
  }

  @Test
  void noKeyStandsTwice() {
    List<String> keys = columns(_ -> true).stream().map(ReplayColumn::key).toList();
    assertEquals(keys.size(), keys.stream().distinct().count());
  }
}
