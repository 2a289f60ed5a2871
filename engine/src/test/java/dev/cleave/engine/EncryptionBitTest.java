package dev.cleave.engine;

import static dev.cleave.engine.SmallTable.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.format.Access;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** The C-bit of a mapping outlives whatever is done to its leaves, and never leaks into a paddr. */
@ParameterizedClass
@EnumSource(TableKind.class)
class EncryptionBitTest {
  private static final int BIT = 47;
  private static final long PADDR = 0x8000_0000L;
  private static final long BYTES = 4 << 20;

  private final TableKind kind;
  private final long iova;

  EncryptionBitTest(TableKind kind) {
    this.kind = kind;
    this.iova = kind.base() + 0x4000_0000;
  }

  private SmallTable encrypting() {
    return new SmallTable(kind.withEncryptionBit(BIT));
  }

  private void assertKept(int access, Consumer<SmallTable> operation) {
    try (SmallTable small = encrypting()) {
      small.table.map(iova, PADDR, BYTES, Access.READ_WRITE | access);
      operation.accept(small);
      LeafCursor leaf = small.table.leaves();
      long seen = 0;
      while (leaf.advance()) {
        seen++;
        assertEquals(access == 0 ? 0 : 1, leaf.entry() >>> BIT & 1);
        assertEquals(PADDR - iova, leaf.paddr() - leaf.iova());
      }
      assertTrue(seen > 0, "something is mapped");
    }
  }

  private void split(SmallTable small) {
    small.table.split(iova + PAGE, BYTES / 2, 12, small.gather);
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
    assertKept(Access.ENCRYPTED, this::split);
  }

  @Test
  void splitKeepsItClear() {
    assertKept(0, this::split);
  }

  @Test
  void mergeKeepsIt() {
    assertKept(
        Access.ENCRYPTED,
        small -> {
          split(small);
          small.table.merge(iova, BYTES, 21, small.gather);
          assertEquals(21, small.sizeAt(iova));
        });
  }

  @Test
  void protectKeepsIt() {
    assertKept(
        Access.ENCRYPTED,
        small -> small.table.protect(iova + PAGE, 3 * PAGE, Access.READ, small.gather));
  }

  @Test
  void protectDoesNotSetIt() {
    assertKept(
        0,
        small ->
            small.table.protect(
                iova + PAGE, 3 * PAGE, Access.READ | Access.ENCRYPTED, small.gather));
  }

  @Test
  void unmapOfAPartKeepsItInTheRest() {
    assertKept(Access.ENCRYPTED, small -> small.table.unmap(iova + PAGE, PAGE, small.gather));
  }

  @Test
  void mergeDoesNotJoinEncryptedWithPlain() {
    try (SmallTable small = encrypting()) {
      small.table.map(iova, PADDR, 1 << 20, Access.READ_WRITE | Access.ENCRYPTED);
      small.table.map(iova + (1 << 20), PADDR + (1 << 20), 1 << 20, Access.READ_WRITE);
      small.table.merge(iova, 2 << 20, 21, small.gather);
      assertTrue(small.sizeAt(iova) < 21, "half of the region is plain");
    }
  }
}
