package dev.cleave.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.rmp.RmpBitmap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** What is at fault is what is blamed. */
class LengthAndMemoryMessagesTest {
  private static final long PAGE = 4096;

  private static String message(Executable operation) {
    return String.valueOf(assertThrows(RuntimeException.class, operation).getMessage());
  }

  private static void assertBlamed(long length, Executable operation) {
    String message = message(operation);
    assertTrue(message.contains("length=" + length), message);
  }

  @Test
  void aNegativeLengthIsBlamedOnTheLength() {
    for (TableKind kind : new TableKind[] {TableKind.AMD_V1, TableKind.X86_4_LEVELS}) {
      try (SmallTable small = new SmallTable(kind)) {
        for (long iova : new long[] {0, PAGE, 1L << 30}) {
          assertBlamed(-PAGE, () -> small.table.map(iova, PAGE, -PAGE, Access.READ));
        }
        small.assertRefused(
            Reason.OUT_OF_RANGE,
            -2 * PAGE,
            "OUT_OF_RANGE: length=-8192 is negative",
            () -> small.table.map(PAGE, PAGE, -2 * PAGE, Access.READ));
      }
    }
    try (SmallTable small = new SmallTable(TableKind.X86_4_LEVELS)) {
      assertBlamed(-PAGE, () -> small.table.unmap(PAGE, -PAGE, small.gather));
    }
    assertBlamed(-PAGE, () -> new DirtyBitmap(2 * PAGE, -PAGE, 12));
    try (RmpBitmap bitmap = new RmpBitmap(1 << 21)) {
      assertBlamed(-PAGE, () -> bitmap.share(PAGE, -PAGE));
    }
  }

  @Test
  void aLengthOfHalfOfAllAddressesIsNoNegativeOne() {
    try (SmallTable small = new SmallTable(TableKind.AMD_V1)) {
      small.table.map(PAGE, 0, PAGE, Access.READ);
      assertEquals(PAGE, small.table.unmap(0, Long.MIN_VALUE, small.gather));
    }
  }

  @Test
  void outOfTableMemoryWhilePagesWaitSaysHowMany() {
    try (TableMemory memory =
            TableMemory.builder().capacityBytes(1 << 20).limitBytes(4 * PAGE).build();
        PageTable table =
            PageTable.create(memory, PageTableConfig.of(TableKind.AMD_V1.config().format()))) {
      IotlbGather gather = table.newGather();
      table.map(0, 0, PAGE, Access.READ);
      assertEquals(PAGE, table.unmap(0, PAGE, gather));
      assertEquals(2, gather.tablePages());
      Executable map = () -> table.map(1L << 30, 0, 4L << 20, Access.READ, SizeRule.atMost(12));
      String refusal = message(map);
      assertTrue(
          refusal.endsWith("; pages of this table that wait in gathers to be completed: 2"),
          refusal);
      gather.complete();
      table.map(1L << 30, 0, PAGE, Access.READ);
      Executable more = () -> table.map(1L << 31, 0, 4L << 20, Access.READ, SizeRule.atMost(12));
      assertTrue(!message(more).contains("wait"), "nothing waits any more");
    }
  }
}
