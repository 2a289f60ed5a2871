package dev.cleave.engine;

import static dev.cleave.engine.fixture.SmallTable.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.oracle.StatusHardware;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Faults of earlier designs, each with the smallest case that showed it. */
@ParameterizedClass
@EnumSource(TableKind.class)
class KnownFaultsTest {
  private static final long K64 = 0x10000;
  private static final long PADDR = 0x8000_0000L;

  private final TableKind kind;
  private final long iova;

  KnownFaultsTest(TableKind kind) {
    this.kind = kind;
    this.iova = kind.base() + 0x4000_0000;
  }

  @Test
  void aMapWhoseOutputPassesTheLastAddressIsRefused() {
    try (SmallTable small = new SmallTable(kind)) {
      long paddr = (1L << 52) - PAGE;
      small.assertRefused(
          Reason.OUT_OF_RANGE,
          paddr,
          "end at or below 2^52, paddr=0xffffffffff000, length=0x2000",
          () -> small.table.map(iova, paddr, 2 * PAGE, Access.READ_WRITE));
    }
  }

  @Test
  void aLengthThatIsNoMultipleOfTheSmallestPageIsRefused() {
    try (SmallTable small = new SmallTable(kind)) {
      small.assertRefused(
          Reason.MISALIGNED,
          5000,
          "length must be a multiple of 4096, length=0x1388",
          () -> small.table.map(iova, PADDR, 5000, Access.READ_WRITE));
    }
  }

  @Test
  void anUnmapOfNothingGathersNothing() {
    try (SmallTable small = new SmallTable(kind)) {
      small.assertRefused(
          Reason.NOT_MAPPED,
          iova,
          "iova=0x" + Long.toHexString(iova),
          () -> small.table.unmap(iova, K64, small.gather));
      assertTrue(small.gather.isEmpty(), "nothing is owed");
    }
  }

  @Test
  void theDirtyBitOutlivesALeafThatBecomesATable() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.map(iova, PADDR, 2 << 20, Access.READ_WRITE);
      StatusHardware hardware = new StatusHardware(small.pages, small.table);
      hardware.set(iova, StatusHardware.DIRTY);
      small.table.split(iova, 2 << 20, 12, small.gather);
      for (long offset = 0; offset < 2 << 20; offset += PAGE) {
        assertEquals(StatusHardware.DIRTY, hardware.status(iova + offset));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void aMergeKeepsApartTheDirtyBitsOfPiecesThatTouchButDoNotContinue(int dirtyPiece) {
    long gib = 1L << 30;
    try (SmallTable small = new SmallTable(kind)) {
      // The first can become leaves of 2 MiB at most, the second one of 1 GiB.
      small.table.map(iova, PADDR + (2 << 20), gib, Access.READ_WRITE, SizeRule.atMost(12));
      small.table.map(iova + gib, PADDR + 8 * gib, gib, Access.READ_WRITE, SizeRule.atMost(12));
      StatusHardware hardware = new StatusHardware(small.pages, small.table);
      long lastOfPiece = iova + (dirtyPiece + 1) * gib - PAGE;
      hardware.set(lastOfPiece, StatusHardware.DIRTY);
      small.table.merge(iova, 2 * gib, 30, small.gather);
      assertEquals(30, small.sizeAt(iova + gib));
      assertEquals(dirtyPiece == 0 ? StatusHardware.DIRTY : 0, hardware.status(iova + gib - PAGE));
      assertEquals(dirtyPiece == 1 ? StatusHardware.DIRTY : 0, hardware.status(iova + gib));
    }
  }

  @Test
  void aSmallUnmapInALargeLeafFlushesTheLargeLeaf() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.map(iova, PADDR, 1 << 30, Access.READ_WRITE);
      small.table.unmap(iova + 5 * PAGE, PAGE, small.gather);
      int[] largest = {0};
      small.gather.forEachBlock((_, sizeLog2) -> largest[0] = Math.max(largest[0], sizeLog2));
      assertEquals(30, largest[0]);
    }
  }
}
