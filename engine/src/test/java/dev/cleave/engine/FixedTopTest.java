package dev.cleave.engine;

import static dev.cleave.engine.fixture.SmallTable.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.X86;
import dev.cleave.engine.oracle.SpecWalker.Leaf;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A top whose levels are fixed, as that of x86-64, and the iovas that there are below it. */
class FixedTopTest {
  private static final int RW = Access.READ_WRITE;
  private static final PageTableConfig X86_64 = PageTableConfig.of(X86.LINUX);

  private static PageTableConfig signExtended(int levels) {
    return X86_64.withLevels(levels).withSignExtension();
  }

  @ParameterizedTest
  @CsvSource({"4, 47", "4, 48", "5, 56", "5, 57"})
  void theLastPageOfTheWidthIsMappedAndTheNextRefused(int levels, int bits) {
    PageTableConfig config = X86_64.withLevels(levels).withWidths(bits, 52);
    try (SmallTable small = new SmallTable(config)) {
      long end = 1L << bits;
      small.table.map(end - PAGE, 0x5000, PAGE, RW);
      assertEquals(0x5fff, small.table.translate(end - 1));
      small.assertRefused(
          Reason.OUT_OF_RANGE,
          end + PAGE - 1,
          "a range must end at or below 2^%d, iova=0x%x, length=0x1000".formatted(bits, end),
          () -> small.table.map(end, 0x5000, PAGE, RW));
    }
  }

  @ParameterizedTest
  @CsvSource({"4, 48", "5, 57"})
  void aTableDecodesAsManyBitsAsItsLevelsUnlessItIsToldFewer(int levels, int bits) {
    assertEquals(bits, X86_64.withLevels(levels).iovaBits());
    assertEquals(bits, X86_64.withLevels(9 - levels).withLevels(levels).iovaBits());
  }

  @ParameterizedTest
  @CsvSource({"0x0, 0xffff800000001000", "0x7ffffffff000, 0xffff000000002000"})
  void aLengthOfHalfOfAllAddressesIsBlamedForARangeThatIsNotInOneHalf(String first, String length) {
    try (SmallTable small = new SmallTable(signExtended(4))) {
      long iova = Long.parseUnsignedLong(first.substring(2), 16);
      long bytes = Long.parseUnsignedLong(length.substring(2), 16);
      small.assertRefused(
          Reason.OUT_OF_RANGE,
          bytes,
          "length=%d is negative, or %s as an unsigned number: a range must lie in the lower or in"
                  .formatted(bytes, length)
              + " the upper half of sign-extended iovas of 48 bits, from %s".formatted(first),
          () -> small.table.unmap(iova, bytes, small.gather));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 5})
  void theTopNeverGrows(int levels) {
    try (SmallTable small = new SmallTable(X86_64.withLevels(levels))) {
      long root = small.table.root();
      small.table.map(0, 0, PAGE, RW);
      small.table.map(small.table.config().lastIova(0) - 0xfff, 0, PAGE, RW);
      assertEquals(root, small.table.root());
      assertEquals(levels, small.table.levels());
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1L << 48, 1L << 57, 1L << 63, -PAGE, -1})
  void translateBeyondTheTopFindsNothing(long iova) {
    try (SmallTable small = new SmallTable(X86_64)) {
      small.table.map(0, 0x5000, PAGE, RW);
      small.table.map((1L << 48) - PAGE, 0x5000, PAGE, RW);
      assertEquals(PageTable.NOT_MAPPED, small.table.translate(iova));
    }
  }

  /** A table with the outermost pages of both halves mapped, ascending. */
  private static SmallTable bothHalves(int levels) {
    SmallTable small = new SmallTable(signExtended(levels));
    for (long iova : ends(levels)) {
      small.table.map(iova, paddrOf(iova), PAGE, RW);
    }
    return small;
  }

  private static long[] ends(int levels) {
    long half = 1L << (11 + 9 * levels);
    return new long[] {0, half - PAGE, -half, -PAGE};
  }

