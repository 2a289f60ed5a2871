package dev.cleave.engine;

import static dev.cleave.engine.SmallTable.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.memory.TableMemory;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a table looks like after plain operations: its levels, its sizes, its tables. */
class PageTableTest {
  private static final int RW = Access.READ_WRITE;
  private static final PageTableConfig LINUX = PageTableConfig.of(AmdV1.LINUX);

  @ParameterizedTest
  @CsvSource({
    "0, 3",
    "7ffffff000, 3",
    "8000000000, 4",
    "fffffffff000, 4",
    "1000000000000, 5",
    "1fffffffffff000, 5",
    "200000000000000, 6",
    "fffffffffffff000, 6"
  })
  void theTopGrowsAsFarAsAnAddressNeeds(String iova, int levels) {
    try (SmallTable small = new SmallTable()) {
      small.table.map(0x1000, 0x5000, PAGE, RW);
      long at = Long.parseUnsignedLong(iova, 16);
      small.table.map(at, 0x7000, PAGE, RW);
      assertEquals(levels, small.table.levels());
      assertEquals(0x7000, small.table.translate(at));
      assertEquals(0x5000, small.table.translate(0x1000));
    }
  }

  @Test
  void anEmptyTopGrowsWithoutAnotherPage() {
    try (SmallTable small = new SmallTable(LINUX.withLevels(1))) {
      long root = small.table.root();
      small.table.map(-(1L << 51), 0, 1L << 51, RW); // at level 5 below the top
      assertEquals(6, small.table.levels());
      assertEquals(root, small.table.root());
      assertEquals(2 * PAGE, small.memory.usedBytes());
    }
  }

  @Test
  void aNewTopPointsAtTheOldOneFromItsFirstEntry() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(0, 0, PAGE, RW);
      long root = small.table.root();
      small.table.map(1L << 39, 0, PAGE, RW);
      assertEquals(0x6000000000000601L | root, small.memory.load(small.table.root()));
    }
  }

  @Test
  void theTopDoesNotShrink() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(1L << 39, 0, PAGE, RW);
      small.table.unmap(1L << 39, PAGE, small.gather);
      assertEquals(4, small.table.levels());
    }
  }

  @Test
  void noEmptyTableIsKeptButTheTop() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(PAGE, 0, PAGE, RW);
      small.table.map(1L << 45, 0, 4 * PAGE, RW);
      small.table.unmap(PAGE, PAGE, small.gather);
      small.table.unmap(1L << 45, 4 * PAGE, small.gather);
      small.gather.complete();
      assertEquals(PAGE, small.memory.usedBytes());
    }
  }

  @Test
  void leavesAreNoLargerThanTheLimit() {
    try (SmallTable small = new SmallTable(LINUX.withLargestLeaf(16))) {
      small.table.map(0, 0, 1 << 17, RW);
      assertEquals(List.of(16, 16), small.sizes());
    }
  }

  @Test
  void onlyPageSizesOfTheTableAreUsed() {
    try (SmallTable small = new SmallTable(LINUX.withPageSizes(1L << 14 | 1L << 21))) {
      small.table.map((2 << 20) - (1 << 14), (2 << 20) - (1 << 14), (2 << 20) + (1 << 15), RW);
      assertEquals(List.of(14, 21, 14), small.sizes());
    }
  }

  @Test
  void scatteredPagesThatFollowEachOtherShareALeaf() {
    try (SmallTable small = new SmallTable()) {
      small.table.mapScattered(0x4000, new long[] {9, 4, 5, 6, 7, 20, 22, 23}, 1, 7, RW);
      assertEquals(List.of(14, 12, 12, 12), small.sizes());
      assertEquals(20 * PAGE, small.table.translate(0x8000));
      assertEquals(22 * PAGE, small.table.translate(0x9000));
      assertEquals(23 * PAGE, small.table.translate(0xa000));
    }
  }

  @Test
  void clearLeavesNothingButTheTop() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(0, 0, 5 << 20, RW);
      small.table.map(-PAGE, 0, PAGE, RW);
      assertEquals((5 << 20) + PAGE, small.table.clear(small.gather));
      small.gather.complete();
      assertEquals(List.of(), small.leaves());
      assertEquals(PAGE, small.memory.usedBytes());
    }
  }

  @Test
  void fitOfNothingIsNoFault() {
    try (SmallTable small = new SmallTable()) {
      small.table.fit(1L << 60, PAGE, SizeRule.atMost(12), small.gather);
      assertTrue(small.gather.isEmpty());
    }
  }

  @Test
  void whatOneTableWroteAnotherReadsFromAnImage() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(0x3000, 0x5000, 3 << 20, RW);
      small.table.map(1L << 40, 1L << 41, 1L << 30, Access.READ);
      try (TableMemory image = TableMemory.attach(small.memory.view(), small.memory.base());
          PageTable copy = open(small, image)) {
        LeafCursor leaves = copy.leaves();
        for (SpecWalker.Leaf leaf : small.leaves()) {
          assertTrue(leaves.advance());
          assertEquals(leaf.iova(), leaves.iova());
          assertEquals(leaf.paddr(), leaves.paddr());
          assertEquals(leaf.entry(), leaves.entry());
        }
        assertEquals(false, leaves.advance());
      }
    }
  }

  private static PageTable open(SmallTable small, TableMemory image) {
    return PageTable.open(image, LINUX.withLevels(small.table.levels()), small.table.root());
  }

  @Test
  void aTableOpenedFromAnImageRefusesChanges() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(0, 0, PAGE, RW);
      try (TableMemory image = TableMemory.attach(small.memory.view(), small.memory.base());
          PageTable copy = open(small, image)) {
        IotlbGather gather = copy.newGather();
        for (Runnable change :
            List.<Runnable>of(
                () -> copy.map(PAGE, 0, PAGE, RW),
                () -> copy.unmap(0, PAGE, gather),
                () -> copy.protect(0, PAGE, Access.READ, gather),
                () -> copy.split(0, PAGE, 12, gather),
                () -> copy.merge(0, PAGE, 12, gather),
                () -> copy.clear(gather))) {
          PageTableException refusal = assertThrows(PageTableException.class, change::run);
          assertEquals(Reason.CLOSED, refusal.reason());
        }
      }
    }
  }

  @Test
  void anImageThatDoesNotHoldTheTopIsRefused() {
    try (SmallTable small = new SmallTable();
        TableMemory image = TableMemory.attach(small.memory.view(), small.memory.base())) {
      assertThrows(IllegalArgumentException.class, () -> PageTable.open(image, LINUX, 0x1000));
      assertThrows(
          IllegalArgumentException.class,
          () -> PageTable.open(small.memory, LINUX, small.table.root()));
    }
  }

  @Test
  void closingTwiceDoesNothing() {
    try (SmallTable small = new SmallTable()) {
      small.table.close();
      small.table.close();
      assertEquals(0, small.memory.usedBytes());
    }
  }
}
