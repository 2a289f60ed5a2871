package dev.cleave.engine;

import static dev.cleave.engine.SmallTable.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every refusal: why, where, in words, and nothing changed. */
class PageTableErrorsTest {
  private static final long IOVA = 0x4000_0000;
  private static final long PADDR = 0x8000_0000L;
  private static final int RW = Access.READ_WRITE;

  /** A table in which a leaf of 2 MiB and one of 4 KiB behind it are mapped at IOVA. */
  private static SmallTable mapped() {
    SmallTable small = new SmallTable();
    small.table.map(IOVA, PADDR, (2 << 20) + PAGE, RW);
    return small;
  }

  @Test
  void aMisalignedIovaIsRefused() {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.MISALIGNED,
          0x1800,
          "iova must be a multiple of 4096, iova=0x1800",
          () -> small.table.map(0x1800, PADDR, PAGE, RW));
    }
  }

  @Test
  void aMisalignedPaddrIsRefused() {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.MISALIGNED,
          0x8001,
          "paddr must be a multiple of 4096, paddr=0x8001",
          () -> small.table.map(0, 0x8001, PAGE, RW));
    }
  }

  @Test
  void aMisalignedLengthIsRefused() {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.MISALIGNED,
          1,
          "length must be a multiple of 4096, length=0x1",
          () -> small.table.unmap(IOVA, 1, small.gather));
    }
  }

  @Test
  void aLengthOfZeroIsRefused() {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.MISALIGNED,
          IOVA,
          "length must be a positive multiple of 4096, length=0",
          () -> small.table.protect(IOVA, 0, RW, small.gather));
    }
  }

  @Test
  void aRangeThatWrapsIsRefused() {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.OUT_OF_RANGE,
          -PAGE,
          "a range must end at or below 2^64, iova=0xfffffffffffff000, length=0x2000",
          () -> small.table.map(-PAGE, PADDR, 2 * PAGE, RW));
    }
  }

  @Test
  void aRangeThatEndsAtTheEndOfAllAddressesIsMapped() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(-PAGE, PADDR, PAGE, RW);
      assertEquals(PADDR + 0xfff, small.table.translate(-1));
    }
  }

  @Test
  void aRangeBeyondTheWidthOfIovasIsRefused() {
    try (SmallTable small = new SmallTable(PageTableConfig.of(AmdV1.LINUX).withWidths(40, 52))) {
      small.assertRefused(
          Reason.OUT_OF_RANGE,
          (1L << 40) + PAGE - 1,
          "a range must end at or below 2^40, iova=0xfffffff000, length=0x2000",
          () -> small.table.map((1L << 40) - PAGE, PADDR, 2 * PAGE, RW));
    }
  }

  @Test
  void aRangeThatEndsAtTheWidthOfIovasIsMapped() {
    try (SmallTable small = new SmallTable(PageTableConfig.of(AmdV1.LINUX).withWidths(40, 52))) {
      small.table.map((1L << 40) - PAGE, PADDR, PAGE, RW);
      assertEquals(PADDR, small.table.translate((1L << 40) - PAGE));
    }
  }

  @ParameterizedTest
  @CsvSource({"52, 0xffffffffff000", "36, 0xffffff000"})
  void outputBeyondItsWidthIsRefused(int width, String paddr) {
    PageTableConfig config = PageTableConfig.of(AmdV1.LINUX).withWidths(64, width);
    try (SmallTable small = new SmallTable(config)) {
      long first = Long.decode(paddr);
      small.assertRefused(
          Reason.OUT_OF_RANGE,
          first,
          "output addresses must end at or below 2^%d, paddr=%s".formatted(width, paddr),
          () -> small.table.map(0, first, 2 * PAGE, RW));
    }
  }

  @Test
  void outputThatEndsAtItsWidthIsMapped() {
    try (SmallTable small = new SmallTable()) {
      small.table.map(0, (1L << 52) - PAGE, PAGE, RW);
      assertEquals((1L << 52) - 1, small.table.translate(0xfff));
    }
  }

  @Test
  void aNegativePaddrIsRefused() {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.OUT_OF_RANGE,
          -PAGE,
          "paddr=0xfffffffffffff000",
          () -> small.table.map(0, -PAGE, 2 * PAGE, RW));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0x3fffe000, 0x4000, 0x40000000",
    "0x40100000, 0x1000, 0x40100000",
    "0x401ff000, 0x1000, 0x401ff000",
    "0x40200000, 0x1000, 0x40200000",
    "0x0, 0x100000000, 0x40000000",
    "0x0, 0x8000000000000, 0x40000000"
  })
  void anOverlapIsRefusedWithTheFirstAddressThatIsMapped(String iova, String length, String first) {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.ALREADY_MAPPED,
          Long.decode(first),
          "a range to map must be free, iova=" + first + " is mapped",
          () -> small.table.map(Long.decode(iova), 0, Long.decode(length), RW));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, Access.ENCRYPTED, 8, RW | 8, -1})
  void accessWithoutPermissionOrWithUnknownFlagsIsRefused(int access) {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.NO_PERMISSION,
          0,
          "a mapping must permit reads, writes or both, access=0x" + Integer.toHexString(access),
          () -> small.table.map(0, PADDR, PAGE, access));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, Access.ENCRYPTED, 8, RW | 8, -1})
  void protectWithoutPermissionOrWithUnknownFlagsIsRefused(int access) {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.NO_PERMISSION,
          IOVA,
          "access=0x" + Integer.toHexString(access),
          () -> small.table.protect(IOVA, PAGE, access, small.gather));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 11, 39, 52, 63, 64, 76})
  void splitToASizeThatNoLeafHasIsRefused(int sizeLog2) {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.MISALIGNED,
          IOVA,
          "the largest leaf must be a leaf size from 4096 bytes up, sizeLog2=" + sizeLog2,
          () -> small.table.split(IOVA, 2 << 20, sizeLog2, small.gather));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 11, 39, 52, 63, 64, 76})
  void mergeToASizeThatNoLeafHasIsRefused(int sizeLog2) {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.MISALIGNED,
          IOVA,
          "sizeLog2=" + sizeLog2,
          () -> small.table.merge(IOVA, 2 << 20, sizeLog2, small.gather));
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 0x3fff_f000, 0x4020_1000, 1L << 39, 1L << 60, -PAGE})
  void changingWhatIsNotMappedIsRefused(long iova) {
    try (SmallTable small = mapped()) {
      String hex = "iova=0x" + Long.toHexString(iova);
      small.assertRefused(
          Reason.NOT_MAPPED, iova, hex, () -> small.table.unmap(iova, PAGE, small.gather));
      small.assertRefused(
          Reason.NOT_MAPPED, iova, hex, () -> small.table.protect(iova, PAGE, RW, small.gather));
      small.assertRefused(
          Reason.NOT_MAPPED, iova, hex, () -> small.table.split(iova, PAGE, 12, small.gather));
      small.assertRefused(
          Reason.NOT_MAPPED, iova, hex, () -> small.table.merge(iova, PAGE, 12, small.gather));
    }
  }

  @Test
  void aGatherOfAnotherTableIsRefused() {
    try (SmallTable small = mapped();
        SmallTable other = new SmallTable()) {
      TableSnapshot before = small.snapshot();
      assertThrows(
          IllegalArgumentException.class, () -> small.table.unmap(IOVA, PAGE, other.gather));
      assertEquals(before, small.snapshot());
    }
  }

  @Test
  void anEncryptedMappingIsRefusedByAFormatWithoutEncryptionBit() {
    try (SmallTable small = mapped()) {
      TableSnapshot before = small.snapshot();
      assertThrows(
          IllegalArgumentException.class,
          () -> small.table.map(0, PADDR, PAGE, RW | Access.ENCRYPTED));
      assertEquals(before, small.snapshot());
    }
  }

  @Test
  void aClosedTableRefusesEverything() {
    try (SmallTable small = mapped()) {
      small.table.close();
      assertClosed(() -> small.table.map(0, PADDR, PAGE, RW));
      assertClosed(() -> small.table.unmap(IOVA, PAGE, small.gather));
      assertClosed(() -> small.table.protect(IOVA, PAGE, RW, small.gather));
      assertClosed(() -> small.table.split(IOVA, PAGE, 12, small.gather));
      assertClosed(() -> small.table.merge(IOVA, PAGE, 12, small.gather));
      assertClosed(() -> small.table.fit(IOVA, PAGE, SizeRule.atMost(12), small.gather));
      assertClosed(() -> small.table.clear(small.gather));
      assertClosed(() -> small.table.translate(IOVA));
    }
  }

  private static void assertClosed(Runnable operation) {
    PageTableException refusal = assertThrows(PageTableException.class, operation::run);
    assertEquals(Reason.CLOSED, refusal.reason());
  }

  @Test
  void scatteredFramesBeyondTheWidthOfOutputAreRefused() {
    try (SmallTable small = mapped()) {
      long[] frames = {7, (1L << 40) - 1, 1L << 40};
      small.assertRefused(
          Reason.OUT_OF_RANGE,
          (1L << 52) - PAGE,
          "frame=0xffffffffff, count=2",
          () -> small.table.mapScattered(0, frames, 0, 3, RW));
    }
  }

  @Test
  void scatteredFramesOverAMappingAreRefused() {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.ALREADY_MAPPED,
          IOVA,
          "iova=0x40000000",
          () -> small.table.mapScattered(IOVA - PAGE, new long[] {9, 8}, 0, 2, RW));
    }
  }

  @Test
  void moreFramesThanThereAreAreRefused() {
    try (SmallTable small = mapped()) {
      assertThrows(
          IndexOutOfBoundsException.class,
          () -> small.table.mapScattered(0, new long[3], 1, 3, RW));
    }
  }

  @Test
  void noFramesAreRefused() {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.MISALIGNED,
          0,
          "length=0",
          () -> small.table.mapScattered(0, new long[3], 1, 0, RW));
    }
  }
}
