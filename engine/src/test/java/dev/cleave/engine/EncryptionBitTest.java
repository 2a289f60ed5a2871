package dev.cleave.engine;

import static dev.cleave.engine.fixture.SmallTable.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.oracle.StatusHardware;
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

  /** For operations that are told nothing of the C-bit: it stays set, and stays clear. */
  private void assertKeptEitherWay(Consumer<SmallTable> operation) {
    assertKept(Access.ENCRYPTED, operation);
    assertKept(0, operation);
  }

  @Test
  void fitKeepsItThereAndBack() {
    assertKeptEitherWay(small -> {
      small.table.fit(iova + PAGE, 3 * PAGE, SizeRule.atMost(12), small.gather);
      assertEquals(12, small.sizeAt(iova + PAGE));
      small.table.fit(iova, BYTES, SizeRule.atMost(21), small.gather);
      assertEquals(21, small.sizeAt(iova));
    });
  }

  @Test
  void mergeOfTwoLevelsKeepsIt() {
    try (SmallTable small = encrypting()) {
      long bytes = 1L << 30;
      small.table.map(iova, 1L << 31, bytes, Access.READ_WRITE | Access.ENCRYPTED);
      small.table.split(iova + PAGE, PAGE, 12, small.gather);
      small.table.merge(iova, bytes, 30, small.gather);
      assertEquals(30, small.sizeAt(iova));
      LeafCursor leaf = small.table.leaves();
      assertTrue(leaf.advance(), "mapped");
      assertEquals(1, leaf.entry() >>> BIT & 1);
    }
  }

  @Test
  void mapBesideItLeavesItAlone() {
    assertKeptEitherWay(small -> {
      small.table.map(iova + BYTES, PADDR + BYTES, PAGE, Access.READ);
      small.table.unmap(iova + BYTES, PAGE, small.gather);
    });
  }

  @Test
  void mapOfSinglePagesSetsIt() {
    try (SmallTable small = encrypting()) {
      small.table.mapScattered(
          iova, new long[] {7, 9, 3}, 0, 3, Access.READ_WRITE | Access.ENCRYPTED);
      LeafCursor leaf = small.table.leaves();
      while (leaf.advance()) {
        assertEquals(1, leaf.entry() >>> BIT & 1);
      }
      assertEquals(9 * PAGE, small.table.translate(iova + PAGE));
    }
  }

  @Test
  void settingReadingAndClearingDirtyBitsKeepsIt() {
    assertKeptEitherWay(small -> {
      DirtyBitmap bitmap = new DirtyBitmap(iova, BYTES, 12);
      small.table.setDirty(iova, BYTES);
      assertEquals(BYTES, small.table.readDirty(iova, BYTES, bitmap));
      long cut = small.table.readAndClearDirty(iova + PAGE, 5 * PAGE, bitmap, small.gather);
      assertEquals(5 * PAGE, cut);
      assertEquals(
          BYTES - 5 * PAGE, small.table.readAndClearDirty(iova, BYTES, bitmap, small.gather));
    });
  }

  @Test
  void dirtyTrackingKeepsItThereAndBack() {
    assertKeptEitherWay(small -> {
      small.table.startDirtyTracking(iova, BYTES, 12, small.gather);
      assertEquals(12, small.sizeAt(iova));
      small.table.stopDirtyTracking(iova, BYTES, SizeRule.atMost(21), small.gather);
      assertEquals(21, small.sizeAt(iova));
    });
  }

  @Test
  void lateStatusBitsKeepIt() {
    assertKeptEitherWay(small -> {
      split(small);
      long remembered = pageEntry(small, iova + PAGE);
      small.table.merge(iova, BYTES, 21, small.gather);
      small.pages.or(remembered, StatusHardware.DIRTY);
      small.gather.complete();
      DirtyBitmap bitmap = new DirtyBitmap(iova, BYTES, 12);
      assertEquals(2 << 20, small.table.readDirty(iova, BYTES, bitmap));
    });
  }

  /** Physical address of the entry of a 4 KiB leaf. */
  private static long pageEntry(SmallTable small, long iova) {
    long in = small.table.root();
    for (int level = small.table.levels(); ; level--) {
      long at = in + 8 * (iova >>> (12 + 9 * (level - 1)) & 511);
      if (level == 1) {
        return at;
      }
      in = small.pages.loadAcquire(at) & 0x000F_FFFF_FFFF_F000L & ~(1L << BIT);
    }
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
