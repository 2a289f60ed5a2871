package dev.cleave.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a table can be asked to be like, and what not. */
class PageTableConfigTest {
  private static final PageTableConfig LINUX = PageTableConfig.of(AmdV1.LINUX);

  @Test
  void aTableLikeLinuxBeginsWithThreeLevels() {
    assertEquals(3, LINUX.levels());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 7, -1})
  void levelsThatTheFormatDoesNotHaveAreRefused(int levels) {
    assertThrows(IllegalArgumentException.class, () -> LINUX.withLevels(levels));
  }

  @Test
  void anX86TableBeginsWithFourLevels() {
    assertEquals(4, PageTableConfig.of(X86.LINUX).levels());
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 6})
  void levelsThatX86DoesNotHaveAreRefused(int levels) {
    assertThrows(
        IllegalArgumentException.class, () -> PageTableConfig.of(X86.LINUX).withLevels(levels));
  }

  @Test
  void iovasOfATopThatGrowsAreNotSignExtended() {
    assertThrows(IllegalArgumentException.class, LINUX::withSignExtension);
  }

  @Test
  void signExtendedIovasAreAsWideAsTheLevelsDecode() {
    PageTableConfig narrow = PageTableConfig.of(X86.LINUX).withWidths(47, 52);
    assertThrows(IllegalArgumentException.class, narrow::withSignExtension);
  }

  @ParameterizedTest
  @CsvSource({
    "0, ffffffffffffffff, ffffffffffff, 7fffffffffff",
    "ffff800000000000, ffffffffffffffff, ffffffffffff, ffffffffffffffff"
  })
  void aRangeCanReachToTheEndOfAllIovasOrOfTheirHalf(
      String iova, String v1, String x86, String signExtended) {
    long at = Long.parseUnsignedLong(iova, 16);
    PageTableConfig nested = PageTableConfig.of(X86.LINUX);
    assertEquals(v1, Long.toHexString(LINUX.lastIova(at)));
    assertEquals(x86, Long.toHexString(nested.lastIova(at)));
    assertEquals(signExtended, Long.toHexString(nested.withSignExtension().lastIova(at)));
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1L << 39, 1L << 11, 1L << 52})
  void pageSizesOfWhichTheFormatHasNoneAreRefused(long sizes) {
    assertThrows(IllegalArgumentException.class, () -> LINUX.withPageSizes(sizes));
  }

  @Test
  void pageSizesThatTheFormatDoesNotHaveAreLeftOut() {
    assertEquals(1L << 12, LINUX.withPageSizes(1L << 12 | 1L << 39).pageSizes());
  }

  @Test
  void aLargestLeafLeavesTheSizesUpToIt() {
    assertEquals(0x3000, LINUX.withLargestLeaf(13).pageSizes());
  }

  @ParameterizedTest
  @CsvSource({"11, 52", "65, 52", "48, 11", "48, 53"})
  void widthsThatCannotBeAreRefused(int iovaBits, int outputBits) {
    assertThrows(IllegalArgumentException.class, () -> LINUX.withWidths(iovaBits, outputBits));
  }

  @Test
  void outputBeyondTheEncryptionBitIsRefused() {
    PageTableConfig config = PageTableConfig.of(AmdV1.LINUX.withEncryptionBit(47));
    assertThrows(IllegalArgumentException.class, () -> config.withWidths(64, 48));
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 64})
  void aLimitThatIsNoSizeIsRefused(int sizeLog2) {
    assertThrows(IndexOutOfBoundsException.class, () -> SizeRule.atMost(sizeLog2));
  }

  @Test
  void aLimitIsMadeOnce() {
    assertSame(SizeRule.atMost(21), SizeRule.atMost(21));
  }
}
