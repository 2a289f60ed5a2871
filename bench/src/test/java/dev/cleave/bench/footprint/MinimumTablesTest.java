package dev.cleave.bench.footprint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.cleave.engine.SizeRule;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.rmp.RmpBitmap;
import org.junit.jupiter.api.Test;

/** Small guests whose tables can be counted on one's fingers. */
class MinimumTablesTest {
  private static final long MIB = 1L << 20;
  private static final long GIB = 1L << 30;
  private static final long SIZES = AmdV1.LINUX.leafSizes();
  private static final SizeRule ANY = SizeRule.atMost(63);

  @Test
  void aGuestOfOneLeafNeedsOnlyTheTop() {
    assertArrayEquals(new long[] {0, 0, 0, 1}, MinimumTables.count(ANY, 16 * GIB, SIZES, 3));
  }

  @Test
  void theSizeThatAnErratumForbidsNeedsATableOfHalves() {
    assertArrayEquals(new long[] {0, 0, 0, 1, 1}, MinimumTables.count(ANY, 512 * GIB, SIZES, 4));
    assertArrayEquals(new long[] {0, 0, 0, 0, 1}, MinimumTables.count(ANY, 1024 * GIB, SIZES, 4));
  }

  @Test
  void aGuestOfSmallLeavesNeedsATableForEveryRegion() {
    assertArrayEquals(
        new long[] {0, 1024 + 1, 3, 1},
        MinimumTables.count(SizeRule.atMost(12), 2 * GIB + 4096, 1L << 12, 3));
  }

  @Test
  void oneSharedPageNeedsTheTwoTablesAboveIt() {
    try (RmpBitmap states = new RmpBitmap(4 * GIB)) {
      states.setLarge(0, 4 * GIB, true);
      states.share(2 * GIB + 6 * MIB, 4096);
      assertArrayEquals(
          new long[] {0, 1, 1, 1}, MinimumTables.count(states.rule(), 4 * GIB, SIZES, 3));
    }
  }

  @Test
  void anEndBetweenSizesNeedsTables() {
    assertArrayEquals(
        new long[] {0, 1, 1, 1}, MinimumTables.count(ANY, GIB + 2 * MIB + 4096, SIZES, 3));
  }
}
