package dev.cleave.bench.image.table;

import dev.cleave.bench.image.table.TableWalk.Refused;
import dev.cleave.bench.image.table.TableWalk.Translated;
import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.Access;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Walks as the command shows them. */
public final class WalkWords {
  private WalkWords() {}

  /**
   * The steps of a walk.
   *
   * @return one line each
   */
  public static List<String> steps(TableWalk walk) {
    return walk.steps().stream()
        .map(step ->
            "level %d  table %s  index %d  entry %s"
                .formatted(
                    step.level(),
                    Numbers.hex(step.table()),
                    step.index(),
                    Numbers.hex(step.entry())))
        .toList();
  }

  /** What comes of a walk. */
  public static String outcome(TableWalk walk) {
    return switch (walk.outcome()) {
      case Translated to when (to.access() & Access.READ_WRITE) == 0 ->
          "paddr %s, but no permission is left, leaf of %s"
              .formatted(Numbers.hex(to.paddr()), Numbers.size(to.leafBytes()));
      case Translated to ->
          "paddr %s perm %s%s size %s"
              .formatted(
                  Numbers.hex(to.paddr()),
                  Access.permissions(to.access()),
                  (to.access() & Access.NO_EXECUTE) == 0 ? "" : " nx",
                  Numbers.hex(to.leafBytes()));
      case Refused refused -> "does not translate: " + refused.reason();
    };
  }

  /** A walk as JSON. */
  public static Map<String, Object> json(TableWalk walk) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("iova", Numbers.hex(walk.iova()));
    json.put("steps", walk.steps().stream().map(WalkWords::json).toList());
    switch (walk.outcome()) {
      case Translated to -> {
        json.put("paddr", Numbers.hex(to.paddr()));
        json.put("perm", Access.permissions(to.access()));
        if ((to.access() & Access.NO_EXECUTE) != 0) {
          json.put("noExecute", true);
        }
        json.put("size", Numbers.hex(to.leafBytes()));
      }
      case Refused refused -> json.put("refused", refused.reason());
    }
    return json;
  }

  /** An entry and its place as JSON. */
  public static Map<String, Object> json(Site site) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("table", Numbers.hex(site.table()));
    json.put("level", site.level());
    json.put("index", site.index());
    json.put("iova", Numbers.hex(site.iova()));
    json.put("entry", Numbers.hex(site.entry()));
    return json;
  }
}
