package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/** What the IOMMU counts of requests through guest tables, one thing after the other. */
class GuestCountsTest {
  private static final int PASID = 5;
  private static final long GVA = 0x12_3456_7000L;
  private static final long GPA = 0x5000;
  private static final long SPA = 0x30_0000;
  private static final long GUEST_WRITABLE = 2;
  private static final long HOST_READ_ONLY = GuestMachine.HOST_RW & ~(1L << 62);
  private static final long EVERYTHING_WITH_DIRECTORIES = 0x7fff_ffff_ffff_f003L;

  private static GuestMachine nested(long hostEntry, long guestEntry) {
    GuestMachine guest = new GuestMachine(3);
    guest.hostEntry(GPA, 1, hostEntry);
    guest.map(PASID, GVA, 1, GPA | guestEntry);
    return guest;
  }

  @Test
  void whatAnInvalidationOfAPasidDrops() {
    GuestMachine guest = new GuestMachine(0);
    Statistics counts = guest.machine.iommu.statistics();
    guest.map(PASID, GVA, 1, SPA | GuestMachine.LEAF);
    guest.map(PASID, GVA + 0x1000, 1, SPA | GuestMachine.LEAF);
    guest.map(PASID + 1, GVA, 1, SPA | GuestMachine.LEAF);
    guest.read(PASID, GVA);
    guest.read(PASID, GVA + 0x1000);
    guest.read(PASID + 1, GVA);
    guest.flush(PASID, GVA);
    assertEquals(1, counts.iotlbDropped);
    assertEquals(0, counts.directoriesDropped);
    for (int times = 0; times < 2; times++) {
      guest.flush(PASID, EVERYTHING_WITH_DIRECTORIES);
      assertEquals(2, counts.iotlbDropped);
      assertEquals(4, counts.directoriesDropped, "of each level's table, the top included");
    }
  }

  @Test
  void aGuestLeafThatForbidsIsAnsweredFromTheCache() {
    GuestMachine guest = new GuestMachine(0);
    Statistics counts = guest.machine.iommu.statistics();
    guest.map(PASID, GVA, 1, SPA | (GuestMachine.LEAF & ~GUEST_WRITABLE));
    assertEquals(SPA, guest.read(PASID, GVA));
    assertEquals(Outcome.IO_PAGE_FAULT, guest.write(PASID, GVA));
    assertEquals(1, counts.iotlbHits);
    assertEquals(1, counts.guestWalks);
    assertEquals(0, counts.markWalks);
  }

  @Test
  void aHostLeafThatForbidsIsAnsweredFromTheCache() {
    GuestMachine guest = nested(HOST_READ_ONLY | SPA, GuestMachine.LEAF);
    Statistics counts = guest.machine.iommu.statistics();
    assertEquals(SPA, guest.read(PASID, GVA));
    long hits = counts.iotlbHits;
    assertEquals(Outcome.IO_PAGE_FAULT, guest.write(PASID, GVA));
    assertEquals(hits + 1, counts.iotlbHits);
    assertEquals(1, counts.guestWalks);
    assertEquals(0, counts.markWalks);
  }

  /** The leaf's own entry comes before what it leads to, and must be marked first. */
  @Test
  void aHostLeafThatForbidsIsWalkedToWhereTheGuestLeafIsNotDirty() {
    GuestMachine guest = nested(HOST_READ_ONLY | SPA, GuestMachine.CLEAN);
    Statistics counts = guest.machine.iommu.statistics();
    assertEquals(SPA, guest.read(PASID, GVA));
    assertEquals(Outcome.IO_PAGE_FAULT, guest.write(PASID, GVA));
    assertEquals(2, counts.guestWalks);
    assertEquals(1, counts.markWalks);
  }

  @Test
  void aGuestEntryThatIsMarkedAlreadyIsNotMarkedAgain() {
    GuestMachine guest = new GuestMachine(IommuConfig.standard().withoutCaches(), 0, 3, 4);
    Statistics counts = guest.machine.iommu.statistics();
    guest.map(PASID, GVA, 1, SPA | GuestMachine.CLEAN);
    guest.write(PASID, GVA);
    assertEquals(1, counts.marks, "the directories have A");
    guest.write(PASID, GVA);
    assertEquals(1, counts.marks);
    assertEquals(0, counts.restarts, "nobody else writes");
  }

  @Test
  void aWalkFromACachedDirectoryIsCounted() {
    GuestMachine guest = new GuestMachine(0);
    Statistics counts = guest.machine.iommu.statistics();
    guest.map(PASID, GVA, 1, SPA | GuestMachine.LEAF);
    guest.map(PASID, GVA + 0x1000, 1, SPA | GuestMachine.LEAF);
    guest.read(PASID, GVA);
    assertEquals(0, counts.directoryHits);
    guest.read(PASID, GVA + 0x1000);
    assertEquals(1, counts.directoryHits);
    assertEquals(8, counts.guestSteps, "one entry below the directory");
  }

  @Test
  void aCacheOfOneEntryAnswersForIt() {
    IommuConfig config = IommuConfig.standard().withIotlb(new CacheShape(0, 1), 1L << 12);
    GuestMachine guest = new GuestMachine(config, 0, 3, 4);
    Statistics counts = guest.machine.iommu.statistics();
    guest.map(PASID, GVA, 1, SPA | GuestMachine.LEAF);
    assertEquals(SPA, guest.read(PASID, GVA));
    assertEquals(SPA + 8, guest.read(PASID, GVA + 8));
    assertEquals(1, counts.iotlbHits);
    assertEquals(1, counts.guestWalks);
  }

  /** No address of a table is taken for a fault because it is 0. */
  @Test
  void guestTablesMayLieInTheFirstPageOfMemory() {
    GuestMachine guest = new GuestMachine(0);
    guest.entry(guest.gcr3Table(PASID), PASID, 1); // the top of the table of the PASID
    guest.map(PASID, 0, 1, SPA | GuestMachine.LEAF);
    assertEquals(SPA, guest.read(PASID, 0));
    assertEquals(SPA, guest.read(PASID, 0));
  }

  @Test
  void aGcr3TableMayLieInTheFirstPageOfMemory() {
    GuestMachine guest = new GuestMachine(0);
    guest.map(0, 0, 1, SPA | GuestMachine.LEAF);
    guest.machine.memory.setLong(0, guest.top(0) | 1);
    long q0 = Machine.deviceQ0(0, 0) | 1L << 55;
    guest.machine.deviceEntry(Machine.DEVICE, q0, Machine.DOMAIN, 0);
    guest.machine.flushAll();
    assertEquals(SPA, guest.read(0, 0));
  }
}
