package dev.cleave.bench.compare;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Inputs;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What a command wrote with {@code --json}.
 *
 * @param file as the user named it
 * @param kind of which command
 * @param figures all that can be compared, in the order in which the command tells them
 * @param content the whole
 */
public record Result(String file, ResultKind kind, List<Figure> figures, JsonObject content) {
  /**
   * Reads a result.
   *
   * @param file a path, {@code -} for standard input; {@code .gz} is unpacked
   * @throws BadInput if it cannot be read, is no JSON, or no result of a known kind
   */
  public static Result read(String file) {
    JsonObject content = content(file);
    ResultKind kind =
        ResultKind.of(content)
            .orElseThrow(() ->
                BadInput.in(
                    file,
                    "is no result that can be compared, expected what bench, replay, footprint or"
                        + " migrate wrote with --json"));
    List<Figure> figures;
    try {
      figures = kind.figures(content);
    } catch (RuntimeException e) { // whatever Gson throws where a value is of another type
      throw BadInput.in(
          file, "is no whole result of " + kind.word() + ", a figure is missing or no number");
    }
    Set<Figure.Key> keys = new HashSet<>();
    for (Figure figure : figures) {
      if (!keys.add(figure.key())) {
        throw BadInput.in(
            file, "tells " + figure.name() + " of " + figure.subject() + " more than once");
      }
    }
    return new Result(file, kind, figures, content);
  }

  private static JsonObject content(String file) {
    try (Reader reader = new InputStreamReader(Inputs.open(file), StandardCharsets.UTF_8)) {
      JsonElement parsed = JsonParser.parseReader(reader);
      if (parsed instanceof JsonObject object) {
        return object;
      }
      throw BadInput.in(file, "is no JSON object, expected what a command wrote with --json");
    } catch (JsonParseException e) {
      throw BadInput.in(file, "is no JSON, expected what a command wrote with --json");
    } catch (IOException e) {
      throw BadInput.cannotUse(file, e);
    }
  }

  /** The objects of a member that is an array. */
  static List<JsonObject> objects(JsonObject of, String name) {
    JsonArray array = of.getAsJsonArray(name);
    return array.asList().stream().map(JsonElement::getAsJsonObject).toList();
  }
}
