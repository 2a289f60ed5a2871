package dev.cleave.engine;

import static dev.cleave.engine.TableKind.X86_4_LEVELS;
import static dev.cleave.engine.TableKind.X86_4_LEVELS_UPPER_HALF;
import static dev.cleave.engine.TableKind.X86_5_LEVELS;
import static dev.cleave.engine.TableKind.X86_5_LEVELS_UPPER_HALF;
import static dev.cleave.engine.Window.ALL;
import static dev.cleave.engine.Window.X86_SIZES;
import static org.junit.jupiter.api.Assertions.fail;

import dev.cleave.engine.Op.Kind;
import dev.cleave.engine.format.X86;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random operations in small windows against a model of single units. A failing run is shortened to
 * the operations that it takes and printed with its seed, to be pasted into a test.
 */
class RandomOperationsTest {
  /** Fewer where the same runs again with other kernels. */
  private static final int RUNS = Integer.getInteger("cleave.test.runs", 8);

  /** Another one for other operations, or to run those of a failure again. */
  private static final long FIRST_SEED = Long.getLong("cleave.test.seed", 1);

  private static final int STEPS = 100;

  static Stream<Window> windows() {
    return Stream.concat(
        Stream.of(
            Window.v1(0, 12, 2048, 3, ALL),
            Window.v1(0, 12, 1536, 1, ALL),
            Window.v1((1L << 39) - (4L << 20), 12, 2048, 3, ALL),
            Window.v1(-(8L << 20), 12, 2048, 3, ALL),
            Window.v1(-(8L << 20), 12, 2048, 6, X86_SIZES),
            Window.v1(1L << 30, 12, 2048, 3, X86_SIZES),
            Window.v1(1L << 30, 12, 1024, 2, 1L << 12),
            Window.v1(1L << 30, 12, 2048, 4, 1L << 12 | 1L << 16 | 1L << 21),
            Window.v1((1L << 48) - (1L << 31), 21, 2048, 3, ALL),
            Window.v1(3L << 30, 21, 2048, 3, X86_SIZES),
            Window.v1(0, 30, 2048, 3, ALL),
            Window.v1(-(1L << 41), 30, 2048, 3, ALL),
            Window.v1(0, 39, 2048, 4, ALL),
            Window.v1(0, 18, 2048, 3, 1L << 18 | 1L << 30 | 1L << 31)),
        Stream.of(
            Window.of(X86_4_LEVELS, 1L << 30, 12, 2048),
            Window.of(X86_4_LEVELS, (1L << 48) - (1L << 32), 21, 2048),
            Window.of(X86_4_LEVELS, (1L << 39) - (4L << 20), 12, 2048),
            bornWithStatus(X86_4_LEVELS, 3L << 30, 12, 2048),
            Window.of(X86_5_LEVELS, (1L << 48) - (4L << 20), 12, 2048),
            Window.of(X86_5_LEVELS, (1L << 57) - (1L << 41), 30, 2048),
            Window.of(X86_4_LEVELS_UPPER_HALF, (1L << 46) - (8L << 20), 12, 2048),
            Window.of(X86_4_LEVELS_UPPER_HALF, -(1L << 46), 21, 2048),
            Window.of(X86_5_LEVELS_UPPER_HALF, (1L << 55) - (1L << 32), 21, 2048),
            Window.of(X86_5_LEVELS_UPPER_HALF, -(1L << 55), 12, 2048)));
  }

  /** A table as Linux writes it, where all that may be written is dirty from the beginning. */
  private static Window bornWithStatus(TableKind kind, long offset, int unitLog2, int units) {
    return new Window(kind, offset, unitLog2, units, PageTableConfig.of(X86.LINUX));
  }

  @ParameterizedTest
  @MethodSource("windows")
  void everyOperationDoesToEveryPageWhatTheModelSays(Window window) {
    for (long seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
      List<Op> ops = randomOps(window, new Random(seed * 1_000_003 + window.toString().hashCode()));
      Throwable failure = failureOf(window, ops);
      if (failure != null) {
        List<Op> shortest = shorten(window, ops);
        StringBuilder message = new StringBuilder("seed " + seed + ", " + window + "\n");
        shortest.forEach(op -> message.append("    ").append(op).append(",\n"));
        fail(message.toString(), failureOf(window, shortest));
      }
    }
  }

  private static List<Op> randomOps(Window window, Random random) {
    List<Op> ops = new ArrayList<>();
    for (int i = 0; i < STEPS; i++) {
      ops.add(randomOp(window, random));
    }
    return ops;
  }

  private static Op randomOp(Window window, Random random) {
    Kind[] kinds = Kind.values();
    Kind kind = random.nextInt(5) == 0 ? Kind.MAP : kinds[random.nextInt(kinds.length)];
    if (kind == Kind.CLEAR && random.nextInt(4) != 0) {
      kind = Kind.MERGE;
    }
    if (kind == Kind.SCATTER && window.unitLog2() != 12) {
      kind = Kind.MAP;
    }
    boolean rmp =
        switch (kind) {
          case MAP_RMP, FIT, SHARE, UNSHARE, LARGE -> true;
          default -> false;
        };
    if (rmp && !window.hasRmp()) {
      kind = Kind.MAP;
      rmp = false;
    }
    int at = random.nextInt(window.units());
    int most = window.units() - at;
    int count = 1 + random.nextInt(random.nextBoolean() ? most : Math.min(most, 20));
    if (random.nextInt(3) == 0) { // aligned pieces, so that something can be large
      int align = 1 << random.nextInt(11);
      at = at / align * align;
      count = Math.min(window.units() - at, Math.max(align, count / align * align));
    }
    if (rmp && window.unitLog2() == 21) {
      count = Math.min(count, 8); // each may take 512 leaves
    }
    int[] accesses = window.kind().accesses();
    int access = accesses[random.nextInt(accesses.length)];
    long value =
        switch (kind) {
          case MAP, MAP_RMP -> paddrUnit(window, random, at);
          case SCATTER -> random.nextInt(1 << 20);
          case SPLIT, MERGE, TRACK -> randomSize(window, random);
          default -> random.nextInt(2);
        };
    int freePages = random.nextInt(4) == 0 ? random.nextInt(4) : -1;
    return new Op(kind, at, count, value, access, freePages);
  }

  /**
   * Mostly such that iova and paddr agree in their low bits, and neighbours go on where they end.
   */
  private static long paddrUnit(Window window, Random random, int at) {
    long limit = 1L << (51 - window.unitLog2());
    long base = window.base() >>> window.unitLog2();
    return switch (random.nextInt(6)) {
      case 0 -> random.nextLong(limit - window.units());
      case 1 -> at + random.nextInt(8);
      default -> ((base & (1L << 11) - 1) + at) & limit - 1;
    };
  }

  private static int randomSize(Window window, Random random) {
    int size = window.unitLog2() + random.nextInt(12);
    while (size > 51 || (window.pageSizes() & 1L << size) == 0 || size < window.unitLog2()) {
      size = window.unitLog2() + random.nextInt(12);
    }
    return size;
  }

  @SuppressWarnings("CatchingUnchecked") // whatever goes wrong is what is looked for
  private static @Nullable Throwable failureOf(Window window, List<Op> ops) {
    try {
      OpRun.run(window, ops);
      return null;
    } catch (Exception | AssertionError e) {
      return e;
    }
  }

  private static List<Op> shorten(Window window, List<Op> failing) {
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
