package dev.cleave.engine.operations;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.cleave.engine.operations.Op.Kind;
import java.util.ArrayList;
import java.util.List;

/** Page tables: a stream of operations does to every page what the model of single pages says. */
class OperationsFuzz {
  private static final int MOST = 200;
  private static final int MOST_OPS = 16;

  @FuzzTest(maxExecutions = MOST)
  void everyOperationDoesToEveryPageWhatTheModelSays(FuzzedDataProvider data) {
    List<Window> windows = RandomOperationsTest.windows().toList();
    Window window = windows.get(data.consumeInt(0, windows.size() - 1));
    List<Op> ops = new ArrayList<>();
    while (data.remainingBytes() > 0 && ops.size() < MOST_OPS) {
      ops.add(op(window, data));
    }
    try {
      OpRun.run(window, ops);
    } catch (RuntimeException | AssertionError e) {
      StringBuilder text = new StringBuilder(window + "\n");
      OpShrinker.shorten(window, ops).forEach(op -> text.append("    ").append(op).append(",\n"));
      throw new AssertionError(text.toString(), e);
    }
  }

  private static Op op(Window window, FuzzedDataProvider data) {
    Kind kind = data.pickValue(kinds(window));
    int at = data.consumeInt(0, window.units() - 1);
    int most = window.units() - at;
    boolean isCostly = window.unitLog2() == 21 && needsRmp(kind); // each may take 512 leaves
    int count = data.consumeInt(1, isCostly ? Math.min(8, most) : most);
    int[] accesses = window.kind().accesses();
    int access = accesses[data.consumeInt(0, accesses.length - 1)];
    long value =
        switch (kind) {
          case MAP, MAP_RMP -> data.consumeLong(0, (1L << (51 - window.unitLog2())) - 2048);
          case SCATTER -> data.consumeInt(0, (1 << 20) - 1);
          case SPLIT, MERGE, TRACK -> size(window, data.consumeInt(0, 11));
          default -> data.consumeInt(0, 1);
        };
    int freePages = data.consumeInt(-4, 3);
    return new Op(kind, at, count, value, access, Math.max(-1, freePages));
  }

  /** Those that the window can have. */
  private static Kind[] kinds(Window window) {
    List<Kind> kinds = new ArrayList<>();
    for (Kind kind : Kind.values()) {
      boolean isScatter = kind == Kind.SCATTER;
      if ((!isScatter || window.unitLog2() == 12) && (!needsRmp(kind) || window.hasRmp())) {
        kinds.add(kind);
      }
    }
    return kinds.toArray(Kind[]::new);
  }

  private static boolean needsRmp(Kind kind) {
    return switch (kind) {
      case MAP_RMP, FIT, SHARE, UNSHARE, LARGE -> true;
      default -> false;
    };
  }

  /** A size of the window: the first one from a distance above its unit, or else its smallest. */
  private static int size(Window window, int distance) {
    long sizes = window.pageSizes() & -1L << window.unitLog2();
    long larger = sizes & -1L << Math.min(51, window.unitLog2() + distance);
    return Long.numberOfTrailingZeros(larger != 0 ? larger : sizes);
  }
}
