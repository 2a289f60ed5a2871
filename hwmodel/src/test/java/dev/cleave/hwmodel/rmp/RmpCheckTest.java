package dev.cleave.hwmodel.rmp;

import static dev.cleave.hwmodel.rmp.RmpFixture.ASID;
import static dev.cleave.hwmodel.rmp.RmpFixture.BASE;
import static dev.cleave.hwmodel.rmp.RmpFixture.COVERED;
import static dev.cleave.hwmodel.rmp.RmpFixture.GUEST_2M;
import static dev.cleave.hwmodel.rmp.RmpFixture.GUEST_4K;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

/** What the RMP says to devices, and how it tells of itself. */
class RmpCheckTest {
  private static final long LARGE = 0x20_0000;
  private static final long LARGE_GPA = 0x60_0000;
  private static final long MIXED = 0x40_0000;
  private static final long PAGE = MIXED + 0x3000;
  private static final long PAGE_GPA = 0x7000;
  private static final long SHARED = 0x60_0000;
  private static final int ANY_VMPL = -1;

  private final RmpFixture rmp = new RmpFixture();

  RmpCheckTest() {
    rmp.update(0, LARGE, LARGE_GPA, GUEST_2M);
    rmp.update(0, PAGE, PAGE_GPA, GUEST_4K);
  }

  private int shared(long spa, boolean large) {
    return rmp.map.checkShared(spa, large);
  }

  private int guests(long spa, long gpa, int asid, boolean large) {
    return rmp.map.checkPrivate(spa, gpa, asid, large, ANY_VMPL, false);
  }

  @Test
  void aSharedAccessMeetsTheHypervisorsPagesAlone() {
    assertEquals(RmpVerdict.ALLOWED, shared(SHARED + 0x5008, false));
    assertEquals(RmpVerdict.ALLOWED, shared(MIXED + 0x2fff, false));
    assertEquals(RmpVerdict.WRONG_OWNER, shared(PAGE + 0xfff, false));
    assertEquals(RmpVerdict.ALLOWED, shared(PAGE + 0x1000, false));
    assertEquals(RmpVerdict.WRONG_OWNER, shared(LARGE, false));
    assertEquals(RmpVerdict.WRONG_OWNER, shared(LARGE + 0x1f_f000, false));
  }

  @Test
  void aSharedAccessThroughALargeLeafMeetsWholeRegionsAlone() {
    assertEquals(RmpVerdict.ALLOWED, shared(SHARED + 0x5000, true));
    assertEquals(RmpVerdict.SIZE_MISMATCH, shared(MIXED + 0x1f_f000, true));
    assertEquals(RmpVerdict.WRONG_OWNER, shared(LARGE + 0x1000, true));
    rmp.update(0, SHARED, 0x1000, GUEST_4K);
    assertEquals(RmpVerdict.WRONG_OWNER, shared(SHARED + 0x1000, true));
  }

  @Test
  void whatIsBeyondTheRmpIsTheHypervisors() {
    assertTrue(rmp.map.covers(COVERED - 1));
    assertFalse(rmp.map.covers(COVERED));
    assertFalse(rmp.map.covers(-1));
    for (boolean large : new boolean[] {false, true}) {
      assertEquals(RmpVerdict.ALLOWED, shared(COVERED, large));
      assertEquals(RmpVerdict.WRONG_OWNER, guests(COVERED, 0, ASID, large));
      assertTrue(rmp.map.isHypervisors(COVERED, large));
    }
  }

  @Test
  void aTrustedAccessBelow2MibMeetsA4KibEntryOfItsGuestAtItsAddress() {
    assertEquals(RmpVerdict.ALLOWED, guests(PAGE + 0x123, PAGE_GPA + 0x123, ASID, false));
    assertEquals(RmpVerdict.WRONG_GPA, guests(PAGE, PAGE_GPA + 0x1000, ASID, false));
    assertEquals(RmpVerdict.WRONG_OWNER, guests(PAGE, PAGE_GPA, ASID + 1, false));
    assertEquals(RmpVerdict.WRONG_OWNER, guests(PAGE + 0x1000, PAGE_GPA, ASID, false));
    assertEquals(RmpVerdict.SIZE_MISMATCH, guests(LARGE, LARGE_GPA, ASID, false));
  }

