package dev.cleave.hwmodel.rmp;

import static dev.cleave.hwmodel.rmp.RmpFixture.ASID;
import static dev.cleave.hwmodel.rmp.RmpFixture.GUEST_2M;
import static dev.cleave.hwmodel.rmp.RmpFixture.GUEST_4K;
import static dev.cleave.hwmodel.rmp.RmpFixture.IMMUTABLE;
import static dev.cleave.hwmodel.rmp.RmpFixture.VMPL0;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class SmashTest {
  private static final long REGION = 0x20_0000;
  private static final long GPA = 0x60_0000;
  private static final long VALIDATED = 1L << 62;
  private static final long VMSA = 1L << 61;
  private final RmpFixture rmp = new RmpFixture();

  private void assign2m() {
    rmp.update(0, REGION, GPA, GUEST_2M);
    assertEquals(0, rmp.cpu.pvalidate(REGION, GPA, ASID, true, true));
  }

  @Test
  void psmashMakes512EntriesWithConsecutiveAddressesThatStayValidated() {
    assign2m();
    assertEquals(0, rmp.cpu.psmash(REGION));
    rmp.assertEntry(VALIDATED | 0x0028_0000_0060_0ff9L, VMPL0, REGION);
    for (int page = 1; page < 512; page++) {
      long spa = REGION + page * 0x1000L;
      rmp.assertEntry(VALIDATED | 0x0028_0000_0060_0001L + page * 0x1000L, VMPL0, spa);
    }
    rmp.assertEntry(0, 0, REGION + 0x20_0000);
  }

  @Test
  void psmashRefusesWhatIsMisalignedUncoveredOrNotLarge() {
    assertEquals(1, rmp.cpu.psmash(REGION + 0x1000));
    assertEquals(1, rmp.cpu.psmash(0x80_0000));
    assertEquals(1, rmp.cpu.psmash(REGION));
    rmp.update(0, REGION, GPA, GUEST_4K);
    assertEquals(1, rmp.cpu.psmash(REGION));
    rmp.assertEntry(0x0028_0000_0060_0001L, VMPL0, REGION);
  }

  @Test
  void psmashRefusesAnImmutableALockedAndAVmsaEntry() {
    rmp.update(0, REGION, GPA, GUEST_2M | IMMUTABLE);
    assertEquals(2, rmp.cpu.psmash(REGION));
    rmp.setQ0(REGION, 0x8028_0000_0060_0003L);
    assertEquals(3, rmp.cpu.psmash(REGION));
    rmp.setQ0(REGION, VMSA | 0x0028_0000_0060_0003L);
    assertEquals(7, rmp.cpu.psmash(REGION));
    rmp.assertEntry(VMSA | 0x0028_0000_0060_0003L, VMPL0, REGION);
  }

  @Test
  void unsmashUndoesPsmashOnceAllPagesAreImmutable() {
    assign2m();
    assertEquals(0, rmp.cpu.psmash(REGION));
    makeImmutable();
    rmp.update(0, 2 * REGION, GPA, GUEST_4K);
    assertEquals(0, rmp.firmware.pageUnsmash(REGION));
    rmp.assertEntry(0x0028_0000_0060_0001L, VMPL0, 2 * REGION);
    rmp.assertEntry(VALIDATED | 0x0028_0000_0060_0007L, VMPL0, REGION);
    rmp.assertEntry(0, 0, REGION + 0x1000);
    rmp.assertEntry(0, 0, REGION + 0x1f_f000);
    assertEquals(0, rmp.firmware.pageReclaim(REGION));
    rmp.assertEntry(VALIDATED | 0x0028_0000_0060_0003L, VMPL0, REGION);
  }

  private void makeImmutable() {
    for (long page = 0; page < 0x20_0000; page += 0x1000) {
      rmp.update(0, REGION + page, GPA + page, GUEST_4K | IMMUTABLE);
    }
  }

  @Test
  void unsmashRefusesPagesThatDoNotAgree() {
    rmp.update(0, REGION, GPA, GUEST_2M);
    assertEquals(0, rmp.cpu.psmash(REGION));
    assertEquals(2, rmp.firmware.pageUnsmash(REGION), "not immutable");
    makeImmutable();
    long middle = REGION + 0x7_7000;
    long good = rmp.q0(middle);
    long[] bad = {
      0, good ^ 1L << 2, good ^ 1L << 12, good ^ 1L << 51, good ^ 1L << 61, good ^ 1L << 62,
    };
    for (long q0 : bad) {
      rmp.setQ0(middle, q0);
      assertEquals(2, rmp.firmware.pageUnsmash(REGION), "0x%x".formatted(q0));
    }
    rmp.setQ0(middle, good);
    rmp.memory.setLong(RmpFixture.BASE + 0x4000 + (middle >>> 12) * 16 + 8, 0x11f);
    assertEquals(2, rmp.firmware.pageUnsmash(REGION), "other permissions");
    rmp.memory.setLong(RmpFixture.BASE + 0x4000 + (middle >>> 12) * 16 + 8, VMPL0);
    assertEquals(0, rmp.firmware.pageUnsmash(REGION));
  }

  @Test
  void unsmashRefusesARegionWhoseGuestAddressIsNotAligned() {
    for (long page = 0; page < 0x20_0000; page += 0x1000) {
      rmp.update(0, REGION + page, GPA + 0x1000 + page, GUEST_4K | IMMUTABLE);
    }
    assertEquals(2, rmp.firmware.pageUnsmash(REGION));
  }

  @Test
  void unsmashRefusesTheFirmwaresPages() {
    for (long page = 0; page < 0x20_0000; page += 0x1000) {
      rmp.update(0, REGION + page, GPA + page, 1 | IMMUTABLE);
    }
    assertEquals(2, rmp.firmware.pageUnsmash(REGION));
  }

  @Test
  void unsmashRefusesVmSaveAreas() {
    makeImmutable();
    for (long page = 0; page < 0x20_0000; page += 0x1000) {
      rmp.setQ0(REGION + page, rmp.q0(REGION + page) | VMSA);
    }
    assertEquals(2, rmp.firmware.pageUnsmash(REGION));
  }

  @Test
  void unsmashRefusesBadInputAndALockedRegion() {
    assertEquals(1, rmp.firmware.pageUnsmash(REGION + 0x1000));
    assertEquals(1, rmp.firmware.pageUnsmash(0x80_0000));
    assertEquals(2, rmp.firmware.pageUnsmash(REGION));
    rmp.update(0, REGION, GPA, GUEST_2M);
    assertEquals(1, rmp.firmware.pageUnsmash(REGION));
    rmp.setQ0(REGION, 1L << 63);
    assertEquals(3, rmp.firmware.pageUnsmash(REGION));
    assertEquals(3, rmp.firmware.pageReclaim(REGION));
  }

  @Test
  void reclaimRefusesWhatIsNotAssigned() {
    assertEquals(1, rmp.firmware.pageReclaim(REGION));
    assertEquals(1, rmp.firmware.pageReclaim(REGION + 8));
    assertEquals(1, rmp.firmware.pageReclaim(0x80_0000));
  }
}
