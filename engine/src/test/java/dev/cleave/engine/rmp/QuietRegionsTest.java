package dev.cleave.engine.rmp;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What changed longest ago comes first, each region once. */
class QuietRegionsTest {
  private static final long NONE = -1;

  /** Regions with the time of their latest change, the oldest first. */
  private static final class Model {
    private final Map<Long, Long> times = new LinkedHashMap<>();
    private long now;

    void note(long region) {
      times.remove(region);
      times.put(region, now);
    }

    long takeQuiet(long ticks) {
      for (Map.Entry<Long, Long> oldest : times.entrySet()) {
        if (now - oldest.getValue() < ticks) {
          return NONE;
        }
        times.remove(oldest.getKey());
        return oldest.getKey();
      }
      return NONE;
    }
  }

  /** Of 171 regions the last record ends 8 bytes beyond a page. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5, 170, 171, 1000})
  void regionsComeOutAsTheModelSays(int regions) {
    Random random = new Random(regions);
    try (Arena arena = Arena.ofConfined()) {
      QuietRegions quiet = new QuietRegions(regions, arena);
      Model model = new Model();
      for (int step = 0; step < 5000; step++) {
        quiet.tick();
        model.now++;
        for (int i = random.nextInt(3); i > 0; i--) {
          long region = random.nextInt(8) == 0 ? regions - 1 : random.nextInt(regions);
          quiet.note(region);
          model.note(region);
        }
        long ticks = random.nextInt(12);
        assertEquals(model.takeQuiet(ticks), quiet.takeQuiet(ticks), "step " + step);
      }
      for (int i = 0; i <= regions; i++) {
        assertEquals(model.takeQuiet(0), quiet.takeQuiet(0), "at the end");
      }
      assertEquals(NONE, quiet.takeQuiet(0));
    }
  }

  @Test
  void aRegionIsQuietFromAsManyTicksOnAsAreAskedFor() {
    try (Arena arena = Arena.ofConfined()) {
      QuietRegions quiet = new QuietRegions(8, arena);
      quiet.tick();
      quiet.note(3);
      quiet.tick();
      quiet.tick();
      assertEquals(NONE, quiet.takeQuiet(3));
      assertEquals(3, quiet.takeQuiet(2));
      assertEquals(NONE, quiet.takeQuiet(0));
    }
  }
}