  private static long paddrOf(long iova) {
    return iova & 0xFFFF_F000L;
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 5})
  void bothHalvesOfASignExtendedSpaceAreMappedToTheirEnds(int levels) {
    try (SmallTable small = bothHalves(levels)) {
      for (long iova : ends(levels)) {
        assertEquals(paddrOf(iova) + 7, small.table.translate(iova + 7));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 5})
  void theEntriesOfTheUpperHalfAreTheUpperOnesOfTheTop(int levels) {
    try (SmallTable small = bothHalves(levels)) {
      for (int index : new int[] {0, 255, 256, 511}) {
        assertTrue((small.pages.loadAcquire(small.table.root() + 8L * index) & 1) != 0);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 5})
  void whatIsNoSignExtendedAddressTranslatesToNothing(int levels) {
    try (SmallTable small = bothHalves(levels)) {
      long half = 1L << (11 + 9 * levels);
      for (long iova : new long[] {half, -half - PAGE, 2 * half, 1L << 62, 2 * half - PAGE}) {
        assertEquals(PageTable.NOT_MAPPED, small.table.translate(iova), Long.toHexString(iova));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0x800000000000, 0x1000",
    "0x7ffffffff000, 0x2000",
    "0xffff7ffffffff000, 0x1000",
    "0xffff7ffffffff000, 0x2000",
    "0x1000000000000, 0x1000"
  })
  void aRangeThatIsNotInOneHalfIsRefused(String first, String length) {
    try (SmallTable small = new SmallTable(signExtended(4))) {
      long iova = Long.parseUnsignedLong(first.substring(2), 16);
      long bytes = Long.parseUnsignedLong(length.substring(2), 16);
      small.assertRefused(
          Reason.OUT_OF_RANGE,
          iova + bytes - 1,
          "a range must lie in the lower or in the upper half of sign-extended iovas of 48 bits,"
              + " iova=%s, length=%s".formatted(first, length),
          () -> small.table.unmap(iova, bytes, small.gather));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 5})
  void aCursorGoesFromTheLowerHalfToTheUpperOne(int levels) {
    try (SmallTable small = bothHalves(levels)) {
      List<Long> seen = iovas(small.table.leaves());
      assertEquals(small.leaves().stream().map(Leaf::iova).toList(), seen);
      assertEquals(4, seen.size());
    }
  }

  @Test
  void aCursorThatBeginsInTheGulfGoesOnInTheUpperHalf() {
    try (SmallTable small = bothHalves(4)) {
      List<Long> seen = iovas(small.table.leaves().over(1L << 47, -1L));
      assertEquals(List.of(-(1L << 47), -PAGE), seen);
    }
  }

  @Test
  void aCursorThatEndsInTheGulfSeesTheLowerHalfOnly() {
    try (SmallTable small = bothHalves(4)) {
      List<Long> seen = iovas(small.table.leaves().over(0, 1L << 50));
      assertEquals(List.of(0L, (1L << 47) - PAGE), seen);
      assertFalse(small.table.leaves().over(1L << 47, 1L << 50).advance());
    }
  }

  private static List<Long> iovas(LeafCursor cursor) {
    List<Long> iovas = new ArrayList<>();
    while (cursor.advance()) {
      iovas.add(cursor.iova());
    }
    return iovas;
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 5})
  void clearEmptiesBothHalvesAndFlushesWhereTheyAre(int levels) {
    try (SmallTable small = bothHalves(levels)) {
      assertEquals(4 * PAGE, small.table.clear(small.gather));
      for (long iova : ends(levels)) {
        boolean[] flushed = {false};
        small.gather.forEachBlock((first, sizeLog2) ->
            flushed[0] |= sizeLog2 < 64 && iova >>> sizeLog2 == first >>> sizeLog2);
        assertTrue(flushed[0], Long.toHexString(iova));
      }
      small.gather.complete();
      assertEquals(PAGE, small.memory.usedBytes());
    }
  }

  @Test
  void aWholeHalfCanBeUnmapped() {
    try (SmallTable small = bothHalves(4)) {
      assertEquals(2 * PAGE, small.table.unmap(-(1L << 47), 1L << 47, small.gather));
      assertEquals(2 * PAGE, small.table.unmap(0, 1L << 47, small.gather));
    }
  }
}
