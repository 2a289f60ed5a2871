package dev.cleave.engine;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each rule at its bounds: what is just good, what is just not, and how that is told. */
class RangeChecksTest {
  private static final PageTableConfig NARROW =
      PageTableConfig.of(AmdV1.LINUX).withLevels(4).withWidths(40, 44);
  private static final PageTableConfig WHOLE = PageTableConfig.of(AmdV1.LINUX).withLevels(6);
  private static final PageTableConfig SPLIT =
      PageTableConfig.of(X86.LINUX).withLevels(4).withWidths(48, 46).withSignExtension();

  private static final RangeChecks NARROW_CHECKS = checks(NARROW);
  private static final RangeChecks WHOLE_CHECKS = checks(WHOLE);
  private static final RangeChecks SPLIT_CHECKS = checks(SPLIT);

  private static RangeChecks checks(PageTableConfig config) {
    return new RangeChecks(config, new IovaSpace(config));
  }

  private static void assertRefused(Reason reason, long address, String words, Executable call) {
    PageTableException refused = assertThrows(PageTableException.class, call);
    assertEquals(reason, refused.reason());
    assertEquals(Long.toHexString(address), Long.toHexString(refused.address()));
    assertEquals(reason + ": " + words, refused.getMessage());
  }

  @Test
  void aRangeMayEndWhereItsSpaceEnds() {
    assertEquals(0xfff, NARROW_CHECKS.lastIova(0, 0x1000));
    assertEquals((1L << 40) - 1, NARROW_CHECKS.lastIova(0, 1L << 40));
    assertEquals((1L << 40) - 1, NARROW_CHECKS.lastIova((1L << 40) - 0x1000, 0x1000));
    assertEquals(0xfff, WHOLE_CHECKS.lastIova(0, 0x1000));
    assertEquals(-1, WHOLE_CHECKS.lastIova(-0x1000, 0x1000));
    assertEquals(-1, WHOLE_CHECKS.lastIova(0x1000, -0x1000), "all but a page");
    assertEquals(-0x1001, WHOLE_CHECKS.lastIova(0, -0x1000));
    assertEquals((1L << 47) - 1, SPLIT_CHECKS.lastIova(0, 1L << 47));
    assertEquals(-1, SPLIT_CHECKS.lastIova(-1L << 47, 1L << 47));
  }

  @Test
  void aRangeMayNotBeginOrEndBeyondIt() {
    assertRefused(
        Reason.OUT_OF_RANGE,
        (1L << 40) + 0xfff,
        "a range must end at or below 2^40, iova=0xfffffff000, length=0x2000",
        () -> NARROW_CHECKS.lastIova((1L << 40) - 0x1000, 0x2000));
    assertRefused(
        Reason.OUT_OF_RANGE,
        (1L << 40) + 0xfff,
        "a range must end at or below 2^40, iova=0x10000000000, length=0x1000",
        () -> NARROW_CHECKS.lastIova(1L << 40, 0x1000));
    assertRefused(
        Reason.OUT_OF_RANGE,
        1L << 47 | 0xfff,
        "a range must lie in the lower or in the upper half of sign-extended iovas of 48 bits,"
            + " iova=0x7ffffffff000, length=0x2000",
        () -> SPLIT_CHECKS.lastIova((1L << 47) - 0x1000, 0x2000));
  }

  @Test
  void aRangeMayNotPass2To64() {
    assertRefused(
        Reason.OUT_OF_RANGE,
        -0x1000,
        "a range must end at or below 2^64, iova=0xfffffffffffff000, length=0x2000",
        () -> WHOLE_CHECKS.lastIova(-0x1000, 0x2000));
  }

  /** Rather a negative number than a length that is meant, where it does not fit. */
  @Test
  void aNegativeLengthIsBlamedOnTheLength() {
    assertRefused(
        Reason.OUT_OF_RANGE,
        -0x1000,
        "length=-4096 is negative, or 0xfffffffffffff000 as an unsigned number: a range must end at"
            + " or below 2^64, from 0x2000",
        () -> WHOLE_CHECKS.lastIova(0x2000, -0x1000));
    assertRefused(
        Reason.OUT_OF_RANGE,
        -0x1000,
        "length=-4096 is negative, or 0xfffffffffffff000 as an unsigned number: a range must end at"
            + " or below 2^40, from 0x0",
        () -> NARROW_CHECKS.lastIova(0, -0x1000));
    assertRefused(
        Reason.OUT_OF_RANGE,
        -0x1000,
        "length=-4096 is negative, or 0xfffffffffffff000 as an unsigned number: output addresses"
            + " must end at or below 2^44, from 0x0",
        () -> NARROW_CHECKS.checkOutput(0, -0x1000));
  }

  @Test
  void aRangeIsWholePagesAndAtLeastOne() {
    assertRefused(
        Reason.MISALIGNED,
        0x1001,
        "iova must be a multiple of 4096, iova=0x1001",
        () -> NARROW_CHECKS.lastIova(0x1001, 0x1000));
    assertRefused(
        Reason.MISALIGNED,
        0x1800,
        "length must be a multiple of 4096, length=0x1800",
        () -> NARROW_CHECKS.lastIova(0x1000, 0x1800));
    assertRefused(
        Reason.MISALIGNED,
        0x3000,
        "length must be a positive multiple of 4096, length=0",
        () -> NARROW_CHECKS.lastIova(0x3000, 0));
  }

