package dev.cleave.engine;

import static dev.cleave.engine.fixture.SmallTable.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is owed is remembered, never smaller than it was, and named by the fewest commands. */
@ParameterizedClass
@EnumSource(TableKind.class)
class IotlbGatherTest {
  private final TableKind kind;

  IotlbGatherTest(TableKind kind) {
    this.kind = kind;
  }

  private record Block(BigInteger first, int sizeLog2) {
    BigInteger end() {
      return first.add(BigInteger.ONE.shiftLeft(sizeLog2));
    }
  }

  private static BigInteger unsigned(long value) {
    return new BigInteger(Long.toUnsignedString(value));
  }

  /** A range has at most a block of each size at either end; more come of a loop without end. */
  private static void checkCount(IotlbGather gather, int blocks) {
    assertTrue(blocks <= 2 * Long.SIZE * gather.rangeCount(), blocks + " blocks");
  }

  private static List<Block> blocks(IotlbGather gather) {
    List<Block> blocks = new ArrayList<>();
    gather.forEachBlock((iova, sizeLog2) -> {
      blocks.add(new Block(unsigned(iova), sizeLog2));
      checkCount(gather, blocks.size());
    });
    return blocks;
  }

  /** The fewest aligned blocks: each time the largest that starts here and fits. */
  private static List<Block> fewest(long first, long last) {
    List<Block> blocks = new ArrayList<>();
    BigInteger end = unsigned(last).add(BigInteger.ONE);
    for (BigInteger at = unsigned(first); at.compareTo(end) < 0; at = blocks.getLast().end()) {
      int sizeLog2 = at.signum() == 0 ? 64 : Math.min(64, at.getLowestSetBit());
      while (at.add(BigInteger.ONE.shiftLeft(sizeLog2)).compareTo(end) > 0) {
        sizeLog2--;
      }
      blocks.add(new Block(at, sizeLog2));
    }
    return blocks;
  }

  @ParameterizedTest
  @CsvSource({
    "0, fff",
    "1000, 1fff",
    "1000, 6fff",
    "3000, ffff",
    "0, ffffffffffffffff",
    "1000, ffffffffffffffff",
    "8000000000000000, ffffffffffffffff",
    "0, 7fffffffffffffff",
    "fffffffffffff000, ffffffffffffffff",
    "7ffffffffffff000, 8000000000000fff",
    "1000, fffffffffffeffff"
  })
  void blocksCoverARangeExactlyAlignedAndFew(String first, String last) {
    try (SmallTable small = new SmallTable(kind)) {
      long from = Long.parseUnsignedLong(first, 16);
      long to = Long.parseUnsignedLong(last, 16);
      small.gather.add(from, to);
      assertEquals(fewest(from, to), blocks(small.gather));
    }
  }

  @Test
  void neighboursInOrderBecomeOneRange() {
    try (SmallTable small = new SmallTable(kind)) {
      for (int i = 0; i < 100; i++) {
        small.gather.add(i * PAGE, i * PAGE + 4095);
      }
      assertEquals(1, small.gather.rangeCount());
    }
  }

  @Test
  void neighboursAtTheEndOfAllAddressesBecomeOneRangeInEitherOrder() {
    for (boolean isLastFirst : new boolean[] {false, true}) {
      try (SmallTable small = new SmallTable(kind)) {
        long last = isLastFirst ? -PAGE : -2 * PAGE;
        long other = -3 * PAGE - last;
        small.gather.add(last, last + PAGE - 1);
        small.gather.add(other, other + PAGE - 1);
        assertEquals(1, small.gather.rangeCount());
        assertEquals(-2 * PAGE, small.gather.rangeFirst(0));
        assertEquals(-1, small.gather.rangeLast(0));
      }
    }
  }

  @Test
  void theEndOfAllAddressesHasNoNeighbourAtZero() {
    try (SmallTable small = new SmallTable(kind)) {
      small.gather.add(-PAGE, -1);
      small.gather.add(0, 4095);
      assertEquals(2, small.gather.rangeCount());
    }
  }

