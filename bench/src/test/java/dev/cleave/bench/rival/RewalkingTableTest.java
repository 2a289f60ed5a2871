package dev.cleave.bench.rival;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.memory.TablePages;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Runs the contract with 4 KiB leaves, and looks at larger ones. */
class RewalkingTableTest extends RivalTableContract {
  private static final long SIZES_4K = 1L << 12;
  private static final long SIZES = SIZES_4K | 1L << 21 | 1L << 30;
  private static final long MIB = 1L << 20;
  private static final long PAGE = 4096;

  private final TablePages pages = TablePages.reserve(16 * MIB, 16 * MIB, 1L << 32, false);
  private final TableMemory memory = TableMemory.of(pages);

  @Override
  RivalTable create() {
    return new RewalkingTable(pages, 3, SIZES_4K);
  }

  @Override
  @AfterEach
  void unmake() {
    super.unmake();
    memory.close(); // throws if a page did not go back
  }

  @Test
  void largeLeavesAreTheEnginesOwnBitForBit() {
    long iova = 1022 * MIB;
    long length = 1026 * MIB + PAGE;
    try (RewalkingTable rival = new RewalkingTable(pages, 3, SIZES);
        PageTable table =
            PageTable.create(memory, PageTableConfig.of(AmdV1.LINUX).withPageSizes(SIZES))) {
      rival.map(iova, iova, length, Access.READ_WRITE);
      table.map(iova, iova, length, Access.READ_WRITE);
      try (PageTable seen = open(rival.root())) {
        LeafCursor expected = table.leaves();
        LeafCursor actual = seen.leaves();
        int leaves = 0;
        while (expected.advance()) {
          assertTrue(actual.advance());
          assertEquals(expected.iova(), actual.iova());
          assertEquals(expected.entry(), actual.entry());
          leaves++;
        }
        assertFalse(actual.advance());
        assertEquals(3, leaves); // 2 MiB, 1 GiB, 4 KiB
      }
      assertEquals(length, rival.unmap(iova, length));
    }
  }

  private PageTable open(long root) {
    return PageTable.open(
        TableMemory.attach(memory.view(), memory.base()), PageTableConfig.of(AmdV1.LINUX), root);
  }

  @Test
  void aLargeLeafTakesThePlaceOfAnEmptyTableOnly() {
    try (RewalkingTable rival = new RewalkingTable(pages, 3, SIZES)) {
      rival.map(2 * MIB + PAGE, 0, PAGE, Access.READ);
      assertThrows(
          IllegalStateException.class, () -> rival.map(2 * MIB, 4 * MIB, 2 * MIB, Access.READ));
      assertEquals(PAGE, rival.unmap(2 * MIB, 2 * MIB));
      long before = memory.usedBytes();
      rival.map(2 * MIB, 4 * MIB, 2 * MIB, Access.READ);
      assertEquals(4096, before - memory.usedBytes());
      assertEquals(5 * MIB, rival.translate(3 * MIB));
    }
  }
}