  @Test
  void nothingIsTheGuestZeros() {
    rmp.setQ0(PAGE, 1 | PAGE_GPA);
    assertEquals(RmpVerdict.WRONG_OWNER, guests(PAGE, PAGE_GPA, 0, false));
    rmp.setQ0(PAGE, (long) ASID << 51 | PAGE_GPA);
    assertEquals(RmpVerdict.WRONG_OWNER, guests(PAGE, PAGE_GPA, ASID, false), "not assigned");
  }

  @Test
  void aTrustedAccessThroughALargeLeafMeetsA2MibEntry() {
    assertEquals(RmpVerdict.ALLOWED, guests(LARGE + 0x8_1234, LARGE_GPA + 0x8_1234, ASID, true));
    assertEquals(RmpVerdict.WRONG_GPA, guests(LARGE, LARGE_GPA + 0x20_0000, ASID, true));
    assertEquals(RmpVerdict.WRONG_OWNER, guests(LARGE, LARGE_GPA, ASID + 1, true));
    assertEquals(RmpVerdict.SIZE_MISMATCH, guests(MIXED, 0, ASID, true));
    assertEquals(RmpVerdict.WRONG_OWNER, guests(SHARED, 0, ASID, true));
    rmp.update(0, SHARED, 0x20_0000, GUEST_4K);
    assertEquals(RmpVerdict.SIZE_MISMATCH, guests(SHARED, 0x20_0000, ASID, true));
  }

  private int asVmpl(int vmpl, boolean write) {
    return rmp.map.checkPrivate(PAGE, PAGE_GPA, ASID, false, vmpl, write);
  }

  @Test
  void aVmplNeedsItsOwnPermissions() {
    long q1At = rmp.map.entryAddress(PAGE) + 8;
    // VMPL 0 all, 1 read, 2 write alone, 3 read and write
    rmp.memory.setLong(q1At, 0x0302_011fL);
    assertEquals(RmpVerdict.ALLOWED, asVmpl(0, true));
    assertEquals(RmpVerdict.ALLOWED, asVmpl(1, false));
    assertEquals(RmpVerdict.WRONG_VMPL, asVmpl(1, true));
    assertEquals(RmpVerdict.WRONG_VMPL, asVmpl(2, false));
    assertEquals(RmpVerdict.WRONG_VMPL, asVmpl(2, true));
    assertEquals(RmpVerdict.ALLOWED, asVmpl(3, true));
    rmp.memory.setLong(q1At, 0);
    assertEquals(RmpVerdict.WRONG_VMPL, asVmpl(0, false));
    assertEquals(RmpVerdict.ALLOWED, asVmpl(ANY_VMPL, true));
    assertEquals(RmpVerdict.ALLOWED, rmp.map.checkPrivate(LARGE, LARGE_GPA, ASID, true, 0, true));
    rmp.memory.setLong(rmp.map.headAddress(LARGE) + 8, 0x1e);
    assertEquals(
        RmpVerdict.WRONG_VMPL, rmp.map.checkPrivate(LARGE, LARGE_GPA, ASID, true, 0, true));
  }

  @Test
  void aPageOfALargeEntryIsDescribedByItsHead() {
    long inside = LARGE + 0x1_2000;
    assertEquals(rmp.q0(LARGE), rmp.map.entryOf(inside));
    assertEquals(RmpFixture.VMPL0, rmp.map.permissionsOf(inside));
    assertEquals(rmp.q0(PAGE), rmp.map.entryOf(PAGE));
    rmp.memory.setLong(rmp.map.entryAddress(PAGE) + 8, 0x31f);
    assertEquals(0x31f, rmp.map.permissionsOf(PAGE));
    assertEquals(0, rmp.map.permissionsOf(PAGE + 0x1000));
  }

