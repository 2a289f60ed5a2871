package dev.cleave.engine;

import static dev.cleave.engine.fixture.SmallTable.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.oracle.SpecWalker;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** What a table looks like after plain operations: its levels, its sizes, its tables. */
@ParameterizedClass
@EnumSource(TableKind.class)
class PageTableTest {
  private static final int RW = Access.READ_WRITE;

  private final TableKind kind;
  private final long base;

  PageTableTest(TableKind kind) {
    this.kind = kind;
    this.base = kind.base();
  }

  @Test
  void noEmptyTableIsKeptButTheTop() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.map(base + PAGE, 0, PAGE, RW);
      small.table.map(base + (1L << 45), 0, 4 * PAGE, RW);
      small.table.unmap(base + PAGE, PAGE, small.gather);
      small.table.unmap(base + (1L << 45), 4 * PAGE, small.gather);
      small.gather.complete();
      assertEquals(PAGE, small.memory.usedBytes());
    }
  }

  @Test
  void clearLeavesNothingButTheTop() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.map(base, 0, 5 << 20, RW);
      small.table.map(kind.config().lastIova(base) - 0xfff, 0, PAGE, RW);
      assertEquals((5 << 20) + PAGE, small.table.clear(small.gather));
      small.gather.complete();
      assertEquals(List.of(), small.leaves());
      assertEquals(PAGE, small.memory.usedBytes());
    }
  }

  @Test
  void fitOfNothingIsNoFault() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.fit(base + (1L << 45), PAGE, SizeRule.atMost(12), small.gather);
      assertTrue(small.gather.isEmpty());
    }
  }

  @Test
  void whatOneTableWroteAnotherReadsFromAnImage() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.map(base + 0x3000, 0x5000, 3 << 20, RW);
      small.table.map(base + (1L << 40), 1L << 41, 1L << 30, Access.READ);
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

  private PageTable open(SmallTable small, TableMemory image) {
    PageTableConfig config = kind.config().withLevels(small.table.levels());
    return PageTable.open(image, config, small.table.root());
  }

  @Test
  void aTableOpenedFromAnImageRefusesChanges() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.map(base, 0, PAGE, RW);
      try (TableMemory image = TableMemory.attach(small.memory.view(), small.memory.base());
          PageTable copy = open(small, image)) {
        IotlbGather gather = copy.newGather();
        for (Runnable change :
            List.<Runnable>of(
                () -> copy.map(base + PAGE, 0, PAGE, RW),
                () -> copy.unmap(base, PAGE, gather),
                () -> copy.protect(base, PAGE, Access.READ, gather),
                () -> copy.split(base, PAGE, 12, gather),
                () -> copy.merge(base, PAGE, 12, gather),
                () -> copy.clear(gather))) {
          PageTableException refusal = assertThrows(PageTableException.class, change::run);
          assertEquals(Reason.CLOSED, refusal.reason());
        }
      }
    }
  }

  @Test
  void anImageThatDoesNotHoldTheTopIsRefused() {
    try (SmallTable small = new SmallTable(kind);
        TableMemory image = TableMemory.attach(small.memory.view(), small.memory.base())) {
      assertThrows(
          IllegalArgumentException.class, () -> PageTable.open(image, kind.config(), 0x1000));
      assertThrows(
          IllegalArgumentException.class,
          () -> PageTable.open(small.memory, kind.config(), small.table.root()));
    }
  }

  @Test
  void closingTwiceDoesNothing() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.close();
      small.table.close();
      assertEquals(0, small.memory.usedBytes());
    }
  }
}
