package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.hwmodel.rmp.RmpInstructions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A trusted device under a secure virtual IOMMU: the guest's own table says what is private. */
class TrustedGuestTableTest {
  private static final long COVERED = 16L << 20;
  private static final int ASID = 5;
  private static final int PASID = 9;
  private static final long GVA = 0x1234_4000_0000L;
  private static final long GPA = 0x60_0000;
  private static final long SPA = 0xa0_0000;
  private static final long RW = GuestMachine.HOST_RW;

  private final Machine machine = new Machine(IommuConfig.standard().withGuestTables(), COVERED);
  private final GuestMachine guest = new GuestMachine(machine, 4, 1, 4);
  private final RmpInstructions cpu = new RmpInstructions(machine.rmp(COVERED));

  /** A private page and a shared one, each mapped by the guest as both. */
  private void map(int pasid) {
    guest.hostEntry(GPA, 1, RW | SPA);
    guest.hostEntry(GPA + 0x1000, 1, RW | SPA + 0x1000);
    assertEquals(0, cpu.rmpUpdate(SPA, GPA, 0x5_0000_0001L));
    long leaf = GPA | GuestMachine.LEAF;
    guest.map(pasid, GVA, 1, leaf | GuestMachine.PRIVATE);
    guest.map(pasid, GVA + 0x1000, 1, leaf + 0x1000);
    guest.map(pasid, GVA + 0x2000, 1, leaf);
    guest.map(pasid, GVA + 0x3000, 1, leaf + 0x1000 | GuestMachine.PRIVATE);
  }

  @Test
  void theCBitOfTheGuestsLeafDecidesPageByPage() {
    guest.trust(ASID, -1, false);
    map(PASID);
    for (int round = 0; round < 2; round++) {
      assertEquals(SPA + 8, guest.write(PASID, GVA + 8));
      assertEquals(SPA + 0x1008, guest.write(PASID, GVA + 0x1008));
      assertEquals(Outcome.RMP_PAGE_FAULT, guest.write(PASID, GVA + 0x2008));
      machine.assertEvent(0x0000_0008, 0xd020_0000, GPA + 8);
      assertEquals(Outcome.RMP_PAGE_FAULT, guest.read(PASID, GVA + 0x3008));
      machine.assertEvent(0x0000_0008, 0xd000_0000, GPA + 0x1008);
    }
    assertEquals(SPA, guest.read(PASID, GVA));
    assertEquals(0, cpu.rmpUpdate(SPA, 0, 0));
    assertEquals(Outcome.RMP_PAGE_FAULT, guest.read(PASID, GVA), "no longer private, but cached");
  }

  @Test
  void theCBitIsNoPartOfAnAddress() {
    guest.trust(ASID, -1, true);
    map(0);
    assertEquals(SPA, machine.read(GVA), "without PASID, by the table of PASID 0");
    long directory = guest.path(0, GVA, 2);
    int index = Machine.index(GVA, 2);
    guest.entry(directory, index, guest.entryOf(directory, index) | GuestMachine.PRIVATE);
    long gcr3 = guest.gcr3Table(0);
    guest.entry(gcr3, 0, guest.entryOf(gcr3, 0) | GuestMachine.PRIVATE);
    machine.flushAll();
    assertEquals(SPA, machine.read(GVA));
  }

  @Test
  void withoutGiovARequestWithoutPasidGoesByVTom() {
    guest.trust(ASID, 1L << 40, false);
    map(0);
    guest.hostEntry((1L << 40) + GPA + 0x1000, 1, RW | SPA + 0x1000);
    assertEquals(SPA, machine.read(GPA));
    assertEquals(SPA + 0x1000, machine.read((1L << 40) + GPA + 0x1000));
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA + 0x1000));
    assertEquals(SPA + 0x1000, guest.read(0, GVA + 0x1000), "with PASID, by its table");
  }

  @Test
  void aTableOfTheGuestsInASharedPageIsRefusedAtItsEntry() {
    guest.trust(ASID, -1, false);
    map(PASID);
    long directory = guest.path(PASID, GVA, 2);
    assertEquals(0, cpu.rmpUpdate(guest.spaOf(directory), 0, 0));
    assertEquals(Outcome.RMP_PAGE_FAULT, guest.read(PASID, GVA));
    machine.assertEvent(0x0000_0008, 0xd000_0000, directory + Machine.index(GVA, 2) * 8L);
  }

  @Test
  void anUntrustedRequestGoesByTheHostsTableAlone() {
    guest.trust(ASID, -1, true);
    map(PASID);
    machine.trusted = false;
    assertEquals(SPA + 0x1000, machine.read(GPA + 0x1000));
    assertEquals(Outcome.IO_PAGE_FAULT, guest.read(PASID, GVA));
    machine.assertEvent(0x0000_0008, 0x2005_0009, GVA);
  }

  /** More levels than the features announce, in the secure entry. */
  @ParameterizedTest
  @ValueSource(ints = {57, 183})
  void levelsThatTheFeaturesLackMakeTheSecureEntryIllegal(int bit) {
    guest.trust(ASID, -1, false);
    map(PASID);
    long[] words = machine.iommu.firmware().entry(Machine.DEVICE);
    words[bit / 64] |= 3L << (bit % 64 - 1);
    machine.iommu.firmware().write(Machine.DEVICE, words);
    assertEquals(Outcome.ILLEGAL_DEV_TABLE_ENTRY, guest.read(PASID, GVA));
    machine.assertEvent(0x0000_0008, 0x1080_0000, GVA);
  }

  @Test
  void aFlushOfTheGuestsPagesReachesATrustedDevices() {
    guest.trust(ASID, -1, false);
    map(PASID);
    assertEquals(SPA, guest.read(PASID, GVA));
    guest.map(PASID, GVA, 1, GPA + 0x1000 | GuestMachine.LEAF);
    assertEquals(SPA, guest.read(PASID, GVA));
    guest.flush(PASID, GVA);
    assertEquals(SPA + 0x1000, guest.read(PASID, GVA));
    guest.hostEntry(GPA + 0x1000, 1, 0);
    machine.flush(GPA + 0x1000);
    assertEquals(Outcome.IO_PAGE_FAULT, guest.read(PASID, GVA));
  }
}
