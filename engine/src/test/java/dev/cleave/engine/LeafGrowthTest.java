package dev.cleave.engine;

import static dev.cleave.engine.fixture.SmallTable.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.format.X86;
import dev.cleave.engine.oracle.SpecWalker.Leaf;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How far leaves grow around a range, against brute force on a list of leaves. */
class LeafGrowthTest {
  private static final int REGION_LOG2 = 21;
  private static final long REGION = 1L << REGION_LOG2;
  private static final long PADDR = 1L << 40;
  private static final long LEAVES_OF_2M_AND_1G = 1L << 12 | REGION | 1L << 30;
  private static final long LEAVES_OF_2M_TO_32M = 1L << 12 | 31L << REGION_LOG2;

  /** A table of random contents with a random rule. */
  private static final class Guest implements AutoCloseable {
    private final SmallTable table;
    private final int regions;
    private final RmpBitmap bitmap;
    private final long sizes;
    private final Random random;

    Guest(EntryFormat format, int levels, long sizes, int regions, long seed) {
      table = new SmallTable(PageTableConfig.of(format).withLevels(levels).withPageSizes(sizes));
      this.regions = regions;
      this.sizes = LeafSizes.inTable(levels, sizes);
      random = new Random(seed);
      bitmap = new RmpBitmap(regions * REGION);
      bitmap.setLarge(0, regions * REGION, true);
      boolean isEven = random.nextBoolean();
      int smallOneIn = regions > 64 ? 32 : 4;
      for (int region = 0; region < regions; region++) {
        fill(region, isEven ? 4 * regions : 8, smallOneIn);
      }
    }

    /** Mostly what goes on with the region before. */
    private void fill(int region, int rarity, int smallOneIn) {
      long iova = region * REGION;
      int kind = random.nextInt(rarity);
      long paddr = PADDR + iova + (kind == 0 ? 1L << 41 : 0);
      int access = kind == 1 ? Access.READ : Access.READ_WRITE;
      if (kind == 2) {
        table.table.map(iova, paddr, REGION / 2, access);
      } else {
        int largestLog2 = random.nextInt(smallOneIn) == 0 ? 12 : REGION_LOG2;
        table.table.map(iova, paddr, REGION, access, SizeRule.atMost(largestLog2));
      }
      if (kind == 3) {
        bitmap.share(iova, PAGE);
      }
    }

    List<Leaf> leaves() {
      return table.leaves();
    }

    /** Whether all of a block leads to one piece of memory and may have one leaf. */
    private boolean canBeOne(List<Leaf> leaves, long first, int sizeLog2) {
      long last = first + (1L << sizeLog2) - 1;
      for (long at = first; at < last; at += REGION) {
        if (at >= regions * REGION || !bitmap.allowsLarge(at)) {
          return false;
        }
      }
      long next = first;
      long delta = 0;
      int permissions = 0;
      for (Leaf leaf : leaves) {
        if (leaf.last() < first || leaf.iova() > last) {
          continue;
        }
        if (next == first) {
          delta = leaf.paddr() - leaf.iova();
          permissions = leaf.permissions();
        }
        if (leaf.iova() > next
            || leaf.paddr() - leaf.iova() != delta
            || leaf.permissions() != permissions) {
          return false;
        }
        next = leaf.last() + 1;
      }
      return next > last && (delta & (1L << sizeLog2) - 1) == 0;
    }

    /** Puts one leaf where a block has smaller ones. */
    private static void makeOne(List<Leaf> leaves, long first, int sizeLog2) {
      long last = first + (1L << sizeLog2) - 1;
      int at = 0;
      while (leaves.get(at).last() < first) {
        at++;
      }
      Leaf old = leaves.get(at);
      if (old.sizeLog2() < sizeLog2) {
        leaves.removeIf(leaf -> leaf.iova() >= first && leaf.last() <= last);
        leaves.add(at, new Leaf(first, old.paddr(), sizeLog2, old.permissions(), 0, old.level()));
      }
    }