  @Test
  void moreRangesThanItRemembersAreStillCovered() {
    for (int seed = 0; seed < 15; seed++) {
      try (SmallTable small = new SmallTable(kind)) {
        Random random = new Random(seed);
        List<long[]> added = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
          int sizeLog2 = 12 + random.nextInt(10);
          long first = random.nextLong() & -1L << sizeLog2;
          added.add(new long[] {first, first + (1L << sizeLog2) - 1});
          small.gather.add(first, added.getLast()[1]);
        }
        assertTrue(small.gather.rangeCount() <= IotlbGather.MAX_RANGES);
        for (long[] range : added) {
          assertTrue(isInOneBlock(small.gather, range[0], range[1]), "seed " + seed);
        }
      }
    }
  }

  /** One range each, apart from each other, as many as are remembered. */
  private static void fill(IotlbGather gather) {
    for (long i = 0; i < IotlbGather.MAX_RANGES; i++) {
      gather.add(i << 30, (i << 30) + 4095);
    }
    assertEquals(IotlbGather.MAX_RANGES, gather.rangeCount());
  }

  @Test
  void oneRangeTooManyWidensTheOneThatGrowsLeast() {
    try (SmallTable small = new SmallTable(kind)) {
      IotlbGather gather = small.gather;
      fill(gather);
      gather.add((3L << 30) + 0x8000, (3L << 30) + 0x8fff);
      assertEquals(IotlbGather.MAX_RANGES, gather.rangeCount());
      assertEquals(3L << 30, gather.rangeFirst(3));
      assertEquals((3L << 30) + 0x8fff, gather.rangeLast(3));
      gather.add((5L << 30) - 0x3000, (5L << 30) - 0x2001);
      assertEquals((5L << 30) - 0x3000, gather.rangeFirst(5));
      assertEquals((5L << 30) + 0xfff, gather.rangeLast(5));
      gather.add(40L << 30, (40L << 30) + 0xfff);
      int highest = IotlbGather.MAX_RANGES - 1;
      assertEquals((long) highest << 30, gather.rangeFirst(highest));
      assertEquals((40L << 30) + 0xfff, gather.rangeLast(highest));
      for (int i = 0; i < IotlbGather.MAX_RANGES; i++) {
        if (i != 3 && i != 5 && i != highest) {
          assertEquals((long) i << 30, gather.rangeFirst(i), "range " + i);
          assertEquals(((long) i << 30) + 4095, gather.rangeLast(i), "range " + i);
        }
      }
    }
  }

  @Test
  void aCoarseGatherMakesOneRangeOfTooMany() {
    try (SmallTable small = new SmallTable(kind)) {
      IotlbGather gather = small.table.newGather(true);
      for (long i = IotlbGather.MAX_RANGES; i > 0; i--) {
        gather.add(i << 30, (i << 30) + 4095);
      }
      assertEquals(IotlbGather.MAX_RANGES, gather.rangeCount());
      gather.add(7L << 30 | 0x8000, 7L << 30 | 0x8fff);
      assertEquals(1, gather.rangeCount());
      assertEquals(1L << 30, gather.rangeFirst(0));
      assertEquals(((long) IotlbGather.MAX_RANGES << 30) + 4095, gather.rangeLast(0));
      gather.add(0, 4095);
      assertEquals(2, gather.rangeCount(), "what is apart is remembered apart again");
      gather.complete();
    }
  }

  @Test
  void theRangeTooManyOfACoarseGatherIsRememberedBesideTheOneOfAllOthers() {
    try (SmallTable small = new SmallTable(kind)) {
      IotlbGather gather = small.table.newGather(true);
      fill(gather);
      gather.add(50L << 30, (50L << 30) + 4095);
      assertEquals(2, gather.rangeCount());
      assertEquals(0, gather.rangeFirst(0));
      assertEquals(((IotlbGather.MAX_RANGES - 1L) << 30) + 4095, gather.rangeLast(0));
      assertEquals(50L << 30, gather.rangeFirst(1));
      assertEquals((50L << 30) + 4095, gather.rangeLast(1));
      gather.complete();
    }
  }

  @Test
  void aRangeThatHasGrownDownwardsIsNotTakenForTheOneThatBeginsLast() {
    try (SmallTable small = new SmallTable(kind)) {
      IotlbGather gather = small.gather;
      fill(gather);
      int last = IotlbGather.MAX_RANGES - 1;
      long first = ((last - 2L) << 30) + 0x2000;
      gather.add(first, ((long) last << 30) - 1); // below the one before it as well
      assertEquals(first, gather.rangeFirst(last));
      gather.add(40L << 30, (40L << 30) + 4095);
      assertEquals((last - 1L) << 30, gather.rangeFirst(last - 1));
      assertEquals((40L << 30) + 4095, gather.rangeLast(last - 1), "what grows least");
      assertEquals(((long) last << 30) + 4095, gather.rangeLast(last));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void pagesOfAWordAreAddedAsEachRunOfThemIs(boolean isCoarse) {
    Random random = new Random(7);
    try (SmallTable small = new SmallTable(kind)) {
      IotlbGather words = small.table.newGather(isCoarse);
      IotlbGather runs = small.table.newGather(isCoarse);
      for (int i = 0; i < 3000; i++) {
        int word = i % 300 + random.nextInt(2); // once in a while back to the beginning
        long iova = kind.base() + word * (64 * PAGE);
        long pages = 0;
        for (int bits = random.nextInt(4) * 20; bits >= 0; bits--) {
          pages |= 1L << random.nextInt(64);
        }
        pages = random.nextInt(9) == 0 ? -1 : pages;
        words.addPages(iova, pages);
        addRuns(runs, iova, pages);
        assertEquals(runs.toString(), words.toString());
      }
      words.complete();
      runs.complete();
    }
  }

  private static void addRuns(IotlbGather gather, long iova, long pages) {
    for (int from = 0; from < 64; from++) {
      if ((pages >>> from & 1) != 0) {
        int to = from;
        while (to < 64 && (pages >>> to & 1) != 0) {
          to++;
        }
        gather.add(iova + from * PAGE, iova + to * PAGE - 1);
        from = to;
      }
    }
  }

  @Test
  void aGatherSaysWhatItHolds() {
    try (SmallTable small = new SmallTable(kind)) {
      IotlbGather gather = small.gather;
      assertEquals("IotlbGather[0 pages waiting]", gather.toString());
      gather.add(0x1000, 0x2fff);
      gather.add(0x8000, 0x8fff);
      assertEquals(
          "IotlbGather[0x1000..0x2fff, 0x8000..0x8fff, 0 pages waiting]", gather.toString());
      gather.complete();
      small.table.map(kind.base(), 0, PAGE, Access.READ);
      small.table.unmap(kind.base(), PAGE, gather);
      long pages = gather.tablePages();
      assertTrue(pages > 0, pages + " pages");
      assertTrue(gather.toString().endsWith(pages + " pages waiting]"), gather.toString());
      long used = small.memory.usedBytes();
      gather.complete();
      assertEquals(used - pages * PAGE, small.memory.usedBytes());
      assertEquals(0, gather.tablePages());
    }
  }

  static boolean isInOneBlock(IotlbGather gather, long first, long last) {
    boolean[] found = {false};
    int[] blocks = {0};
    gather.forEachBlock((iova, sizeLog2) -> {
      checkCount(gather, ++blocks[0]);
      long end = sizeLog2 == 64 ? -1L : iova + (1L << sizeLog2) - 1;
      found[0] |= Long.compareUnsigned(iova, first) <= 0 && Long.compareUnsigned(end, last) >= 0;
    });
    return found[0];
  }

  /** What a gather does, said in the simplest way: join the latest, else add, else the closest. */
  private static final class PlainRanges {
    private final List<long[]> ranges = new ArrayList<>();
    private long[] latest = {Long.MAX_VALUE, Long.MIN_VALUE};

    void add(long from, long to) {
      if (from > latest[1] + 1 || to + 1 < latest[0]) {
        if (ranges.size() < IotlbGather.MAX_RANGES) {
          latest = new long[] {from, to};
          ranges.add(latest);
        } else {
          latest = ranges.getFirst();
          for (long[] range : ranges) {
            latest = hull(range, from, to) < hull(latest, from, to) ? range : latest;
          }
        }
      }
      latest[0] = Math.min(latest[0], from);
      latest[1] = Math.max(latest[1], to);
    }

    private static long hull(long[] range, long from, long to) {
      return Math.max(range[1], to) - Math.min(range[0], from);
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 0", "2, 5", "3, 50", "4, 100"})
  void rangesBeyondTheMostJoinTheClosestInWhateverOrderTheyCome(int seed, int percentBackwards) {
    Random random = new Random(seed);
    try (SmallTable small = new SmallTable(kind)) {
      IotlbGather gather = small.gather;
      PlainRanges plain = new PlainRanges();
      long at = 1L << 30;
      for (int i = 0; i < 2000; i++) {
        boolean isBack = random.nextInt(100) < percentBackwards;
        at = Math.max(0, at + (isBack ? -PAGE : PAGE) * random.nextInt(100));
        long to = at + random.nextInt(1, 4) * PAGE - 1;
        gather.add(at, to);
        plain.add(at, to);
        assertEquals(plain.ranges.size(), gather.rangeCount());
        for (int range = 0; range < gather.rangeCount(); range++) {
          assertEquals(plain.ranges.get(range)[0], gather.rangeFirst(range), "range " + range);
          assertEquals(plain.ranges.get(range)[1], gather.rangeLast(range), "range " + range);
        }
      }
      gather.complete();
    }
  }

  @Test
  void completeLeavesNothingOwed() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.map(kind.base(), 0, PAGE, Access.READ);
      small.table.unmap(kind.base(), PAGE, small.gather);
      small.gather.complete();
      assertTrue(small.gather.isEmpty());
    }
  }

  @Test
  void completeGivesTheTablesBack() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.map(kind.base(), 0, PAGE, Access.READ);
      small.table.unmap(kind.base(), PAGE, small.gather);
      assertEquals(kind.config().levels() * PAGE, small.memory.usedBytes());
      small.gather.complete();
      assertEquals(PAGE, small.memory.usedBytes());
    }
  }

  @Test
  void changedPermissionsOweNoTables() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.map(kind.base(), 0, PAGE, Access.READ_WRITE);
      small.table.protect(kind.base(), PAGE, Access.READ, small.gather);
      assertFalse(small.gather.hasTables());
    }
  }

  @Test
  void permissionsThatStayAsTheyAreOweNothing() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.map(kind.base(), 0, PAGE, Access.READ_WRITE);
      small.table.protect(kind.base(), PAGE, Access.READ_WRITE, small.gather);
      assertTrue(small.gather.isEmpty());
    }
  }

  @Test
  void closingATableThatOwesAFlushComplains() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.map(kind.base(), 0, PAGE, Access.READ);
      small.table.unmap(kind.base(), PAGE, small.gather);
      IllegalStateException complaint =
          assertThrows(IllegalStateException.class, small.table::close);
      assertEquals(
          "the page table was closed while 1 gathers owed a flush: complete them first",
          complaint.getMessage());
    }
  }

  @Test
  void closingATableThatOwesAFlushGivesItsPagesBackAllTheSame() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.map(kind.base(), 0, PAGE, Access.READ);
      small.table.unmap(kind.base(), PAGE, small.gather);
      assertThrows(IllegalStateException.class, small.table::close);
      assertEquals(0, small.memory.usedBytes());
    }
  }

  @Test
  void aRangeThatIsNotThereIsRefused() {
    try (SmallTable small = new SmallTable(kind)) {
      small.gather.add(0, 4095);
      small.gather.add(0x8000, 0x8fff);
      for (int bad : new int[] {2, -1}) {
        for (Executable use :
            new Executable[] {
              () -> small.gather.rangeFirst(bad), () -> small.gather.rangeLast(bad)
            }) {
          assertEquals(
              "a range is numbered 0 to 1, range=" + bad,
              assertThrows(IndexOutOfBoundsException.class, use).getMessage());
        }
      }
    }
  }

  @Test
  void aTableThatIsMergedWaitsAndWhatWasWrittenToItStaysCounted() {
    try (SmallTable small = new SmallTable(kind)) {
      long region = 1L << 21;
      small.table.map(kind.base(), 0, 2 * region, Access.READ);
      small.table.split(kind.base(), 2 * region, 12, small.gather);
      small.gather.complete();
      long stores = small.table.statistics().entryStores();
      assertTrue(stores >= 2 * 512, stores + " stores");
      long used = small.memory.usedBytes();
      small.table.merge(kind.base(), 2 * region, 21, small.gather);
      assertEquals(2, small.gather.tablePages());
      assertTrue(small.gather.hasTables());
      assertEquals(stores + 2, small.table.statistics().entryStores(), "two leaves more");
      assertEquals(used, small.memory.usedBytes());
      long reclaims = small.pages.reclaims();
      small.gather.complete();
      assertNotEquals(reclaims, small.pages.reclaims(), "a reader in one of them must find out");
      assertEquals(used - 2 * PAGE, small.memory.usedBytes());
      assertEquals(0, small.gather.tablePages());
      assertEquals(stores + 2, small.table.statistics().entryStores());
      small.table.unmap(kind.base(), 2 * region, small.gather);
      assertTrue(small.gather.tablePages() > 0);
      long unmapped = small.table.statistics().entryStores();
      assertTrue(unmapped > stores + 2, "what emptied the tables, and what had filled them");
      small.gather.complete();
      assertEquals(unmapped, small.table.statistics().entryStores());
    }
  }

  @Test
  void aGatherSaysThatItIsSealedUntilItIsCompleted() {
    try (SmallTable small = new SmallTable(kind)) {
      assertFalse(small.gather.isSealed());
      small.gather.seal();
      assertTrue(small.gather.isSealed());
      assertEquals("IotlbGather[0 pages waiting, sealed]", small.gather.toString());
      small.gather.complete();
      assertFalse(small.gather.isSealed());
      assertEquals("IotlbGather[0 pages waiting]", small.gather.toString());
    }
  }
}
