package dev.cleave.engine;

import static dev.cleave.engine.fixture.SmallTable.PAGE;
import static dev.cleave.engine.oracle.StatusHardware.DIRTY;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.fixture.HitlessRun;
import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.oracle.StatusHardware;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Leaves that fill several slots, which only AMD v1 has, and the faults that they led to. */
class SizedLeavesTest {
  private static final long K64 = 0x10000;
  private static final long IOVA = 0x4000_0000;
  private static final long PADDR = 0x8000_0000L;

  @ParameterizedTest
  @ValueSource(ints = {0, 15})
  void aDirtyLeafOf64KiBIsDirtyInAllItsSixteenPages(int replica) {
    try (SmallTable small = new SmallTable()) {
      small.table.map(IOVA, PADDR, K64, Access.READ_WRITE);
      StatusHardware hardware = new StatusHardware(small.pages, small.table);
      hardware.setInReplica(IOVA, replica, DIRTY);
      small.table.split(IOVA, K64, 12, small.gather);
      for (int page = 0; page < 16; page++) {
        assertEquals(DIRTY, hardware.status(IOVA + page * PAGE), "page " + page);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"13, 0", "13, 1", "16, 0", "16, 7", "16, 15", "20, 255", "20, 128", "22, 1"})
  void splitFindsTheDirtyBitInAnyReplica(int sizeLog2, int replica) {
    try (HitlessRun run = new HitlessRun(TableKind.AMD_V1, 1L << sizeLog2)) {
      StatusHardware hardware = new StatusHardware(run.pages, run.table);
      hardware.setInReplica(run.iova, replica, DIRTY);
      run.table.split(run.iova, run.bytes, 12, run.gather);
      for (long offset = 0; offset < run.bytes; offset += PAGE) {
        assertEquals(DIRTY, hardware.status(run.iova + offset));
      }
    }
  }

  @Test
  void protectKeepsTheDirtyBitOfAnyReplica() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(IOVA, PADDR, K64, Access.READ_WRITE);
      StatusHardware hardware = new StatusHardware(small.pages, small.table);
      hardware.setInReplica(IOVA, 9, DIRTY);
      small.table.protect(IOVA, K64, Access.READ, small.gather);
      assertEquals(DIRTY, hardware.status(IOVA));
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
  void aSizedLeafIsNotDividedBetweenTwoRangesOfAFullGather() {
    long mega = 1L << 20;
    long leaf = 64 * mega; // of 8 MiB: four slots of 2 MiB
    for (int below = 1; below < 32; below++) {
      try (SmallTable small = new SmallTable()) {
        small.table.map(leaf, leaf, 8 * mega, Access.READ_WRITE);
        small.gather.add(leaf - 2 * mega * below, leaf - 1);
        small.gather.add(leaf + 8 * mega, leaf + 18 * mega - 1);
        for (int i = 2; i < IotlbGather.MAX_RANGES; i++) {
          long far = i * (1L << 40);
          small.gather.add(far, far + PAGE - 1);
        }
        small.table.unmap(leaf, 8 * mega, small.gather);
        assertTrue(
            IotlbGatherTest.isInOneBlock(small.gather, leaf, leaf + 8 * mega - 1),
            below + " regions below");
      }
    }
  }

  @Test
  void leavesAreNoLargerThanTheLimit() {
    try (SmallTable small = new SmallTable(PageTableConfig.of(AmdV1.LINUX).withLargestLeaf(16))) {
      small.table.map(0, 0, 1 << 17, Access.READ_WRITE);
      assertEquals(List.of(16, 16), small.sizes());
    }
  }

  @Test
  void onlyPageSizesOfTheTableAreUsed() {
    try (SmallTable small =
        new SmallTable(PageTableConfig.of(AmdV1.LINUX).withPageSizes(1L << 14 | 1L << 21))) {
      small.table.map(
          (2 << 20) - (1 << 14), (2 << 20) - (1 << 14), (2 << 20) + (1 << 15), Access.READ_WRITE);
      assertEquals(List.of(14, 21, 14), small.sizes());
    }
  }

  @Test
  void scatteredPagesThatFollowEachOtherShareALeaf() {
    try (SmallTable small = new SmallTable()) {
      small.table.mapScattered(
          0x4000, new long[] {9, 4, 5, 6, 7, 20, 22, 23}, 1, 7, Access.READ_WRITE);
      assertEquals(List.of(14, 12, 12, 12), small.sizes());
      assertEquals(20 * PAGE, small.table.translate(0x8000));
      assertEquals(22 * PAGE, small.table.translate(0x9000));
      assertEquals(23 * PAGE, small.table.translate(0xa000));
    }
  }
}
