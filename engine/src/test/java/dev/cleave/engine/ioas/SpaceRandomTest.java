package dev.cleave.engine.ioas;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Random operations on two spaces with several tables, step by step against {@link SpaceModel}:
 * answers, areas, iovas and every leaf of every table.
 *
 * <p>The property {@code cleave.ioas.steps} makes runs longer, {@code cleave.ioas.seed} makes
 * others; a failure names its seed and step.
 */
class SpaceRandomTest {
  private static final int STEPS = Integer.getInteger("cleave.ioas.steps", 6_000);
  private static final long OTHER_SEEDS = Long.getLong("cleave.ioas.seed", 0);

  @ParameterizedTest
  @CsvSource({
    "1, 64, EXACT",
    "2, 64, EXACT",
    "3, 64, WHOLE_AREAS",
    "4, 1536, EXACT",
    "5, 1536, WHOLE_AREAS"
  })
  void everyStepLeavesWhatTheRulesSay(long seed, int pages, UnmapRule rule) {
    int steps = pages > 64 ? STEPS / 20 : STEPS;
    try (SpaceRun run = new SpaceRun(seed + OTHER_SEEDS, pages, rule)) {
      for (int step = 0; step < steps; step++) {
        run.step();
      }
      assertTrue(run.outOfMemory() > steps / 1000, "table memory that ran out");
      assertTrue(run.joins() > 0, "areas that were joined");
      assertTrue(run.done() > steps / 4, "operations that were not refused");
    }
  }
}
