package dev.cleave.hwmodel.rmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/**
 * The bits of an entry, as docs/spec/tee-io.md §5 has them, and what MMIO_VALIDATE writes there.
 */
class RmpEntryTest {
  @Test
  void theRouteToADeviceStandsAboveThePermissions() {
    assertEquals(0x1f, RmpEntry.rootPort(0x1fL << 49));
    assertEquals(0, RmpEntry.rootPort(~(0x1fL << 49)));
    assertEquals(0xff, RmpEntry.stream(0xffL << 54));
    assertEquals(0, RmpEntry.stream(~(0xffL << 54)));
    assertEquals(3, RmpEntry.migration(3L << 62));
    assertEquals(2, RmpEntry.migration(1L << 63));
    assertEquals(0, RmpEntry.migration((1L << 62) - 1));
  }

  @Test
  void anotherRouteLeavesTheRest() {
    assertEquals(
        0xc001_ffff_ffff_ffffL, RmpEntry.withRoute(-1L, 0, 0), "root port 53:49, stream 61:54");
    assertEquals(0x2aL << 54 | 0x15L << 49 | 0x1f, RmpEntry.withRoute(0x1f, 0x15, 0x2a));
    long q1 = RmpEntry.withRoute(-1L, 3, 200);
    assertEquals(3, RmpEntry.rootPort(q1));
    assertEquals(200, RmpEntry.stream(q1));
    assertEquals(3, RmpEntry.migration(q1));
  }

  @Test
  void whatIsAssignedIsFoundAgain() {
    long q0 = RmpEntry.assigned(0x1234_5000L, 1023, true, true);
    assertEquals(1L | 2 | 4 | 0x1234_5000L | 1023L << 51, q0);
    assertEquals(0x1234_5000L, RmpEntry.gpa(q0));
    assertEquals(1023, RmpEntry.asid(q0));
    assertTrue(RmpEntry.isLarge(q0));
    assertFalse(RmpEntry.isLarge(q0 ^ RmpEntry.ASSIGNED));
    assertFalse(RmpEntry.isLarge(q0 ^ RmpEntry.LARGE));
    assertEquals(511, RmpEntry.subpages(0x1ffL << 3));
    assertEquals(0, RmpEntry.subpages(~(0x1ffL << 3)));
    assertEquals(~(0x1ffL << 3) | 7 << 3, RmpEntry.withSubpages(-1L, 7));
    assertEquals(0x1f, RmpEntry.permissions(0x1f00_0000L, 3));
    assertEquals(0xffff_ffff_ff05_ffffL, RmpEntry.withPermissions(-1L, 2, 5));
  }

  @Test
  void whatIsGivenBackMayBeLarge() {
    assertEquals(0x100, RmpState.unassigned(true));
    assertEquals(0, RmpState.unassigned(false));
  }

  @Test
  void validatingARegisterPageNotesTheWayToTheDevice() {
    RmpFixture rmp = new RmpFixture();
    long page = 0x20_3000;
    long state = RmpFixture.GUEST_4K | RmpFixture.IMMUTABLE;
    rmp.update(0, page, 0x9000, state);
    long lock = RmpEntry.LOCK;
    rmp.setQ0(page, rmp.q0(page) | lock);
    rmp.firmware.validateMmio(page, true, 9, 77);
    long route = 77L << 54 | 9L << 49;
    rmp.assertEntry(
        lock | RmpEntry.VALIDATED | 0x0028_0000_0000_9005L, route | RmpFixture.VMPL0, page);
    rmp.firmware.validateMmio(page, false, 0, 1);
    rmp.assertEntry(lock | 0x0028_0000_0000_9005L, 1L << 54 | RmpFixture.VMPL0, page);
  }

  @Test
  void reclaimLeavesNoLockInAnyPage() {
    RmpFixture rmp = new RmpFixture();
    long page = 0x20_3000;
    for (long spa : new long[] {page, 0x20_0000}) {
      rmp.update(0, spa, spa, RmpFixture.GUEST_4K | RmpFixture.IMMUTABLE);
      rmp.setQ0(spa, rmp.q0(spa) | RmpEntry.LOCK);
      assertEquals(0, rmp.firmware.pageReclaim(spa));
    }
    rmp.assertEntry(0x0028_0000_0020_3001L, RmpFixture.VMPL0, page);
    assertEquals(0x0028_0000_0020_0001L, rmp.q0(0x20_0000) & ~(0x1ffL << 3));
    assertEquals(1, RmpEntry.subpages(rmp.q0(0x20_0000)));
  }

  @Test
  void reclaimOfAnotherPageLeavesTheHeadsLockFree() {
    RmpFixture rmp = new RmpFixture();
    rmp.update(0, 0x20_3000, 0x9000, RmpFixture.GUEST_4K | RmpFixture.IMMUTABLE);
    assertEquals(0, rmp.firmware.pageReclaim(0x20_3000));
    assertEquals(0, rmp.firmware.pageReclaim(0x20_3000), "the region can be taken again");
    assertEquals(1, rmp.firmware.pageReclaim(0x20_4000), "not assigned");
    assertEquals(0, rmp.firmware.pageReclaim(0x20_3000), "and after a refusal");
  }

  @Test
  void unsmashWantsPermissionsAndLastPageToAgree() {
    RmpFixture rmp = new RmpFixture();
    for (long page = 0; page < 0x20_0000; page += 0x1000) {
      rmp.update(0, 0x20_0000 + page, 0x40_0000 + page, RmpFixture.GUEST_4K | RmpFixture.IMMUTABLE);
    }
    long last = 0x20_0000 + 511 * 0x1000;
    long good = rmp.q0(last);
    rmp.setQ0(last, good ^ 1L << 12);
    assertEquals(RmpResult.FAIL_PERMISSION, rmp.firmware.pageUnsmash(0x20_0000));
    rmp.setQ0(last, good);
    long permissions = rmp.map.entryAddress(last) + 8;
    rmp.memory.setLong(permissions, RmpFixture.VMPL0 | 0x100);
    assertEquals(RmpResult.FAIL_PERMISSION, rmp.firmware.pageUnsmash(0x20_0000));
    rmp.memory.setLong(permissions, RmpFixture.VMPL0);
    rmp.update(0, 0x40_0000, 0x80_0000, RmpFixture.GUEST_4K);
    long next = rmp.q0(0x40_0000);
    assertEquals(RmpResult.SUCCESS, rmp.firmware.pageUnsmash(0x20_0000));
    rmp.assertEntry(0, 0, last);
    assertEquals(next, rmp.q0(0x40_0000));
  }
}
