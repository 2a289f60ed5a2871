package dev.cleave.engine;

import static dev.cleave.engine.SmallTable.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Faults of earlier designs, each with the smallest case that showed it. */
class KnownFaultsTest {
  private static final long K64 = 0x10000;
  private static final long IOVA = 0x4000_0000;
  private static final long PADDR = 0x8000_0000L;

  @ParameterizedTest
  @ValueSource(ints = {0, 15})
  void aDirtyLeafOf64KiBIsDirtyInAllItsSixteenPages(int replica) {
    try (SmallTable small = new SmallTable()) {
      small.table.map(IOVA, PADDR, K64, Access.READ_WRITE);
      StatusHardware hardware = new StatusHardware(small.memory, small.table);
      hardware.setInReplica(IOVA, replica, StatusHardware.DIRTY);
      small.table.split(IOVA, K64, 12, small.gather);
      for (int page = 0; page < 16; page++) {
        assertEquals(StatusHardware.DIRTY, hardware.status(IOVA + page * PAGE), "page " + page);
      }
    }
  }

  @Test
  void theRangeOfALeafOf64KiBEndsAtItsLastByte() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(IOVA, PADDR, K64, Access.READ_WRITE);
      small.table.protect(IOVA, K64, Access.READ, small.gather);
      assertEquals(IOVA + 0xffff, small.gather.rangeLast(0));
    }
  }

  @Test
  void aMapWhoseOutputPassesTheLastAddressIsRefused() {
    try (SmallTable small = new SmallTable()) {
      long paddr = (1L << 52) - PAGE;
      small.assertRefused(
          Reason.OUT_OF_RANGE,
          paddr,
          "end at or below 2^52, paddr=0xffffffffff000, length=0x2000",
          () -> small.table.map(IOVA, paddr, 2 * PAGE, Access.READ_WRITE));
    }
  }

  @Test
  void aLengthThatIsNoMultipleOfTheSmallestPageIsRefused() {
    try (SmallTable small = new SmallTable()) {
      small.assertRefused(
          Reason.MISALIGNED,
          5000,
          "length must be a multiple of 4096, length=0x1388",
          () -> small.table.map(IOVA, PADDR, 5000, Access.READ_WRITE));
    }
  }

  @Test
  void aLengthThatIsNoMultipleOfALargerSmallestPageIsRefused() {
    PageTableConfig config = PageTableConfig.of(AmdV1.LINUX).withPageSizes(1L << 16 | 1L << 21);
    try (SmallTable small = new SmallTable(config)) {
      small.assertRefused(
          Reason.MISALIGNED,
          K64 + PAGE,
          "length must be a multiple of 65536, length=0x11000",
          () -> small.table.map(IOVA, PADDR, K64 + PAGE, Access.READ_WRITE));
    }
  }

  @Test
  void anUnmapOfNothingGathersNothing() {
    try (SmallTable small = new SmallTable()) {
      small.assertRefused(
          Reason.NOT_MAPPED,
          IOVA,
          "iova=0x40000000",
          () -> small.table.unmap(IOVA, K64, small.gather));
      assertTrue(small.gather.isEmpty(), "nothing is owed");
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1L << 39, 1L << 48, 1L << 63, -PAGE, -1})
  void translateBeyondTheTopFindsNothing(long iova) {
    try (SmallTable small = new SmallTable()) {
      small.table.map(0, PADDR, PAGE, Access.READ_WRITE);
      small.table.map((1L << 39) - PAGE, PADDR, PAGE, Access.READ_WRITE);
      assertEquals(PageTable.NOT_MAPPED, small.table.translate(iova));
    }
  }

  @Test
  void aLeafOf64KiBCutAt20KiBTranslatesAllItsPages() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(IOVA, PADDR, K64, Access.READ_WRITE);
      small.table.split(IOVA + 0x5000, K64 - 0x5000, 12, small.gather);
      for (int page = 0; page < 16; page++) {
        assertEquals(PADDR + page * PAGE, small.table.translate(IOVA + page * PAGE));
      }
    }
  }

  @Test
  void aCutInTheSecondItemOfALeafOf4MiBKeepsTheSecondHalfWhereItWas() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(IOVA, PADDR, 4 << 20, Access.READ_WRITE);
      small.table.split(IOVA + (3 << 20), PAGE, 12, small.gather);
      for (long offset = 0; offset < 4 << 20; offset += PAGE) {
        assertEquals(PADDR + offset, small.table.translate(IOVA + offset));
      }
    }
  }

  @Test
  void theDirtyBitOutlivesALeafThatBecomesATable() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(IOVA, PADDR, 2 << 20, Access.READ_WRITE);
      StatusHardware hardware = new StatusHardware(small.memory, small.table);
      hardware.set(IOVA, StatusHardware.DIRTY);
      small.table.split(IOVA, 2 << 20, 12, small.gather);
      for (long offset = 0; offset < 2 << 20; offset += PAGE) {
        assertEquals(StatusHardware.DIRTY, hardware.status(IOVA + offset));
      }
    }
  }

  @Test
  void aSmallUnmapInALargeLeafFlushesTheLargeLeaf() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(IOVA, PADDR, 1 << 30, Access.READ_WRITE);
      small.table.unmap(IOVA + 5 * PAGE, PAGE, small.gather);
      int[] largest = {0};
      small.gather.forEachBlock((_, sizeLog2) -> largest[0] = Math.max(largest[0], sizeLog2));
      assertEquals(30, largest[0]);
    }
  }
}
