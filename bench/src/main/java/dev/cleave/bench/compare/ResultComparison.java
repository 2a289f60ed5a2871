package dev.cleave.bench.compare;

import dev.cleave.bench.io.BadInput;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Two results of the same kind and of the same work.
 *
 * @param differences a figure each that both have, in the order of the first, equal ones included
 * @param onlyA what the first alone is of
 * @param onlyB what the second alone is of
 */
public record ResultComparison(
    ResultKind kind, List<Difference> differences, List<String> onlyA, List<String> onlyB) {
  /**
   * Compares.
   *
   * @throws BadInput if the two are of different commands or other work, or have no figure in
   *     common
   */
  public static ResultComparison of(Result a, Result b) {
    if (a.kind() != b.kind()) {
      throw new BadInput(
          "%s is a result of %s and %s one of %s: expected two of the same command"
              .formatted(a.file(), a.kind().word(), b.file(), b.kind().word()));
    }
    String work = work(a);
    String otherWork = work(b);
    if (!work.equals(otherWork)) {
      throw new BadInput(
          "%s is of %s and %s of %s: expected two results of the same log"
              .formatted(a.file(), work, b.file(), otherWork));
    }
    Map<Figure.Key, Figure> others = new LinkedHashMap<>();
    b.figures().forEach(figure -> others.put(figure.key(), figure));
    List<Difference> differences = new ArrayList<>();
    for (Figure figure : a.figures()) {
      Figure other = others.get(figure.key());
      if (other != null) {
        differences.add(new Difference(figure, other));
      }
    }
    if (differences.isEmpty()) {
      throw new BadInput(
          "%s and %s have nothing in common: the first is of %s, the second of %s"
              .formatted(a.file(), b.file(), some(a), some(b)));
    }
    return new ResultComparison(a.kind(), differences, without(a, b), without(b, a));
  }

  private static String work(Result result) {
    try {
      return result.kind().work(result.content());
    } catch (RuntimeException e) { // whatever Gson throws where a value is of another type
      throw BadInput.in(
          result.file(), "does not say what " + result.kind().word() + " worked on (input.files)");
    }
  }

  private static String some(Result result) {
    return subjects(result).findFirst().orElse("nothing");
  }

  private static Stream<String> subjects(Result result) {
    return result.figures().stream().map(Figure::subject).distinct();
  }

  private static List<String> without(Result one, Result other) {
    Set<String> known = new HashSet<>(subjects(other).toList());
    return subjects(one).filter(subject -> !known.contains(subject)).toList();
  }
}
