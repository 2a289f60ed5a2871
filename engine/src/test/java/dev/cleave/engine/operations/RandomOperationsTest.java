package dev.cleave.engine.operations;

import static dev.cleave.engine.fixture.TableKind.X86_4_LEVELS;
import static dev.cleave.engine.fixture.TableKind.X86_4_LEVELS_UPPER_HALF;
import static dev.cleave.engine.fixture.TableKind.X86_5_LEVELS;
import static dev.cleave.engine.fixture.TableKind.X86_5_LEVELS_UPPER_HALF;
import static dev.cleave.engine.operations.Window.ALL;
import static dev.cleave.engine.operations.Window.X86_SIZES;
import static org.junit.jupiter.api.Assertions.fail;

import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.X86;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random operations in small windows against a model of single units. A failing run is shortened to
 * the operations that it takes and printed with its seed, to be pasted into a test.
 */
@Tag("slow")
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
      Random random = new Random(seed * 1_000_003 + window.toString().hashCode());
      List<Op> ops = RandomOps.of(window, STEPS, random);
      Throwable failure = OpShrinker.failureOf(window, ops);
      if (failure != null) {
        List<Op> shortest = OpShrinker.shorten(window, ops);
        StringBuilder message = new StringBuilder("seed " + seed + ", " + window + "\n");
        shortest.forEach(op -> message.append("    ").append(op).append(",\n"));
        fail(message.toString(), OpShrinker.failureOf(window, shortest));
      }
    }
  }
}