  @Test
  void outputMayEndWhereOutputAddressesEnd() {
    assertDoesNotThrow(() -> NARROW_CHECKS.checkOutput((1L << 44) - 0x1000, 0x1000));
    assertDoesNotThrow(() -> NARROW_CHECKS.checkOutput(0, 1L << 44));
    for (long[] bad :
        new long[][] {
          {(1L << 44) - 0x1000, 0x2000},
          {1L << 44, 0x1000},
          {-0x1000, 0x1000},
          {-0x1000, 0x2000},
          {0, (1L << 44) + 0x1000}
        }) {
      assertRefused(
          Reason.OUT_OF_RANGE,
          bad[0],
          "output addresses must end at or below 2^44, paddr=0x%x, length=0x%x"
              .formatted(bad[0], bad[1]),
          () -> NARROW_CHECKS.checkOutput(bad[0], bad[1]));
    }
    assertRefused(
        Reason.MISALIGNED,
        0x800,
        "paddr must be a multiple of 4096, paddr=0x800",
        () -> NARROW_CHECKS.checkOutput(0x800, 0x1000));
  }

  @Test
  void framesMayEndWhereOutputAddressesEnd() {
    long frames = 1L << 32;
    assertDoesNotThrow(() -> NARROW_CHECKS.checkFrames(frames - 5, 5));
    assertDoesNotThrow(() -> NARROW_CHECKS.checkFrames(0, 5));
    for (long bad : new long[] {frames - 4, frames, -1}) {
      assertRefused(
          Reason.OUT_OF_RANGE,
          bad << 12,
          "output addresses must end at or below 2^44, frame=0x%x, count=5".formatted(bad),
          () -> NARROW_CHECKS.checkFrames(bad, 5));
    }
  }

  /** A table of leaves from 2 MiB up takes no page that begins between. */
  @Test
  void whereSmallLeavesAreNotAllowedTheRulesHaveTheSizeOfTheSmallest() {
    RangeChecks large = checks(PageTableConfig.of(X86.LINUX).withPageSizes(1L << 21 | 1L << 30));
    assertEquals((4L << 20) - 1, large.lastIova(2L << 20, 2L << 20));
    assertRefused(
        Reason.MISALIGNED,
        0x1000,
        "iova must be a multiple of 2097152, iova=0x1000",
        () -> large.lastIova(0x1000, 2L << 20));
    assertDoesNotThrow(() -> large.checkFrames(512, 1));
    assertRefused(
        Reason.MISALIGNED,
        0x1000,
        "paddr must be a multiple of 2097152, paddr=0x1000",
        () -> large.checkFrames(1, 1));
    assertRefused(
        Reason.MISALIGNED,
        7,
        "the largest leaf must be a leaf size from 2097152 bytes up, sizeLog2=12",
        () -> large.checkLargestLeaf(7, 12));
    assertDoesNotThrow(() -> large.checkLargestLeaf(7, 21));
  }

  @Test
  void theLargestLeafIsASizeThatTheFormatHas() {
    assertDoesNotThrow(() -> WHOLE_CHECKS.checkLargestLeaf(0, 12));
    assertDoesNotThrow(() -> WHOLE_CHECKS.checkLargestLeaf(0, 30));
    for (int bad : new int[] {-1, 0, 11, 63, 64, 76, 1 << 20}) {
      assertRefused(
          Reason.MISALIGNED,
          9,
          "the largest leaf must be a leaf size from 4096 bytes up, sizeLog2=" + bad,
          () -> WHOLE_CHECKS.checkLargestLeaf(9, bad));
    }
  }

  @Test
  void accessIsWhatTheFormatCanExpress() {
    assertDoesNotThrow(() -> WHOLE_CHECKS.checkAccess(5, Access.READ_WRITE));
    PageTableException refused =
        assertThrows(PageTableException.class, () -> WHOLE_CHECKS.checkAccess(5, 0));
    assertEquals(Reason.NO_PERMISSION, refused.reason());
    assertEquals(5, refused.address());
  }

  @ParameterizedTest
  @CsvSource({"0x200000, 0x200000, true", "0x201000, 0x200000, false", "0x200000, 4096, false"})
  void whatIsTrackedIsWholePages(String iova, String length, boolean isGood) {
    long at = Long.decode(iova);
    long bytes = Long.decode(length);
    if (isGood) {
      assertDoesNotThrow(() -> RangeChecks.checkPages(at, bytes, 21));
    } else {
      assertRefused(
          Reason.MISALIGNED,
          at,
          "a range to track must be whole pages of 2^21 bytes, iova=0x%x, length=0x%x"
              .formatted(at, bytes),
          () -> RangeChecks.checkPages(at, bytes, 21));
    }
  }

  @Test
  void aBitmapHasAllOfARange() {
    DirtyBitmap bitmap = new DirtyBitmap(0x10000, 0x10000, 12);
    assertDoesNotThrow(() -> RangeChecks.checkCovered(0x10000, 0x1ffff, bitmap));
    for (long[] bad : new long[][] {{0xf000, 0x10fff}, {0x1f000, 0x20fff}}) {
      assertRefused(
          Reason.OUT_OF_RANGE,
          bad[0],
          "a range must lie in the bitmap of 0x10000 to 0x1ffff, iova=0x%x, last=0x%x"
              .formatted(bad[0], bad[1]),
          () -> RangeChecks.checkCovered(bad[0], bad[1], bitmap));
    }
  }
}
