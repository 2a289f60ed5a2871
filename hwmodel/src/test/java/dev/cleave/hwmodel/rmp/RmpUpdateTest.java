package dev.cleave.hwmodel.rmp;

import static dev.cleave.hwmodel.rmp.RmpFixture.GUEST_2M;
import static dev.cleave.hwmodel.rmp.RmpFixture.GUEST_4K;
import static dev.cleave.hwmodel.rmp.RmpFixture.IMMUTABLE;
import static dev.cleave.hwmodel.rmp.RmpFixture.SHARED_2M;
import static dev.cleave.hwmodel.rmp.RmpFixture.SHARED_4K;
import static dev.cleave.hwmodel.rmp.RmpFixture.VMPL0;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RmpUpdateTest {
  private static final long VALIDATED = 1L << 62;
  private final RmpFixture rmp = new RmpFixture();

  @Test
  void aPageIsAssignedAndCountedInItsRegionsFirstEntry() {
    rmp.update(0, 0x20_3000, 0x7_5000, GUEST_4K);
    rmp.assertEntry(0x0028_0000_0007_5001L, VMPL0, 0x20_3000);
    rmp.assertEntry(0x8, 0, 0x20_0000);
    rmp.update(0, 0x20_4000, 0x7_6000, GUEST_4K);
    rmp.assertEntry(0x10, 0, 0x20_0000);
    rmp.update(0, 0x20_0000, 0x7_2000, GUEST_4K);
    rmp.assertEntry(0x0028_0000_0007_2011L, VMPL0, 0x20_0000);
  }

  @Test
  void aPageGivenBackIsTheHypervisorsAgain() {
    rmp.update(0, 0x20_3000, 0x7_5000, GUEST_4K);
    rmp.update(0, 0x20_0000, 0x7_2000, GUEST_4K);
    rmp.update(0, 0x20_3000, 0, SHARED_4K);
    rmp.assertEntry(0, 0, 0x20_3000);
    rmp.assertEntry(0x0028_0000_0007_2001L, VMPL0, 0x20_0000);
    rmp.update(0, 0x20_0000, 0, SHARED_4K);
    rmp.assertEntry(0, 0, 0x20_0000);
  }

  @Test
  void aLargePageIsOneEntryAndTheOthersReadEmpty() {
    rmp.update(0, 0x20_0000, 0x60_0000, GUEST_2M);
    rmp.assertEntry(0x0028_0000_0060_0003L, VMPL0, 0x20_0000);
    rmp.assertEntry(0, 0, 0x20_1000);
    assertEquals(0x60_0000, rmp.map.readGpa(0x20_0000));
    assertEquals(GUEST_2M, rmp.map.readState(0x20_0000));
    assertEquals(0, rmp.map.readState(0x20_1000));
    rmp.update(0, 0x20_0000, 0, SHARED_2M);
    rmp.assertEntry(0, 0, 0x20_0000);
  }

  @Test
  void theFirmwaresPageHasNoAsidAndIsImmutable() {
    rmp.update(0, 0x20_1000, 0, 1 | IMMUTABLE);
    rmp.assertEntry(0x5, VMPL0, 0x20_1000);
    assertEquals(0x1_0001, rmp.map.readState(0x20_1000));
  }

  @ParameterizedTest
  @ValueSource(longs = {0x20_0800, 0x80_0000, 0x4000_0000, -0x1000})
  void aPageThatIsMisalignedOrNotCoveredIsBadInput(long spa) {
    rmp.update(1, spa, 0, GUEST_4K);
  }

  @Test
  void aLargePageMustBeAlignedInBothSpaces() {
    rmp.update(1, 0x20_1000, 0x60_0000, GUEST_2M);
    rmp.update(1, 0x20_0000, 0x60_1000, GUEST_2M);
    rmp.update(1, 0x20_1000, 0x60_0800, GUEST_4K);
    rmp.update(1, 0x20_1000, 1L << 51, GUEST_4K);
  }

  /** Reserved bits, an ASID of 1024, an owner or immutability without assignment. */
  @ParameterizedTest
  @ValueSource(
      longs = {
        0x2L,
        0x401L,
        0x2_0001L,
        0x0100_0001L,
        0x400_0000_0001L,
        0x8000_0000_0000_0001L,
        0x0000_0005_0000_0000L,
        0x1_0000L
      })
  void aStateThatMakesNoSenseIsBadInput(long state) {
    rmp.update(1, 0x20_1000, 0, state);
    rmp.assertEntry(0, 0, 0x20_1000);
  }

  @Test
  void anImmutablePageIsNotChanged() {
    rmp.update(0, 0x20_1000, 0x7000, GUEST_4K | IMMUTABLE);
    rmp.update(2, 0x20_1000, 0, SHARED_4K);
    rmp.update(0, 0x40_0000, 0x60_0000, GUEST_2M | IMMUTABLE);
    rmp.update(2, 0x40_0000, 0, SHARED_2M);
    rmp.assertEntry(0x0028_0000_0000_7005L, VMPL0, 0x20_1000);
    rmp.assertEntry(0x0028_0000_0060_0007L, VMPL0, 0x40_0000);
  }

  @Test
  void aLockedEntryIsInUse() {
    rmp.setQ0(0x20_1000, 1L << 63);
    rmp.update(3, 0x20_1000, 0x7000, GUEST_4K);
    rmp.setQ0(0x40_0000, 1L << 63);
    rmp.update(3, 0x40_1000, 0x7000, GUEST_4K);
    rmp.update(3, 0x40_0000, 0x60_0000, GUEST_2M);
    rmp.assertEntry(1L << 63, 0, 0x40_0000);
    rmp.assertEntry(0, 0, 0x20_0000);
  }

  /** As real hosts have it: bit 63 stands for good in the entries of an immutable range. */
  private void permanent() {
    rmp.setQ0(0x20_0000, 0x8000_0000_0000_07fdL);
    for (long page = 1; page < 256; page++) {
      rmp.setQ0(0x20_0000 + page * 0x1000, 0x8000_0000_0000_0005L);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0x20_0000, 0x20_1000, 0x2f_f000})
  void aPermanentBit63IsNoLockAndItsPageRefusesByPermission(long spa) {
    permanent();
    rmp.update(2, spa, 0, SHARED_4K);
    rmp.update(2, spa, 0x7000, GUEST_4K);
    rmp.assertEntry(0x8000_0000_0000_07fdL, 0, 0x20_0000);
    rmp.assertEntry(0x8000_0000_0000_0005L, 0, 0x20_1000);
  }

  @Test
  void theRestOfARegionWithPermanentBitsCanBeChangedAndTheBitsStay() {
    permanent();
    rmp.update(0, 0x30_0000, 0x7000, GUEST_4K);
    rmp.assertEntry(0x8000_0000_0000_0805L, 0, 0x20_0000);
    rmp.update(0, 0x30_0000, 0, SHARED_4K);
    rmp.assertEntry(0x8000_0000_0000_07fdL, 0, 0x20_0000);
    assertEquals(1, rmp.cpu.psmash(0x20_0000));
    rmp.setQ0(0x40_0000, 0x8028_0000_0060_0007L);
    assertEquals(2, rmp.cpu.psmash(0x40_0000));
    rmp.update(2, 0x40_0000, 0, SHARED_2M);
  }

  @Test
  void aPageWithThePermanentBitLosesItWhenItIsReclaimed() {
    permanent();
    assertEquals(0, rmp.firmware.pageReclaim(0x20_0000));
    assertEquals(0, rmp.firmware.pageReclaim(0x20_1000));
    rmp.assertEntry(0x7f9, 0, 0x20_0000);
    rmp.assertEntry(1, 0, 0x20_1000);
    rmp.update(0, 0x20_0000, 0, SHARED_4K);
    rmp.assertEntry(0x7f8, 0, 0x20_0000);
  }

  @Test
  void aPageInsideALargeEntryOverlaps() {
    rmp.update(0, 0x20_0000, 0x60_0000, GUEST_2M);
    rmp.update(4, 0x20_1000, 0, SHARED_4K);
    rmp.update(4, 0x3f_f000, 0x7000, GUEST_4K);
    rmp.assertEntry(0x0028_0000_0060_0003L, VMPL0, 0x20_0000);
  }

  @Test
  void aLargePageOverAssignedPagesOverlaps() {
    rmp.update(0, 0x20_1000, 0x7000, GUEST_4K);
    rmp.update(4, 0x20_0000, 0x60_0000, GUEST_2M);
    rmp.update(0, 0x40_0000, 0x7000, GUEST_4K);
    rmp.update(4, 0x40_0000, 0x60_0000, GUEST_2M);
    rmp.update(0, 0x20_1000, 0, SHARED_4K);
    rmp.update(0, 0x20_0000, 0x60_0000, GUEST_2M);
  }

  @Test
  void validatedFallsWithOwnerAddressAndSizeButNotWithImmutability() {
    rmp.update(0, 0x20_1000, 0x7000, GUEST_4K);
    assertEquals(0, rmp.cpu.pvalidate(0x20_1000, 0x7000, RmpFixture.ASID, false, true));
    rmp.update(0, 0x20_1000, 0x7000, GUEST_4K | IMMUTABLE);
    rmp.assertEntry(VALIDATED | 0x0028_0000_0000_7005L, VMPL0, 0x20_1000);
    assertEquals(0, rmp.firmware.pageReclaim(0x20_1000));
    rmp.assertEntry(VALIDATED | 0x0028_0000_0000_7001L, VMPL0, 0x20_1000);
    rmp.update(0, 0x20_1000, 0x8000, GUEST_4K);
    rmp.assertEntry(0x0028_0000_0000_8001L, VMPL0, 0x20_1000);
  }

  @Test
  void aLargePageMadeSmallAtItsFirstPageLosesValidatedAndTheRest() {
    rmp.update(0, 0x20_0000, 0x60_0000, GUEST_2M);
    assertEquals(0, rmp.cpu.pvalidate(0x20_0000, 0x60_0000, RmpFixture.ASID, true, true));
    rmp.update(0, 0x20_0000, 0x60_0000, GUEST_4K);
    rmp.assertEntry(0x0028_0000_0060_0001L, VMPL0, 0x20_0000);
    rmp.assertEntry(0, 0, 0x20_1000);
  }

  @Test
  void anRmpWithoutMemoryIsBadInput() {
    ReverseMap hole = new ReverseMap(rmp.memory, 0x4000_0000, RmpFixture.COVERED);
    assertEquals(1, new RmpInstructions(hole).rmpUpdate(0x1000, 0, GUEST_4K));
    assertEquals(RmpVerdict.UNREADABLE, hole.checkShared(0x1000, false));
    assertEquals(RmpVerdict.UNREADABLE, hole.checkPrivate(0x1000, 0x1000, 5, false, 0, false));
  }

  @Test
  void anRmpMustCoverWholeRegionsFromAPage() {
    assertThrows(IllegalArgumentException.class, () -> new ReverseMap(rmp.memory, 0x800, 2L << 20));
    assertThrows(
        IllegalArgumentException.class, () -> new ReverseMap(rmp.memory, 0x1000, 1L << 20));
    assertEquals(0x4000 + 0x8000, ReverseMap.tableBytes(RmpFixture.COVERED));
  }
}