    void expect(List<Leaf> leaves, long first, long last, long areaFirst, long areaLast) {
      long from = Math.max(first & -REGION, areaFirst);
      long to = Math.min(last | REGION - 1, areaLast);
      for (long region = from & -REGION; region <= to; region += REGION) {
        for (int log2 = 40; log2 >= REGION_LOG2; log2--) {
          long block = region & -1L << log2;
          if ((sizes >>> log2 & 1) != 0
              && block >= from
              && block + (1L << log2) - 1 <= to
              && canBeOne(leaves, block, log2)) {
            makeOne(leaves, block, log2);
            break;
          }
        }
      }
      for (long end : new long[] {first, last}) {
        for (int log2 = REGION_LOG2 + 1; log2 <= 40; log2++) {
          long block = end & -1L << log2;
          if ((sizes >>> log2 & 1) == 0) {
            continue;
          }
          if (block < areaFirst
              || block + (1L << log2) - 1 > areaLast
              || !canBeOne(leaves, block, log2)) {
            break;
          }
          makeOne(leaves, block, log2);
        }
      }
    }

    /** Merges around a random range of a random area; returns whether any leaf of a size is new. */
    boolean mergeSomewhere(int sizeLog2) {
      long pages = regions * 512L;
      long first = random.nextLong(pages) * PAGE;
      long most = Math.min(pages - first / PAGE, random.nextInt(3) == 0 ? 2048 : 300);
      long last = first + (1 + random.nextLong(most)) * PAGE - 1;
      boolean isNarrow = random.nextInt(3) == 0;
      long areaFirst = isNarrow ? first - random.nextLong(first / PAGE + 1) * PAGE : 0;
      long areaLast =
          isNarrow ? last + random.nextLong(pages - last / PAGE) * PAGE : regions * REGION * 4 - 1;
      List<Leaf> expected = new ArrayList<>(leaves());
      final int before = count(expected, sizeLog2);
      expect(expected, first, last, areaFirst, areaLast);
      table.table.mergeAround(
          first, last - first + 1, areaFirst, areaLast, bitmap.rule(), table.gather);
      List<Leaf> actual = leaves();
      assertSame(
          expected, actual, "0x%x-0x%x in 0x%x-0x%x".formatted(first, last, areaFirst, areaLast));
      if (random.nextBoolean()) {
        table.gather.complete();
      }
      return count(actual, sizeLog2) > before;
    }

    private static int count(List<Leaf> leaves, int sizeLog2) {
      return (int) leaves.stream().filter(leaf -> leaf.sizeLog2() == sizeLog2).count();
    }

    /** Names the first difference: there may be a hundred thousand leaves. */
    private static void assertSame(List<Leaf> expected, List<Leaf> actual, String what) {
      for (int i = 0; i < Math.min(expected.size(), actual.size()); i++) {
        assertEquals(plain(expected.get(i)), plain(actual.get(i)), what);
      }
      assertEquals(expected.size(), actual.size(), what);
    }

    private static Leaf plain(Leaf leaf) {
      return new Leaf(leaf.iova(), leaf.paddr(), leaf.sizeLog2(), leaf.permissions(), 0, 0);
    }

    @Override
    public void close() {
      table.close();
      bitmap.close();
    }
  }

