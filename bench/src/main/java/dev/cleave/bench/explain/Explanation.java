package dev.cleave.bench.explain;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a line means.
 *
 * @param kind what it is, one word
 * @param words on one line
 * @param fields every field by its name: numbers, texts, lists and maps of these
 * @param details one line each, for who wants to know more
 */
public record Explanation(
    String kind, String words, Map<String, Object> fields, List<String> details) {
  /** As JSON, with the line that it explains. */
  public Map<String, Object> json(long line) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("line", line);
    json.put("kind", kind);
    json.put("words", words);
    json.putAll(fields);
    return json;
  }
}
