package dev.cleave.engine.rmp;

import static dev.cleave.engine.rmp.FakeRmp.PAGE;
import static dev.cleave.engine.rmp.FakeRmp.REGION;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.SizeRule;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The bitmap against a model that knows each page, for guests that end on a region or inside one.
 */
class RmpBitmapTest {
  private static final int STEPS = 200;

  /** Each page by itself. */
  private static final class Model {
    final int pages;
    final BitSet shared = new BitSet();
    final BitSet large = new BitSet();

    Model(long guestBytes) {
      pages = (int) (guestBytes / PAGE);
    }

    /** The three cases of docs/spec/rmp.md §3; beyond the guest all belongs to the hypervisor. */
    boolean allowsLarge(int region) {
      int first = 512 * region;
      int end = Math.min(first + 512, pages);
      int count = first >= pages ? 0 : shared.get(first, end).cardinality();
      return first >= pages || count == end - first || (count == 0 && large.get(region));
    }

    int mixedRegions() {
      int mixed = 0;
      for (int region = 0; 512 * region < pages; region++) {
        mixed += allowsLarge(region) ? 0 : 1;
      }
      return mixed;
    }

    void step(RmpBitmap bitmap, Random random) {
      int at = random.nextInt(pages);
      int count = 1 + random.nextInt(random.nextBoolean() ? pages - at : Math.min(9, pages - at));
      if (random.nextInt(3) == 0) {
        at = at / 512 * 512;
        count = Math.min(pages - at, 1024);
      }
      switch (random.nextInt(3)) {
        case 0 -> {
          bitmap.share(at * PAGE, count * PAGE);
          shared.set(at, at + count);
          large.clear(at / 512, (at + count - 1) / 512 + 1);
        }
        case 1 -> {
          bitmap.unshare(at * PAGE, count * PAGE);
          shared.clear(at, at + count);
        }
        default -> {
          boolean value = random.nextBoolean();
          bitmap.setLarge(at * PAGE, count * PAGE, value);
          int first = (at + 511) / 512;
          int end = (at + count) / 512;
          if (first < end) {
            large.set(first, end, value);
          }
        }
      }
    }