  @Test
  void leavesInsideATableGrowAsFarAsTheyCan() {
    int grown = 0;
    for (int seed = 0; seed < 300; seed++) {
      try (Guest guest = new Guest(AmdV1.LINUX, 3, LEAVES_OF_2M_TO_32M, 24, seed)) {
        for (int i = 0; i < 6; i++) {
          grown += guest.mergeSomewhere(25) ? 1 : 0;
        }
      }
    }
    assertTrue(grown > 20, "leaves of 32 MiB came about " + grown + " times");
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4})
  void leavesGrowOverTablesAsFarAsTheyCan(int levels) {
    int grown = 0;
    for (int seed = 0; seed < 24; seed++) {
      boolean isV1 = levels < 4 || seed % 2 == 0;
      int regions = levels == 2 ? 512 : 1030;
      try (Guest guest =
          new Guest(isV1 ? AmdV1.LINUX : X86.LINUX, levels, LEAVES_OF_2M_AND_1G, regions, seed)) {
        for (int i = 0; i < 3; i++) {
          grown += guest.mergeSomewhere(30) ? 1 : 0;
        }
      }
    }
    assertEquals(levels > 2, grown > 3, () -> "leaves of 1 GiB with " + levels + " levels");
  }

  /** There is no entry for it: the top is the table of its parts. */
  @Test
  void aTopThatIsTooLowHasNoSuchLeaf() {
    PageTableConfig config =
        PageTableConfig.of(AmdV1.LINUX).withLevels(2).withPageSizes(LEAVES_OF_2M_AND_1G);
    try (SmallTable small = new SmallTable(config)) {
      small.table.map(0, PADDR, 1L << 30, Access.READ_WRITE, SizeRule.atMost(REGION_LOG2));
      TableStatistics before = small.table.statistics();
      assertEquals(1L << 30, small.table.merge(0, 1L << 30, 30, small.gather));
      small.table.mergeAround(0, PAGE, 0, -1L, SizeRule.atMost(30), small.gather);
      assertEquals(before, small.table.statistics(), "nothing was stored");
      assertEquals(512, small.leaves().size());
      assertTrue(small.gather.isEmpty());
    }
  }

  /** What is not a part of the leaf is left alone, though the rule would have it merged. */
  @Test
  void whatStaysBesideIsNotMerged() {
    PageTableConfig config =
        PageTableConfig.of(AmdV1.LINUX).withLevels(3).withPageSizes(LEAVES_OF_2M_AND_1G);
    try (SmallTable small = new SmallTable(config)) {
      small.table.map(0, PADDR, 3 * REGION, Access.READ_WRITE, SizeRule.atMost(12));
      small.table.mergeAround(REGION, PAGE, 0, -1L, SizeRule.atMost(30), small.gather);
      assertEquals(REGION_LOG2, small.sizeAt(REGION));
      assertEquals(12, small.sizeAt(0));
      assertEquals(12, small.sizeAt(2 * REGION));
      assertFalse(small.gather.isEmpty());
    }
  }

  @Test
  void noLeafIsLargerThanTheRuleAllows() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(0, PADDR, 2 * REGION, Access.READ_WRITE, SizeRule.atMost(12));
      small.table.mergeAround(0, PAGE, 0, -1L, SizeRule.atMost(REGION_LOG2), small.gather);
      assertEquals(REGION_LOG2, small.sizeAt(0));
    }
  }

  /** Of leaf tables that could not become one leaf, none stays locked. */
  @ParameterizedTest
  @CsvSource({"0x200000, 0, 0", "0, 0, 0x8000000000", "0, 0x8000000000, 0x8000000000"})
  @Timeout(value = 20, threadMode = ThreadMode.SEPARATE_THREAD)
  void whatDoesNotBecomeOneIsFreeAgain(String all, String second, String third) {
    PageTableConfig config =
        PageTableConfig.of(AmdV1.LINUX).withLevels(3).withPageSizes(1L << 12 | 1L << 23);
    try (SmallTable small = new SmallTable(config)) {
      long[] away = {0, Long.decode(second), Long.decode(third), 0};
      for (int i = 0; i < 4; i++) {
        long iova = i * REGION;
        long paddr = PADDR + Long.decode(all) + away[i] + iova;
        small.table.map(iova, paddr, REGION, Access.READ_WRITE);
      }
      small.table.mergeAround(0, PAGE, 0, -1L, SizeRule.atMost(23), small.gather);
      assertEquals(4 * REGION, small.table.unmap(0, 4 * REGION, small.gather));
    }
  }

  @ParameterizedTest
  @CsvSource({"0x3000, 0xffffff", "0x0, 0x2fff"})
  void anAreaHasTheWholeRange(String areaFirst, String areaLast) {
    try (SmallTable small = new SmallTable()) {
      small.table.map(0, PADDR, REGION, Access.READ_WRITE, SizeRule.atMost(12));
      small.assertRefused(
          PageTableException.Reason.OUT_OF_RANGE,
          0x2000,
          "must lie in its area of %s to %s, iova=0x2000, last=0x3fff"
              .formatted(areaFirst, areaLast),
          () ->
              small.table.mergeAround(
                  0x2000,
                  2 * PAGE,
                  Long.decode(areaFirst),
                  Long.decode(areaLast),
                  SizeRule.atMost(30),
                  small.gather));
    }
  }
}
