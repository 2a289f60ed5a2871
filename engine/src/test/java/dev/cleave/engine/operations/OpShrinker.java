package dev.cleave.engine.operations;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Shortens a run that fails to the operations that it takes. */
final class OpShrinker {
  private OpShrinker() {}

  /** Runs operations; returns what went wrong, or null. */
  @SuppressWarnings("CatchingUnchecked") // whatever goes wrong is what is looked for
  static @Nullable Throwable failureOf(Window window, List<Op> ops) {
    try {
      OpRun.run(window, ops);
      return null;
    } catch (Exception | AssertionError e) {
      return e;
    }
  }

  /** Leaves out of failing operations all that a failure does not take. */
  static List<Op> shorten(Window window, List<Op> failing) {
    List<Op> ops = new ArrayList<>(failing);
    for (int piece = ops.size() / 2; piece > 0; piece /= 2) {
      for (int from = 0; from + piece <= ops.size(); ) {
        List<Op> fewer = new ArrayList<>(ops);
        fewer.subList(from, from + piece).clear();
        if (failureOf(window, fewer) != null) {
          ops = fewer;
        } else {
          from += piece;
        }
      }
    }
    return ops;
  }
}
