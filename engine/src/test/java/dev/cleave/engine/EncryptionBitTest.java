package dev.cleave.engine;

import static dev.cleave.engine.SmallTable.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** The C-bit of a mapping outlives whatever is done to its leaves, and never leaks into a paddr. */
class EncryptionBitTest {
  private static final int BIT = 47;
  private static final long IOVA = 0x4000_0000;
  private static final long PADDR = 0x8000_0000L;
  private static final long BYTES = 4 << 20;

  private static void assertKept(int access, Consumer<SmallTable> operation) {
    PageTableConfig config = PageTableConfig.of(AmdV1.LINUX.withEncryptionBit(BIT));
    try (SmallTable small = new SmallTable(config)) {
      small.table.map(IOVA, PADDR, BYTES, Access.READ_WRITE | access);
      operation.accept(small);
      LeafCursor leaf = small.table.leaves();
      long seen = 0;
      while (leaf.advance()) {
        seen++;
        assertEquals(access == 0 ? 0 : 1, leaf.entry() >>> BIT & 1);
        assertEquals(PADDR - IOVA, leaf.paddr() - leaf.iova());
      }
      assertTrue(seen > 0, "something is mapped");
    }
  }

  private static void split(SmallTable small) {
    small.table.split(IOVA + PAGE, BYTES / 2, 12, small.gather);
  }

  @Test
  void mapSetsIt() {
    assertKept(Access.ENCRYPTED, small -> {});
  }

  @Test
  void mapLeavesItClearWhereItWasNotAskedFor() {
    assertKept(0, small -> {});
  }

  @Test
  void splitKeepsIt() {
    assertKept(Access.ENCRYPTED, EncryptionBitTest::split);
  }

  @Test
  void splitKeepsItClear() {
    assertKept(0, EncryptionBitTest::split);
  }

  @Test
  void mergeKeepsIt() {
    assertKept(
        Access.ENCRYPTED,
        small -> {
          split(small);
          small.table.merge(IOVA, BYTES, 22, small.gather);
          assertEquals(22, small.sizeAt(IOVA));
        });
  }

  @Test
  void protectKeepsIt() {
    assertKept(
        Access.ENCRYPTED,
        small -> small.table.protect(IOVA + PAGE, 3 * PAGE, Access.READ, small.gather));
  }

  @Test
  void protectDoesNotSetIt() {
    assertKept(
        0,
        small ->
            small.table.protect(
                IOVA + PAGE, 3 * PAGE, Access.READ | Access.ENCRYPTED, small.gather));
  }

  @Test
  void unmapOfAPartKeepsItInTheRest() {
    assertKept(Access.ENCRYPTED, small -> small.table.unmap(IOVA + PAGE, PAGE, small.gather));
  }

  @Test
  void mergeDoesNotJoinEncryptedWithPlain() {
    PageTableConfig config = PageTableConfig.of(AmdV1.LINUX.withEncryptionBit(BIT));
    try (SmallTable small = new SmallTable(config)) {
      small.table.map(IOVA, PADDR, 2 << 20, Access.READ_WRITE | Access.ENCRYPTED);
      small.table.map(IOVA + (2 << 20), PADDR + (2 << 20), 2 << 20, Access.READ_WRITE);
      small.table.merge(IOVA, BYTES, 22, small.gather);
      assertEquals(21, small.sizeAt(IOVA));
    }
  }
}
