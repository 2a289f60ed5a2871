package dev.cleave.hwmodel.rmp;

import static dev.cleave.hwmodel.rmp.RmpFixture.ASID;
import static dev.cleave.hwmodel.rmp.RmpFixture.GUEST_2M;
import static dev.cleave.hwmodel.rmp.RmpFixture.GUEST_4K;
import static dev.cleave.hwmodel.rmp.RmpFixture.VMPL0;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/** PVALIDATE and RMPADJUST. */
class GuestInstructionTest {
  private static final long PAGE = 0x20_1000;
  private static final long PAGE_GPA = 0x7000;
  private static final long REGION = 0x40_0000;
  private static final long REGION_GPA = 0x60_0000;
  private final RmpFixture rmp = new RmpFixture();

  GuestInstructionTest() {
    rmp.update(0, PAGE, PAGE_GPA, GUEST_4K);
    rmp.update(0, REGION, REGION_GPA, GUEST_2M);
  }

  @Test
  void pvalidateSetsAndClearsValidatedAndSaysWhenNothingChanged() {
    assertEquals(0, rmp.cpu.pvalidate(PAGE, PAGE_GPA, ASID, false, true));
    rmp.assertEntry(0x4028_0000_0000_7001L, VMPL0, PAGE);
    assertEquals(0x100, rmp.cpu.pvalidate(PAGE, PAGE_GPA, ASID, false, true));
    assertEquals(0, rmp.cpu.pvalidate(PAGE, PAGE_GPA, ASID, false, false));
    rmp.assertEntry(0x0028_0000_0000_7001L, VMPL0, PAGE);
    assertEquals(0, rmp.cpu.pvalidate(REGION, REGION_GPA, ASID, true, true));
    rmp.assertEntry(0x4028_0000_0060_0003L, VMPL0, REGION);
  }

  @Test
  void pvalidateWantsTheRmpsSize() {
    rmp.update(0, 0x20_0000, 0x20_0000, GUEST_4K);
    assertEquals(6, rmp.cpu.pvalidate(0x20_0000, 0x20_0000, ASID, true, true));
    assertEquals(
        RmpResult.NPF_SIZE_MISMATCH, rmp.cpu.pvalidate(REGION, REGION_GPA, ASID, false, true));
    assertEquals(
        RmpResult.NPF_SIZE_MISMATCH,
        rmp.cpu.pvalidate(REGION + 0x5000, REGION_GPA + 0x5000, ASID, false, true));
  }

  @Test
  void pvalidateRefusesBadInputAndALockedEntry() {
    assertEquals(1, rmp.cpu.pvalidate(PAGE + 8, PAGE_GPA, ASID, false, true));
    assertEquals(1, rmp.cpu.pvalidate(PAGE, PAGE_GPA, ASID, true, true));
    assertEquals(1, rmp.cpu.pvalidate(0x80_0000, PAGE_GPA, ASID, false, true));
    rmp.setQ0(PAGE, rmp.q0(PAGE) | 1L << 63);
    assertEquals(3, rmp.cpu.pvalidate(PAGE, PAGE_GPA, ASID, false, true));
  }

  @Test
  void aPageThatIsNotTheGuestsIsANestedPageFault() {
    int notOwned = RmpResult.NPF_NOT_OWNED;
    assertEquals(notOwned, rmp.cpu.pvalidate(PAGE, PAGE_GPA, ASID + 1, false, true));
    assertEquals(notOwned, rmp.cpu.pvalidate(PAGE, PAGE_GPA + 0x1000, ASID, false, true));
    assertEquals(notOwned, rmp.cpu.pvalidate(PAGE + 0x1000, PAGE_GPA, ASID, false, true));
    assertEquals(notOwned, rmp.cpu.rmpAdjust(PAGE, PAGE_GPA, 1, false, 0, 1, 1, false));
  }

  private int adjust(int current, int target, int permissions, boolean vmsa) {
    return rmp.cpu.rmpAdjust(PAGE, PAGE_GPA, ASID, false, current, target, permissions, vmsa);
  }

  @Test
  void rmpadjustGrantsToALowerVmpl() {
    assertEquals(0, rmp.cpu.pvalidate(PAGE, PAGE_GPA, ASID, false, true));
    assertEquals(0, adjust(0, 1, 0x3, false));
    rmp.assertEntry(0x4028_0000_0000_7001L, 0x031f, PAGE);
    assertEquals(0, adjust(1, 3, 0x1, false));
    rmp.assertEntry(0x4028_0000_0000_7001L, 0x0100_031f, PAGE);
    assertEquals(0, adjust(0, 1, 0, true));
    rmp.assertEntry(0x6028_0000_0000_7001L, 0x0100_001f, PAGE);
    assertEquals(0, adjust(0, 1, 0, false));
    rmp.assertEntry(0x4028_0000_0000_7001L, 0x0100_001f, PAGE);
  }

  @Test
  void rmpadjustWantsAPageThatWasValidated() {
    assertEquals(RmpResult.NOT_VALIDATED, adjust(0, 1, 1, false));
  }

  @Test
  void rmpadjustRefusesWhatDoesNotExist() {
    assertEquals(1, adjust(0, 4, 1, false));
    assertEquals(1, adjust(0, -1, 1, false));
    assertEquals(1, adjust(0, 1, 0x20, false));
    assertEquals(1, rmp.cpu.rmpAdjust(REGION, REGION_GPA, ASID, true, 0, 1, 0, true));
    assertEquals(1, rmp.cpu.rmpAdjust(PAGE + 1, PAGE_GPA, ASID, false, 0, 1, 0, false));
  }

  @Test
  void rmpadjustNeverGrantsMoreThanTheCallerHasNorToItselfOrAbove() {
    assertEquals(0, rmp.cpu.pvalidate(PAGE, PAGE_GPA, ASID, false, true));
    assertEquals(2, adjust(0, 0, 1, false));
    assertEquals(2, adjust(2, 1, 0, false));
    assertEquals(0, adjust(0, 1, 0x1, false));
    assertEquals(2, adjust(1, 2, 0x3, false));
    assertEquals(2, adjust(1, 2, 0x1, true));
  }

  @Test
  void rmpadjustWantsTheRmpsSizeAndAnUnlockedEntry() {
    rmp.update(0, 0x20_0000, 0x20_0000, GUEST_4K);
    assertEquals(6, rmp.cpu.rmpAdjust(0x20_0000, 0x20_0000, ASID, true, 0, 1, 0, false));
    assertEquals(
        RmpResult.NPF_SIZE_MISMATCH,
        rmp.cpu.rmpAdjust(REGION, REGION_GPA, ASID, false, 0, 1, 0, false));
    rmp.setQ0(PAGE, 0xc028_0000_0000_7001L);
    assertEquals(3, adjust(0, 1, 1, false));
  }
}
