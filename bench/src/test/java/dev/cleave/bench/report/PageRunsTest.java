package dev.cleave.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.cleave.bench.report.PageRuns.Run;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Runs, compared with an array; ranges, compared with marked pages. */
class PageRunsTest {
  private static final int PAGES = 64;
  private static final int ROUNDS = 2000;

  @Test
  void whatIsReplacedIsThereAndNothingElseChanges() {
    Random random = new Random(1);
    PageRuns runs = new PageRuns();
    int[] expected = new int[PAGES];
    for (int round = 0; round < ROUNDS; round++) {
      int from = random.nextInt(PAGES);
      int at = from;
      List<Run> put = new ArrayList<>();
      while (at < PAGES && (put.isEmpty() || random.nextBoolean())) {
        int end = at + 1 + random.nextInt(PAGES - at);
        int value = random.nextInt(3);
        put.add(new Run(end - at, value));
        Arrays.fill(expected, at, end, value);
        at = end;
      }
      runs.replace(from, put);
      List<Run> all = runs.over(0, PAGES);
      int page = 0;
      int last = -1;
      for (Run run : all) {
        assertNotEquals(last, run.value(), "neighbours are one run");
        for (long i = 0; i < run.pages(); i++) {
          assertEquals(expected[page++], run.value());
        }
        last = run.value();
      }
      assertEquals(PAGES, page);
    }
  }

  @Test
  void rangesThatTouchAreOne() {
    Random random = new Random(2);
    for (int round = 0; round < ROUNDS; round++) {
      DirtyPages dirty = new DirtyPages();
      boolean[] expected = new boolean[PAGES + 1];
      for (int count = random.nextInt(6); count >= 0; count--) {
        int from = random.nextInt(PAGES);
        int end = from + 1 + random.nextInt(Math.min(9, PAGES - from));
        dirty.add(from, end);
        Arrays.fill(expected, from, end, true);
      }
      boolean[] found = new boolean[PAGES + 1];
      long[] lastEnd = {-1};
      dirty.forEach((from, end) -> {
        assertNotEquals(lastEnd[0], from, "neighbours are one range");
        Arrays.fill(found, (int) from, (int) end, true);
        lastEnd[0] = end;
      });
      assertEquals(Arrays.toString(expected), Arrays.toString(found));
    }
  }
}