    void compare(RmpBitmap bitmap) {
      for (int page = 0; page < pages; page++) {
        assertEquals(shared.get(page), bitmap.isShared(page * PAGE));
      }
      for (int region = 0; 512 * region < pages; region++) {
        assertEquals(large.get(region), bitmap.isLarge(region * REGION), "at " + region);
      }
      for (int region = 0; region < pages / 512 + 3; region++) {
        assertEquals(allowsLarge(region), bitmap.allowsLarge(region * REGION), "at " + region);
      }
      assertEquals(shared.cardinality(), bitmap.sharedPages());
      assertEquals(mixedRegions(), bitmap.mixedRegions());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 512, 1024, 1025, 3 * 512 + 511, 70 * 512 + 3})
  void everyPageIsWhatTheModelSays(int pages) {
    try (RmpBitmap bitmap = new RmpBitmap(pages * PAGE)) {
      Model model = new Model(pages * PAGE);
      Random random = new Random(pages);
      for (int i = 0; i < STEPS; i++) {
        model.step(bitmap, random);
        model.compare(bitmap);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1024, 0",
    "3, 0",
    "70, 0",
    "130, 0",
    "64, 0",
    "70, 40000000",
    "70, ffffffffc0000000"
  })
  void segmentsEndWhereTheAnswerChanges(int regions, String base) {
    long iovaBase = Long.parseUnsignedLong(base, 16);
    long beyond = 80; // regions after the guest's end
    try (RmpBitmap bitmap = new RmpBitmap(regions * REGION)) {
      Model model = new Model(regions * REGION);
      Random random = new Random(regions);
      SizeRule rule = bitmap.ruleAt(-iovaBase);
      for (int i = 0; i < 20; i++) {
        model.step(bitmap, random);
        long end = iovaBase < 0 ? -iovaBase / REGION : regions + beyond;
        for (int region = 0; region < end; region++) {
          assertSegment(model, rule, iovaBase, region, (int) end - 1);
        }
      }
    }
  }

  private static void assertSegment(
      Model model, SizeRule rule, long iovaBase, int region, int lastRegion) {
    boolean value = model.allowsLarge(region);
    int next = region;
    while (next <= lastRegion && model.allowsLarge(next) == value) {
      next++;
    }
    long iova = iovaBase + region * REGION + 5 * PAGE;
    assertEquals(
        Long.toHexString(iovaBase + next * REGION - 1),
        Long.toHexString(rule.segmentLast(iova, iovaBase + (lastRegion + 1) * REGION - 1)));
    assertEquals(value, (rule.sizes(iova) >>> 21 & 1) != 0);
  }

  @Test
  void aSegmentThatBeginsBelowGuestMemoryEndsWhereGuestMemoryBegins() {
    long iovaBase = 1L << 30;
    try (RmpBitmap bitmap = new RmpBitmap(8 * REGION)) {
      SizeRule rule = bitmap.ruleAt(-iovaBase);
      long last = rule.segmentLast(iovaBase - 4 * REGION, iovaBase + 8 * REGION - 1);
      assertEquals(iovaBase - 1, last);
      long inFirstRegion = rule.segmentLast(iovaBase - 4 * REGION, iovaBase + REGION - 1);
      assertEquals(iovaBase - 1, inFirstRegion);
      assertEquals(iovaBase - 1, rule.segmentLast(iovaBase - 4 * REGION, iovaBase - 1));
    }
  }

  /** Of regions that all allow large leaves, as does what lies beyond, but for one. */
  @Test
  void aSegmentGoesOnBeyondGuestMemoryAndEndsAtTheRegionThatDiffers() {
    try (RmpBitmap bitmap = new RmpBitmap(70 * REGION)) {
      SizeRule rule = bitmap.rule();
      bitmap.setLarge(0, 70 * REGION, true);
      assertEquals(80 * REGION - 1, rule.segmentLast(0, 80 * REGION - 1));
      assertEquals(5 * REGION - 1, rule.segmentLast(0, 5 * REGION - 1));
      bitmap.share(64 * REGION, PAGE); // the first of its word
      assertEquals(64 * REGION - 1, rule.segmentLast(0, 65 * REGION - 1));
      assertEquals(64 * REGION - 1, rule.segmentLast(0, 64 * REGION - 1));
      assertEquals(5 * REGION - 1, rule.segmentLast(0, 5 * REGION - 1));
    }
    try (RmpBitmap bitmap = new RmpBitmap(64 * REGION)) {
      assertEquals(64 * REGION - 1, bitmap.rule().segmentLast(0, 70 * REGION - 1));
    }
  }

  /** Guests whose bits of pages, and whose bits of regions, fill whole pages. */
  @ParameterizedTest
  @ValueSource(longs = {64, 64 * 512})
  void theEndOfAGuestIsSavedAndComesBack(long regions) {
    try (RmpBitmap bitmap = new RmpBitmap(regions * REGION)) {
      bitmap.setLarge(0, regions * REGION, true);
      long first = (regions - 1) * REGION;
      bitmap.save(first, REGION);
      assertEquals(regions * REGION, bitmap.savedRunEnd(first, regions * REGION));
      bitmap.share(first + PAGE, PAGE);
      assertEquals(1, bitmap.mixedRegions());
      bitmap.restore(first, REGION);
      assertEquals(0, bitmap.mixedRegions());
      assertEquals(0, bitmap.sharedPages());
      assertTrue(bitmap.isLarge(first) && bitmap.allowsLarge(first));
    }
  }

  @Test
  void aSegmentEndsWithTheCallersRange() {
    try (RmpBitmap bitmap = new RmpBitmap(8 * REGION)) {
      assertEquals(3 * PAGE - 1, bitmap.rule().segmentLast(0, 3 * PAGE - 1));
    }
  }

  @Test
  void smallLeavesAreAllowedEverywhere() {
    try (RmpBitmap bitmap = new RmpBitmap(8 * REGION)) {
      assertEquals(20, bitmap.rule().alwaysAllowedLog2());
      assertEquals((1L << 21) - 1, bitmap.rule().sizes(0));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {8 * 512, 8 * 512 + 100})
  void whatWasSavedComesBack(int pages) {
    Random random = new Random(7);
    for (int i = 0; i < STEPS; i++) {
      try (RmpBitmap bitmap = new RmpBitmap(pages * PAGE)) {
        Model model = new Model(pages * PAGE);
        for (int step = 0; step < 5; step++) {
          model.step(bitmap, random);
        }
        long at = random.nextInt(pages);
        long count = 1L + random.nextInt((int) (pages - at));
        bitmap.save(at * PAGE, count * PAGE);
        bitmap.share(at * PAGE, count * PAGE);
        bitmap.unshare(at * PAGE, (count + 1) / 2 * PAGE);
        bitmap.setLarge(at * PAGE, count * PAGE, true);
        bitmap.restore(at * PAGE, count * PAGE);
        model.compare(bitmap);
      }
    }
  }

  @Test
  void flagsThatWereSavedComeBackInEveryWordOfThem() {
    long regions = 200;
    try (RmpBitmap bitmap = new RmpBitmap(regions * REGION)) {
      bitmap.setLarge(0, regions * REGION, true);
      long first = 60 * REGION;
      long length = 80 * REGION; // of 64 regions a word: three words
      bitmap.save(first, length);
      bitmap.share(first, length);
      bitmap.restore(first, length);
      for (long region = 0; region < regions; region++) {
        assertTrue(bitmap.isLarge(region * REGION), "region " + region);
      }
      assertEquals(0, bitmap.mixedRegions());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {512, 3 * 512 + 17, 20 * 512})
  void runsOfWhatWasSavedEndWhereAPageDiffersOrTheRangeEnds(int pages) {
    Random random = new Random(pages);
    for (int i = 0; i < STEPS; i++) {
      try (RmpBitmap bitmap = new RmpBitmap(pages * PAGE)) {
        Model model = new Model(pages * PAGE);
        for (int step = 0; step < 4; step++) {
          model.step(bitmap, random);
        }
        int first = random.nextInt(pages);
        int end = first + 1 + random.nextInt(pages - first);
        bitmap.save(first * PAGE, (end - first) * PAGE);
        bitmap.share(first * PAGE, (end - first + 1) / 2 * PAGE); // is not to be seen
        for (int page = first; page < end; page++) {
          boolean was = model.shared.get(page);
          int differs = was ? model.shared.nextClearBit(page) : model.shared.nextSetBit(page);
          int runEnd = differs < 0 ? end : Math.min(differs, end);
          assertEquals(was, bitmap.wasShared(page * PAGE), "page " + page);
          assertEquals(runEnd * PAGE, bitmap.savedRunEnd(page * PAGE, end * PAGE), "page " + page);
        }
      }
    }
  }

  @Test
  void aBitmapSaysWhatItCoversAndHowMuchOfThatIsShared() {
    try (RmpBitmap bitmap = new RmpBitmap(3 * REGION + PAGE)) {
      assertEquals(3 * REGION + PAGE, bitmap.guestBytes());
      bitmap.share(REGION, REGION + 2 * PAGE);
      assertEquals(
          "RmpBitmap[6295552 bytes of guest memory, 514 pages shared, 3 regions mixed]",
          bitmap.toString());
    }
  }

  @Test
  void aGuestOf16TiBCanBeMadeAndAsked() {
    long guestBytes = 16L << 40;
    try (RmpBitmap bitmap = new RmpBitmap(guestBytes)) {
      bitmap.share(guestBytes - PAGE, PAGE);
      assertTrue(bitmap.isShared(guestBytes - PAGE));
      assertEquals(1, bitmap.sharedPages());
      assertEquals(guestBytes / REGION, bitmap.mixedRegions());
      assertEquals(guestBytes - 1, bitmap.rule().segmentLast(0, guestBytes - 1));
    }
  }

  @Test
  void aRegionIsPrivateUntilOneOfItsPagesIsShared() {
    try (RmpBitmap bitmap = new RmpBitmap(2 * REGION)) {
      assertTrue(bitmap.isPrivate(REGION));
      bitmap.share(2 * REGION - PAGE, PAGE);
      assertFalse(bitmap.isPrivate(REGION));
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -4096, 1, 4097})
  void guestMemoryIsAPositiveNumberOfPages(long guestBytes) {
    assertThrows(IllegalArgumentException.class, () -> new RmpBitmap(guestBytes));
  }

  @ParameterizedTest
  @CsvSource({
    "1, 4096",
    "0, 1",
    "0, 0",
    "0, -4096",
    "4194304, 4096",
    "4190208, 8192",
    "-4096, 8192"
  })
  void aRangeThatIsNotWholePagesOfTheGuestIsRefused(long gpa, long length) {
    try (RmpBitmap bitmap = new RmpBitmap(2 * REGION)) {
      List<Executable> calls =
          List.of(
              () -> bitmap.share(gpa, length),
              () -> bitmap.unshare(gpa, length),
              () -> bitmap.setLarge(gpa, length, true),
              () -> bitmap.save(gpa, length),
              () -> bitmap.restore(gpa, length));
      for (Executable call : calls) {
        assertThrows(IllegalArgumentException.class, call);
      }
      assertEquals(0, bitmap.sharedPages());
    }
  }

  @Test
  void aClosedBitmapSaysThatItIsOne() {
    RmpBitmap bitmap = new RmpBitmap(2 * REGION);
    bitmap.close();
    bitmap.close();
    List<Executable> calls =
        List.of(
            () -> bitmap.allowsLarge(0),
            () -> bitmap.isShared(0),
            () -> bitmap.isLarge(0),
            () -> bitmap.isPrivate(0),
            () -> bitmap.share(0, PAGE),
            () -> bitmap.save(0, PAGE));
    for (Executable call : calls) {
      IllegalStateException refused = assertThrows(IllegalStateException.class, call);
      assertEquals("the RMP bitmap is closed", refused.getMessage());
    }
  }

  @Test
  void sharedPagesStayInPlaceUnlessOneSaysOtherwise() {
    try (RmpBitmap bitmap = new RmpBitmap(REGION);
        RmpBitmap elsewhere = new RmpBitmap(REGION, false)) {
      assertTrue(bitmap.isSharedInPlace());
      assertFalse(elsewhere.isSharedInPlace());
    }
  }

  @Test
  void anAddressBeyondTheGuestIsRefused() {
    try (RmpBitmap bitmap = new RmpBitmap(2 * REGION)) {
      assertThrows(IllegalArgumentException.class, () -> bitmap.isShared(2 * REGION));
      assertThrows(IllegalArgumentException.class, () -> bitmap.isLarge(-1));
    }
  }

  @Test
  void aDistanceThatIsNotWholeRegionsIsRefused() {
    try (RmpBitmap bitmap = new RmpBitmap(2 * REGION)) {
      assertThrows(IllegalArgumentException.class, () -> bitmap.ruleAt(PAGE));
    }
  }
}
