package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.hwmodel.rmp.RmpInstructions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Guest over host tables under the RMP: the host's leaf is what must fit the RMP entry. */
class GuestRmpTest {
  private static final long COVERED = 16L << 20;
  private static final int ASID = 5;
  private static final int PASID = 9;
  private static final long GVA = 0x1234_4000_0000L;
  private static final long GPA = 0x60_0000;
  private static final long SPA = 0xa0_0000;
  private static final long RW = GuestMachine.HOST_RW;
  private static final long PRIVATE_2M = 0x5_0000_0101L;
  private static final long PRIVATE_4K = 0x5_0000_0001L;

  private final Machine machine = new Machine(IommuConfig.standard().withGuestTables(), COVERED);
  private final GuestMachine guest = new GuestMachine(machine, 4, 1, 4);
  private final RmpInstructions cpu = new RmpInstructions(machine.rmp(COVERED));

  GuestRmpTest() {
    guest.trust(ASID, -1, false);
  }

  private void mapHost(boolean large) {
    if (large) {
      guest.hostEntry(GPA, 2, RW | SPA);
    } else {
      for (long offset = 0; offset < 0x20_0000; offset += 0x1000) {
        guest.hostEntry(GPA + offset, 1, RW | (SPA + offset));
      }
    }
  }

  private void mapGuest(boolean large) {
    if (large) {
      guest.map(PASID, GVA, 2, GPA | GuestMachine.PRIVATE | GuestMachine.LARGE);
    } else {
      for (long offset = 0; offset < 0x20_0000; offset += 0x1000) {
        guest.map(
            PASID, GVA + offset, 1, (GPA + offset) | GuestMachine.PRIVATE | GuestMachine.LEAF);
      }
    }
  }

  private void makePrivate(boolean large) {
    if (large) {
      assertEquals(0, cpu.rmpUpdate(SPA, GPA, PRIVATE_2M));
    } else {
      for (long offset = 0; offset < 0x20_0000; offset += 0x1000) {
        assertEquals(0, cpu.rmpUpdate(SPA + offset, GPA + offset, PRIVATE_4K));
      }
    }
  }

  /**
   * Whether the guest's leaf, the host's leaf and the RMP entry have 2 MiB; whether it is legal.
   */
  @ParameterizedTest
  @CsvSource({
    "true, true, true, true", "false, true, true, true", "true, false, true, false",
    "false, false, true, false", "true, true, false, false", "false, true, false, false",
    "true, false, false, true", "false, false, false, true"
  })
  void theHostsLeafMeetsTheRmpEntryWhateverTheGuestsIs(
      boolean guestLarge, boolean hostLarge, boolean rmpLarge, boolean legal) {
    mapGuest(guestLarge);
    mapHost(hostLarge);
    makePrivate(rmpLarge);
    for (int round = 0; round < 2; round++) {
      for (long offset : new long[] {0, 0x12_c008, 0x1f_f000}) {
        long expected = legal ? SPA + offset : Outcome.RMP_PAGE_FAULT;
        assertEquals(expected, guest.write(PASID, GVA + offset));
      }
    }
  }

  @Test
  void anRmpFaultLogsTheGuestPhysicalAddressAndNoPasid() {
    mapGuest(true);
    mapHost(true);
    makePrivate(false);
    assertEquals(Outcome.RMP_PAGE_FAULT, guest.write(PASID, GVA + 0x1abc));
    machine.assertEvent(0x0000_0008, 0xd020_0000, GPA + 0x1abc);
  }

  @Test
  void aSmallPieceOfALargeHostLeafIsAskedForAsLargeWhenTheIotlbAnswers() {
    mapGuest(false);
    mapHost(true);
    makePrivate(true);
    assertEquals(SPA, guest.read(PASID, GVA));
    assertEquals(0, cpu.psmash(SPA));
    assertEquals(Outcome.RMP_PAGE_FAULT, guest.read(PASID, GVA));
    machine.assertEvent(0x0000_0008, 0xd000_0000, GPA);
    long table = machine.table();
    for (int i = 0; i < 512; i++) {
      machine.entry(table, i, RW | (SPA + i * 0x1000L));
    }
    guest.hostEntry(GPA, 2, 0x6000_0000_0000_0201L | table);
    assertEquals(Outcome.RMP_PAGE_FAULT, guest.read(PASID, GVA), "the IOTLB has the old leaf");
    machine.flush((GPA | 0xf_f000) | 3);
    assertEquals(SPA, guest.read(PASID, GVA));
  }

  @Test
  void psmashIoDropsWhatGuestTablesMadeOfTheLeaf() {
    mapGuest(false);
    mapHost(true);
    makePrivate(true);
    assertEquals(SPA + 0x1000, guest.read(PASID, GVA + 0x1000));
    long table = machine.table();
    for (int i = 0; i < 512; i++) {
      machine.entry(table, i, RW | (SPA + i * 0x1000L));
    }
    PsmashRing ring = new PsmashRing(machine, 0xc00);
    assertEquals(0xf0, ring.psmash(SPA, table, guest.hostSlot(GPA, 2), machine.gctx(ASID)));
    assertEquals(SPA + 0x1000, guest.read(PASID, GVA + 0x1000));
    machine.assertNoFurtherEvent();
  }

  @Test
  void theGuestsAddressMustBeTheRmpEntrysNotTheDevices() {
    mapHost(true);
    guest.map(PASID, GVA, 2, 0x80_0000 | GuestMachine.PRIVATE | GuestMachine.LARGE);
    guest.hostEntry(0x80_0000, 2, RW | SPA);
    makePrivate(true);
    assertEquals(Outcome.RMP_PAGE_FAULT, guest.read(PASID, GVA));
    guest.map(PASID, GVA, 2, GPA | GuestMachine.PRIVATE | GuestMachine.LARGE);
    assertEquals(SPA, guest.read(PASID, GVA));
  }

  @Test
  void aGuestTableInAPageOfAnotherGuestIsRefusedAtItsEntry() {
    mapGuest(true);
    mapHost(true);
    long directory = guest.path(PASID, GVA, 2);
    assertEquals(0, cpu.rmpUpdate(guest.spaOf(directory), directory, 0x6_0000_0001L));
    assertEquals(Outcome.RMP_PAGE_FAULT, guest.read(PASID, GVA));
    machine.assertEvent(0x0000_0008, 0xd000_0000, directory + Machine.index(GVA, 2) * 8L);
  }

  @Test
  void snpRefusesGuestTablesWithoutAHostTable() {
    GuestMachine alone =
        new GuestMachine(new Machine(IommuConfig.standard().withGuestTables(), COVERED), 0, 1, 4);
    alone.map(0, GVA, 1, SPA | GuestMachine.LEAF);
    assertEquals(Outcome.ILLEGAL_DEV_TABLE_ENTRY, alone.write(0, GVA));
    alone.machine.assertEvent(0x0000_0008, 0x1020_0000, GVA);
    assertEquals(Outcome.ILLEGAL_DEV_TABLE_ENTRY, alone.machine.read(GVA));
    alone.machine.assertEvent(0x0000_0008, 0x1000_0000, GVA);
  }
}
