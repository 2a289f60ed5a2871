package dev.cleave.engine;

import static dev.cleave.engine.fixture.SmallTable.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.oracle.TableSnapshot;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every refusal: why, where, in words, and nothing changed. */
@ParameterizedClass
@EnumSource(TableKind.class)
class PageTableErrorsTest {
  private static final long PADDR = 0x8000_0000L;
  private static final int RW = Access.READ_WRITE;

  private final TableKind kind;
  private final long base;
  private final long iova;

  PageTableErrorsTest(TableKind kind) {
    this.kind = kind;
    this.base = kind.base();
    this.iova = base + 0x4000_0000;
  }

  private static String hex(long value) {
    return "0x" + Long.toHexString(value);
  }

  /** A table in which a leaf of 2 MiB and one of 4 KiB behind it are mapped at iova. */
  private SmallTable mapped() {
    SmallTable small = new SmallTable(kind);
    small.table.map(iova, PADDR, (2 << 20) + PAGE, RW);
    return small;
  }

  @Test
  void aMisalignedIovaIsRefused() {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.MISALIGNED,
          base + 0x1800,
          "iova must be a multiple of 4096, iova=" + hex(base + 0x1800),
          () -> small.table.map(base + 0x1800, PADDR, PAGE, RW));
    }
  }

  @Test
  void aMisalignedPaddrIsRefused() {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.MISALIGNED,
          0x8001,
          "paddr must be a multiple of 4096, paddr=0x8001",
          () -> small.table.map(base, 0x8001, PAGE, RW));
    }
  }

  @Test
  void aMisalignedLengthIsRefused() {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.MISALIGNED,
          1,
          "length must be a multiple of 4096, length=0x1",
          () -> small.table.unmap(iova, 1, small.gather));
    }
  }

  @Test
  void aLengthOfZeroIsRefused() {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.MISALIGNED,
          iova,
          "length must be a positive multiple of 4096, length=0",
          () -> small.table.protect(iova, 0, RW, small.gather));
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

  @ParameterizedTest
  @CsvSource({"52, 0xffffffffff000", "36, 0xffffff000"})
  void outputBeyondItsWidthIsRefused(int width, String paddr) {
    PageTableConfig config = kind.config().withWidths(64, width);
    try (SmallTable small = new SmallTable(config)) {
      long first = Long.decode(paddr);
      small.assertRefused(
          Reason.OUT_OF_RANGE,
          first,
          "output addresses must end at or below 2^%d, paddr=%s".formatted(width, paddr),
          () -> small.table.map(base, first, 2 * PAGE, RW));
    }
  }

  @Test
  void outputThatEndsAtItsWidthIsMapped() {
    try (SmallTable small = new SmallTable(kind)) {
      small.table.map(base, (1L << 52) - PAGE, PAGE, RW);
      assertEquals((1L << 52) - 1, small.table.translate(base + 0xfff));
    }
  }

  @Test
  void aNegativePaddrIsRefused() {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.OUT_OF_RANGE,
          -PAGE,
          "paddr=0xfffffffffffff000",
          () -> small.table.map(base, -PAGE, 2 * PAGE, RW));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0x3fffe000, 0x4000, 0x40000000",
    "0x40100000, 0x1000, 0x40100000",
    "0x401ff000, 0x1000, 0x401ff000",
    "0x40200000, 0x1000, 0x40200000",
    "0x0, 0x100000000, 0x40000000",
    "0x0, 0x100000000000, 0x40000000"
  })
  void anOverlapIsRefusedWithTheFirstAddressThatIsMapped(String from, String length, String first) {
    try (SmallTable small = mapped()) {
      long mapped = base + Long.decode(first);
      small.assertRefused(
          Reason.ALREADY_MAPPED,
          mapped,
          "a range to map must be free, iova=" + hex(mapped) + " is mapped",
          () -> small.table.map(base + Long.decode(from), 0, Long.decode(length), RW));
    }
  }

  private String accessRule() {
    return kind == TableKind.AMD_V1
        ? "a mapping must permit reads, writes or both, and cannot forbid execution"
        : "a mapping must permit reads";
  }

  private int[] accessesThatNoLeafHas() {
    int unknown = 16;
    int nothing = Access.ENCRYPTED;
    int noExecute = Access.NO_EXECUTE;
    return kind == TableKind.AMD_V1
        ? new int[] {0, nothing, noExecute, RW | noExecute, RW | unknown, -1}
        : new int[] {0, nothing, noExecute, Access.WRITE, RW | unknown, -1};
  }

  @Test
  void accessThatNoLeafCanHaveIsRefused() {
    try (SmallTable small = mapped()) {
      for (int access : accessesThatNoLeafHas()) {
        String rule = accessRule() + ", access=" + hex(access & 0xffffffffL);
        small.assertRefused(
            Reason.NO_PERMISSION, base, rule, () -> small.table.map(base, PADDR, PAGE, access));
        small.assertRefused(
            Reason.NO_PERMISSION,
            iova,
            rule,
            () -> small.table.protect(iova, PAGE, access, small.gather));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 11, 39, 52, 63, 64, 76})
  void splitToASizeThatNoLeafHasIsRefused(int sizeLog2) {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.MISALIGNED,
          iova,
          "the largest leaf must be a leaf size from 4096 bytes up, sizeLog2=" + sizeLog2,
          () -> small.table.split(iova, 2 << 20, sizeLog2, small.gather));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 11, 39, 52, 63, 64, 76})
  void mergeToASizeThatNoLeafHasIsRefused(int sizeLog2) {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.MISALIGNED,
          iova,
          "sizeLog2=" + sizeLog2,
          () -> small.table.merge(iova, 2 << 20, sizeLog2, small.gather));
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 0x3fff_f000, 0x4020_1000, 1L << 39, 1L << 45})
  void changingWhatIsNotMappedIsRefused(long offset) {
    try (SmallTable small = mapped()) {
      long hole = base + offset;
      String hex = "iova=" + hex(hole);
      small.assertRefused(
          Reason.NOT_MAPPED, hole, hex, () -> small.table.unmap(hole, PAGE, small.gather));
      small.assertRefused(
          Reason.NOT_MAPPED, hole, hex, () -> small.table.protect(hole, PAGE, RW, small.gather));
      small.assertRefused(
          Reason.NOT_MAPPED, hole, hex, () -> small.table.split(hole, PAGE, 12, small.gather));
      small.assertRefused(
          Reason.NOT_MAPPED, hole, hex, () -> small.table.merge(hole, PAGE, 12, small.gather));
    }
  }

  @Test
  void aGatherOfAnotherTableIsRefused() {
    try (SmallTable small = mapped();
        SmallTable other = new SmallTable(kind)) {
      TableSnapshot before = small.snapshot();
      assertThrows(
          IllegalArgumentException.class, () -> small.table.unmap(iova, PAGE, other.gather));
      assertEquals(before, small.snapshot());
    }
  }

  @Test
  void anEncryptedMappingIsRefusedByAFormatWithoutEncryptionBit() {
    try (SmallTable small = mapped()) {
      TableSnapshot before = small.snapshot();
      assertThrows(
          IllegalArgumentException.class,
          () -> small.table.map(base, PADDR, PAGE, RW | Access.ENCRYPTED));
      assertEquals(before, small.snapshot());
    }
  }

  @Test
  void aClosedTableRefusesEverything() {
    try (SmallTable small = mapped()) {
      small.table.close();
      assertClosed(() -> small.table.map(base, PADDR, PAGE, RW));
      assertClosed(() -> small.table.unmap(iova, PAGE, small.gather));
      assertClosed(() -> small.table.protect(iova, PAGE, RW, small.gather));
      assertClosed(() -> small.table.split(iova, PAGE, 12, small.gather));
      assertClosed(() -> small.table.merge(iova, PAGE, 12, small.gather));
      assertClosed(() -> small.table.fit(iova, PAGE, SizeRule.atMost(12), small.gather));
      assertClosed(() -> small.table.clear(small.gather));
      assertClosed(() -> small.table.translate(iova));
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
          () -> small.table.mapScattered(base, frames, 0, 3, RW));
    }
  }

  @Test
  void scatteredFramesOverAMappingAreRefused() {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.ALREADY_MAPPED,
          iova,
          "iova=" + hex(iova),
          () -> small.table.mapScattered(iova - PAGE, new long[] {9, 8}, 0, 2, RW));
    }
  }

  @Test
  void moreFramesThanThereAreAreRefused() {
    try (SmallTable small = mapped()) {
      assertThrows(
          IndexOutOfBoundsException.class,
          () -> small.table.mapScattered(base, new long[3], 1, 3, RW));
    }
  }

  @Test
  void noFramesAreRefused() {
    try (SmallTable small = mapped()) {
      small.assertRefused(
          Reason.MISALIGNED,
          base,
          "length=0",
          () -> small.table.mapScattered(base, new long[3], 1, 0, RW));
    }
  }
}
