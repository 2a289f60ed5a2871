package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A cache of translations beside a list of what it must hold. */
class TranslationCacheTest {
  private static final long ALL_TAGS = 0;
  private static final int[] SIZES = {12, 13, 21, 30};

  private record Kept(long tag, long iova, int log2, long value, long source) {
    boolean isAt(long tag, long iova, int log2) {
      return this.tag == tag && this.log2 == log2 && this.iova == (iova & (-1L << log2));
    }
  }

  /** The same, oldest first. */
  private static final class Model {
    private final List<Kept> kept = new ArrayList<>();
    private final int most;

    Model(int most) {
      this.most = most;
    }

    void put(long tag, long iova, int log2, long value, long source) {
      kept.removeIf(one -> one.isAt(tag, iova, log2));
      if (kept.size() == most) {
        kept.removeFirst();
      }
      long mask = -1L << log2;
      kept.add(new Kept(tag, iova & mask, log2, value, source & mask));
    }

    long find(long tag, long iova, int log2) {
      for (Iterator<Kept> all = kept.iterator(); all.hasNext(); ) {
        Kept one = all.next();
        if (one.isAt(tag, iova, log2)) {
          all.remove();
          kept.addLast(one); // used last
          return one.value();
        }
      }
      return 0;
    }

    int drop(Predicate<Kept> which) {
      int before = kept.size();
      kept.removeIf(which);
      return before - kept.size();
    }

    long populated() {
      return kept.stream().mapToLong(one -> 1L << one.log2()).reduce(0, (a, b) -> a | b);
    }
  }

  /** Whether an address lies in an aligned range. */
  private static boolean isIn(long address, long start, int rangeLog2) {
    return rangeLog2 >= 64 || (address ^ start) >>> rangeLog2 == 0;
  }

  private static boolean isTagged(Kept one, long tag, long mask) {
    return (one.tag() & mask) == tag;
  }

  /** One set, so that it is known which entry gives way: the one that was used least recently. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 64})
  void aSetKeepsWhatWasUsedLastAndForgetsWhatItIsTold(int ways) {
    TranslationCache cache = new TranslationCache(new CacheShape(0, ways));
    Model model = new Model(ways);
    Random random = new Random(ways);
    for (int i = 0; i < 6_000; i++) {
      long tag = 1L + random.nextInt(3);
      int log2 = SIZES[random.nextInt(SIZES.length)];
      long iova = (long) random.nextInt(1 << 19) << 12;
      long source = (long) random.nextInt(1 << 19) << 12;
      int range = random.nextInt(4) == 0 ? 64 : 12 + random.nextInt(22);
      boolean bySource = random.nextBoolean();
      long mask = random.nextBoolean() ? -1 : ALL_TAGS;
      long wanted = tag & mask;
      String step = "step " + i;
      switch (random.nextInt(20)) {
        case 0 ->
            assertEquals(
                model.drop(one ->
                    isTagged(one, wanted, mask)
                        && (range >= 64
                            || (one.log2() <= range
                                && isIn(bySource ? one.source() : one.iova(), iova, range)))),
                cache.dropInside(wanted, mask, iova, range, bySource),
                step);
        case 1 ->
            assertEquals(
                model.drop(one ->
                    isTagged(one, wanted, mask)
                        && isIn(one.iova(), iova, Math.max(range, one.log2()))),
                cache.dropTouching(wanted, mask, iova, range),
                step);
        case 2 -> {
          int below = Math.min(range, 33);
          assertEquals(
              model.drop(one -> isIn(one.value(), iova, Math.max(below, one.log2()))),
              cache.dropValues(-1, iova, below),
              step);
        }
        case 3 -> {
          if (random.nextInt(50) == 0) {
            assertEquals(model.drop(_ -> true), cache.clear(), step);
          }
        }
        case 4, 5, 6, 7, 8, 9 -> {
          long value = 1 + ((long) random.nextInt(1 << 19) << 12);
          model.put(tag, iova, log2, value, source);
          cache.put(tag, iova, log2, value, source);
        }
        default -> {
          boolean isHit = !model.kept.isEmpty() && random.nextBoolean();
          Kept any =
              isHit
                  ? model.kept.get(random.nextInt(model.kept.size()))
                  : new Kept(tag, iova, log2, 0, 0);
          long of = any.tag();
          long at = any.iova() + random.nextInt(1 << any.log2());
          int size = any.log2();
          long found = model.find(of, at, size);
          assertEquals(found, cache.find(of, at, size), step);
          int located = cache.locate(of, at, size);
          assertEquals(found != 0, located >= 0, step);
          if (located >= 0) {
            assertEquals(found, cache.value(located), step);
            assertEquals(model.kept.getLast().source(), cache.source(located), step);
          }
        }
      }
      assertEquals(model.populated(), cache.populated(), step);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {12, 21, 30})
  void neighbouringRangesGoToNeighbouringSets(int log2) {
    TranslationCache cache = new TranslationCache(new CacheShape(4, 1));
    for (long i = 0; i < 16; i++) {
      cache.put(9, i << log2, log2, i + 1);
    }
    for (long i = 0; i < 16; i++) {
      assertEquals(i + 1, cache.find(9, i << log2, log2));
      assertEquals(i << log2, cache.source(cache.locate(9, i << log2, log2)));
    }
    cache.put(9, 16L << log2, log2, 17);
    assertEquals(0, cache.find(9, 0, log2), "it takes the place of the first");
    assertEquals(2, cache.find(9, 1L << log2, log2));
  }

  /** Domains that use the same iovas, and sizes of the same iova, do not push each other out. */
  @Test
  void otherTagsAndSizesBeginElsewhere() {
    TranslationCache cache = new TranslationCache(new CacheShape(6, 1));
    cache.put(1, 0, 12, 1);
    cache.put(2, 0, 12, 2);
    cache.put(1, 0, 13, 3);
    cache.put(2, 0, 13, 4);
    assertEquals(1, cache.find(1, 0, 12));
    assertEquals(2, cache.find(2, 0, 12));
    assertEquals(3, cache.find(1, 0, 13));
    assertEquals(4, cache.find(2, 0, 13));
    cache.put(1, 37L << 12, 12, 5); // where tag 2 begins
    assertEquals(0, cache.find(2, 0, 12));
    cache.put(1, 11L << 12, 12, 6); // where the next size begins
    assertEquals(0, cache.find(1, 0, 13));
    assertEquals(4, cache.find(2, 0, 13));
  }

  @Test
  void withoutWaysNothingIsKept() {
    TranslationCache cache = new TranslationCache(CacheShape.NONE);
    cache.put(1, 0, 12, 1);
    assertEquals(0, cache.find(1, 0, 12));
    assertEquals(0, cache.populated());
    assertEquals(0, cache.clear());
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "0, 64", "20, 0", "3, 4"})
  void aShapeWithinItsBoundsIsTaken(int setsLog2, int ways) {
    assertEquals(ways, new CacheShape(setsLog2, ways).ways());
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1L << 21, 1L << 12 | 1L << 11})
  void anIotlbHoldsPagesAndNothingSmaller(long sizes) {
    CacheShape shape = new CacheShape(0, 1);
    assertThrows(
        IllegalArgumentException.class, () -> IommuConfig.standard().withIotlb(shape, sizes));
  }

  @ParameterizedTest
  @CsvSource({"-1, 1", "21, 1", "0, -1", "0, 65"})
  void aShapeBeyondThemIsRefused(int setsLog2, int ways) {
    assertThrows(IllegalArgumentException.class, () -> new CacheShape(setsLog2, ways));
  }
}
