package dev.cleave.bench.extent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ExtentMapTest {
  private static final int WINDOW = 24;

  private final ExtentMap extents = new ExtentMap();

  @Test
  void joinedNeighboursThatContinueEachOtherAreOne() {
    extents.join(0x1000, 0x1FFF, 0x9000, 3);
    extents.join(0x3000, 0x3FFF, 0xB000, 3);
    extents.join(0x2000, 0x2FFF, 0xA000, 3);

    assertEquals(List.of(new Extent(0x1000, 0x3FFF, 0x9000, 3)), extents.all());
  }

  @Test
  void whatLeadsElsewhereOrAllowsOtherThingsIsNotJoined() {
    extents.join(0x1000, 0x1FFF, 0x9000, 3);
    extents.join(0x2000, 0x2FFF, 0xA000, 1);
    extents.join(0x3000, 0x3FFF, 0xF000, 1);

    assertEquals(3, extents.all().size());
  }

  @Test
  void whatIsAddedStaysApart() {
    extents.add(new Extent(0x1000, 0x1FFF, 0x9000, 3));
    extents.add(new Extent(0x2000, 0x2FFF, 0xA000, 3));

    assertEquals(2, extents.all().size());
  }

  @Test
  void aRangeThatIsNotFreeIsRefusedByItsFirstMappedAddress() {
    extents.add(new Extent(0x2000, 0x2FFF, 0x9000, 3));

    String message =
        assertThrows(IllegalStateException.class, () -> extents.join(0x1000, 0x3FFF, 0, 3))
            .getMessage();
    assertTrue(message.contains("iova=0x2000 "), message);
    assertThrows(IllegalStateException.class, () -> extents.add(new Extent(0x2800, 0x4000, 0, 3)));
    assertEquals(1, extents.all().size());
  }

  @Test
  void allOfTheAddressSpaceIsAnExtent() {
    extents.add(new Extent(0, -1, 0, 3));

    assertEquals(new Extent(0, -1, 0, 3), extents.at(-1));
    assertEquals(-5, extents.translate(-5));
    assertEquals(1, extents.remove(0x7000, 0x7000));
    assertEquals(
        List.of(new Extent(0, 0x6FFF, 0, 3), new Extent(0x7001, -1, 0x7001, 3)), extents.all());
  }

  /** At the bottom, around the sign and at the end, against an array of addresses. */
  @ParameterizedTest
  @ValueSource(longs = {0, Long.MAX_VALUE - WINDOW / 2, -WINDOW})
  void itIsAnArrayOfAddresses(long base) {
    SplittableRandom random = new SplittableRandom(base);
    long[] paddrs = new long[WINDOW];
    int[] allowed = new int[WINDOW];
    Arrays.fill(paddrs, ExtentMap.NOT_MAPPED);
    for (int step = 0; step < 20_000; step++) {
      int from = random.nextInt(WINDOW);
      int to = from + random.nextInt(Math.min(6, WINDOW - from));
      long mapped = Arrays.stream(paddrs, from, to + 1).filter(p -> p != -1).count();
      assertEquals(mapped == 0, extents.isFree(base + from, base + to), "step " + step);
      if (random.nextBoolean()) {
        assertEquals(mapped, extents.remove(base + from, base + to), "step " + step);
        Arrays.fill(paddrs, from, to + 1, ExtentMap.NOT_MAPPED);
      } else if (mapped > 0) {
        assertThrows(IllegalStateException.class, () -> extents.join(base + from, base + to, 0, 1));
      } else {
        long delta = random.nextBoolean() ? 0 : 100;
        int access = 1 + random.nextInt(2);
        if (random.nextInt(4) > 0) {
          extents.join(base + from, base + to, from + delta, access);
        } else {
          extents.add(new Extent(base + from, base + to, from + delta, access));
        }
        for (int i = from; i <= to; i++) {
          paddrs[i] = i + delta;
          allowed[i] = access;
        }
      }
      check(base, paddrs, allowed, "step " + step);
      checkPart(base, from, to);
    }
  }

  private void check(long base, long[] paddrs, int[] allowed, String step) {
    for (int i = 0; i < WINDOW; i++) {
      assertEquals(paddrs[i], extents.translate(base + i), step);
      Extent at = extents.at(base + i);
      if (paddrs[i] == ExtentMap.NOT_MAPPED) {
        assertNull(at, step);
      } else {
        assertTrue(at.holds(base + i), step);
        assertEquals(paddrs[i], at.paddrAt(base + i), step);
        assertEquals(allowed[i], at.access(), step);
      }
    }
    for (Extent extent : extents.all()) {
      assertFalse(extent.holds(extent.first() - 1), step);
      assertFalse(extent.holds(extent.last() + 1), step);
    }
  }

  /** The extents over a range are those at its addresses, cut to it. */
  private void checkPart(long base, int from, int to) {
    List<Extent> expected = new ArrayList<>();
    for (int i = from; i <= to; i++) {
      Extent at = extents.at(base + i);
      if (at != null) {
        long end = Long.compareUnsigned(at.last(), base + to) < 0 ? at.last() : base + to;
        expected.add(at.part(base + i, end));
        i = (int) (end - base);
      }
    }
    assertEquals(expected, extents.over(base + from, base + to));
  }
}