  @Test
  void memoryIsTheHypervisorsByThePageAndByTheRegion() {
    assertFalse(rmp.map.isHypervisors(PAGE, false));
    assertTrue(rmp.map.isHypervisors(PAGE + 0x1000, false));
    assertFalse(rmp.map.isHypervisors(PAGE + 0x1000, true));
    assertFalse(rmp.map.isHypervisors(LARGE + 0x1000, false));
    assertFalse(rmp.map.isHypervisors(LARGE + 0x1000, true));
    assertTrue(rmp.map.isHypervisors(SHARED + 0x1000, true));
    rmp.update(0, SHARED, 0x1000, GUEST_4K);
    assertFalse(rmp.map.isHypervisors(SHARED + 0x1000, true));
  }

  /** An RMP whose memory ends in the middle of its second region. */
  private static ReverseMap withHole() {
    PhysicalMemory memory = new PhysicalMemory();
    memory.allocate(BASE, 0x4000 + (512 + 256) * 16, Arena.ofAuto());
    return new ReverseMap(memory, BASE, COVERED);
  }

  @Test
  void anEntryWithoutMemoryIsNamed() {
    ReverseMap map = withHole();
    long page = LARGE + 256 * 0x1000;
    long region = MIXED + 0x5000;
    assertEquals(RmpVerdict.ALLOWED, map.checkShared(page - 0x1000, false));
    assertEquals(
        RmpVerdict.WRONG_OWNER, map.checkPrivate(page - 0x1000, 0, ASID, false, -1, false));
    for (boolean large : new boolean[] {false, true}) {
      assertEquals(RmpVerdict.UNREADABLE, map.checkShared(region, large));
      assertEquals(RmpVerdict.UNREADABLE, map.checkPrivate(region, 0, ASID, large, -1, false));
    }
    assertEquals(RmpVerdict.UNREADABLE, map.checkShared(page, false));
    assertEquals(RmpVerdict.UNREADABLE, map.checkPrivate(page, 0, ASID, false, -1, false));
    assertEquals(map.entryAddress(page), map.unreadableAddress(page));
    assertEquals(map.headAddress(region), map.unreadableAddress(region));
  }

  @Test
  void aRegionIsOfUseWhenAllItsEntriesHaveMemory() {
    ReverseMap map = withHole();
    assertTrue(map.isUsable(0x1f_ffff));
    assertFalse(map.isUsable(LARGE));
    assertFalse(map.isUsable(MIXED));
    assertFalse(rmp.map.isUsable(COVERED));
    assertTrue(rmp.map.isUsable(COVERED - 1));
  }

  @Test
  void anRmpSaysWhatItCoversAndNeeds() {
    assertEquals(COVERED, rmp.map.coveredBytes());
    assertEquals(0x4000 + 2048 * 16, ReverseMap.tableBytes(COVERED));
    assertEquals(0x4000 + 0x2000, ReverseMap.tableBytes(ReverseMap.REGION_BYTES));
  }

  @Test
  void anRmpThatIsMisalignedIsRefused() {
    PhysicalMemory memory = new PhysicalMemory();
    for (long[] bad :
        new long[][] {{BASE + 8, COVERED}, {BASE, 0}, {BASE, -COVERED}, {BASE, COVERED + 4096}}) {
      var refused =
          assertThrows(
              IllegalArgumentException.class, () -> new ReverseMap(memory, bad[0], bad[1]));
      assertEquals(
          "an RMP must begin at a page and cover whole regions of 2 MiB, base=0x%x, covered=0x%x"
              .formatted(bad[0], bad[1]),
          refused.getMessage());
    }
  }
}
