package dev.cleave.bench.io;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedSet;
import java.util.stream.Collectors;

/**
 * Results as they stand in JSON, each made one row of a table whose columns have JSON's names:
 * {@code dma.accesses} is what stands in {@code dma}, plain values of a list stand in one field
 * between blanks, and a list of anything else is one field of JSON.
 */
public final class FlatRows {
  private static final Gson JSON =
      new GsonBuilder().disableHtmlEscaping().serializeNulls().create();

  private final List<String> columns;
  private final List<List<String>> rows = new ArrayList<>();

  private FlatRows(List<Map<String, String>> flat) {
    SequencedSet<String> all = new LinkedHashSet<>();
    flat.forEach(row -> all.addAll(row.keySet()));
    columns = List.copyOf(all);
    for (Map<String, String> row : flat) {
      rows.add(columns.stream().map(column -> row.getOrDefault(column, "")).toList());
    }
  }

  /**
   * Flattens results.
   *
   * @param results maps or records, as they would be written as JSON
   */
  public static FlatRows of(List<?> results) {
    return new FlatRows(
        results.stream()
            .map(result -> {
              Map<String, String> row = new LinkedHashMap<>();
              add("", JSON.toJsonTree(result).getAsJsonObject(), row);
              return row;
            })
            .toList());
  }

  private static void add(String before, JsonObject object, Map<String, String> row) {
    object
        .asMap()
        .forEach((name, value) -> {
          if (value.isJsonObject()) {
            add(before + name + ".", value.getAsJsonObject(), row);
          } else {
            row.put(before + name, field(value));
          }
        });
  }

  private static String field(JsonElement value) {
    if (value.isJsonNull()) {
      return "";
    }
    if (!value.isJsonArray()) {
      return value.getAsString();
    }
    JsonArray array = value.getAsJsonArray();
    boolean isPlain = array.asList().stream().allMatch(JsonElement::isJsonPrimitive);
    return isPlain
        ? array.asList().stream().map(JsonElement::getAsString).collect(Collectors.joining(" "))
        : JSON.toJson(array);
  }

  /** The header: every name that a result has, in the order of their first appearance. */
  public List<String> columns() {
    return columns;
  }

  /** A field for each column of each result, empty where it has none. */
  public List<List<String>> rows() {
    return rows;
  }
}
