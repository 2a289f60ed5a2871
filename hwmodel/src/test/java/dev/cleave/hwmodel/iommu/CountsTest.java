package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.hwmodel.rmp.RmpInstructions;
import org.junit.jupiter.api.Test;

/** What the IOMMU counts, one thing after the other. */
class CountsTest {
  private static final long LEAF = 0x7000_0000_0020_0001L;
  private static final long COVERED = 16L << 20;

  private final Machine machine = new Machine();
  private final Statistics counts = machine.iommu.statistics();

  private long leaf() {
    long table = machine.path(3, 0, 1);
    machine.entry(table, 0, LEAF);
    machine.entry(table, 1, LEAF + 0x1000);
    return table;
  }

  @Test
  void requestsHitsMissesWalksAndSteps() {
    leaf();
    machine.read(0);
    assertEquals(1, counts.requests);
    assertEquals(1, counts.deviceEntriesRead);
    assertEquals(1, counts.iotlbMisses);
    assertEquals(0, counts.iotlbHits);
    assertEquals(1, counts.walks);
    assertEquals(3, counts.walkSteps);
    assertEquals(0, counts.directoryHits);
    machine.read(8);
    machine.write(16);
    assertEquals(3, counts.requests);
    assertEquals(2, counts.iotlbHits);
    assertEquals(1, counts.deviceEntriesRead);
    machine.read(0x1000);
    assertEquals(2, counts.iotlbMisses);
    assertEquals(2, counts.walks);
    assertEquals(4, counts.walkSteps, "one entry below the cached directory");
    assertEquals(1, counts.directoryHits);
    assertEquals(0, counts.restarts);
    assertEquals(0, counts.rmpChecks);
  }

  @Test
  void whatInvalidationsDrop() {
    leaf();
    machine.read(0);
    machine.read(0x1000);
    machine.flush(0);
    assertEquals(1, counts.iotlbDropped);
    machine.flushAll();
    assertEquals(2, counts.iotlbDropped);
    assertTrue(counts.directoriesDropped >= 1, counts.directoriesDropped + " directories");
    assertEquals(1, counts.commands(3));
    assertEquals(1, counts.commands(8));
    long dropped = counts.directoriesDropped;
    machine.flushAll();
    assertEquals(dropped, counts.directoriesDropped, "there was none");
    assertEquals(2, counts.iotlbDropped);
  }

  @Test
  void whatAnInvalidationOfADomainDrops() {
    leaf();
    machine.read(0);
    machine.read(0x1000);
    machine.flush(0x7fff_ffff_ffff_f001L);
    assertEquals(2, counts.iotlbDropped);
    assertEquals(0, counts.directoriesDropped);
    machine.flush(0x7fff_ffff_ffff_f003L);
    assertEquals(2, counts.iotlbDropped);
    assertEquals(2, counts.directoriesDropped, "to the tables of level 2 and 1");
  }

  @Test
  void aLeafThatForbidsIsAnsweredFromTheCache() {
    machine.entry(machine.path(3, 0, 1), 0, LEAF & ~(1L << 62));
    machine.read(0);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(0));
    assertEquals(1, counts.iotlbHits);
    assertEquals(1, counts.walks);
  }

  @Test
  void aCachedDirectoryThatForbidsIsAnAnswerWithoutAStep() {
    long above = machine.path(3, 0, 2);
    long table = machine.table();
    machine.entry(above, 0, 0x2000_0000_0000_0201L | table);
    machine.entry(table, 0, LEAF);
    machine.read(0);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(0x1000));
    assertEquals(3, counts.walkSteps);
    assertEquals(1, counts.directoryHits);
  }

  @Test
  void anEntryThatIsMarkedAlreadyIsNotMarkedAgain() {
    Machine uncached = new Machine(IommuConfig.standard().withoutCaches());
    long table = uncached.path(3, 0, 1);
    uncached.entry(table, 0, LEAF);
    long at = Machine.DEVICE_TABLE + 32L * Machine.DEVICE;
    uncached.memory.setLong(at, uncached.memory.getLong(at) | 3L << 7);
    uncached.write(0);
    assertEquals(3, uncached.iommu.statistics().marks, "A of two directories, A and D of the leaf");
    uncached.write(0);
    assertEquals(3, uncached.iommu.statistics().marks);
    assertEquals(0, uncached.iommu.statistics().restarts, "nobody else writes");
  }

  @Test
  void marksAreCountedOnceSet() {
    leaf();
    long at = Machine.DEVICE_TABLE + 32L * Machine.DEVICE;
    machine.memory.setLong(at, machine.memory.getLong(at) | 3L << 7);
    machine.read(0);
    long accessed = counts.marks;
    assertTrue(accessed >= 1, accessed + " marks");
    machine.write(0);
    assertEquals(1, counts.markWalks);
    assertEquals(accessed + 1, counts.marks);
    machine.write(0);
    assertEquals(1, counts.markWalks);
    assertEquals(accessed + 1, counts.marks);
  }

  @Test
  void aTranslationThatWasCachedWithoutMarkIsWalkedToForADeviceThatSetsOne() {
    long table = leaf();
    machine.read(0);
    long at = Machine.DEVICE_TABLE + 32L * Machine.DEVICE;
    machine.memory.setLong(at, machine.memory.getLong(at) | 3L << 7);
    machine.command(2L << 60 | Machine.DEVICE, 0);
    machine.read(0);
    assertEquals(1, counts.markWalks);
    assertEquals(LEAF | 0x20, machine.memory.getLong(table));
  }

  @Test
  void untranslatedRequests() {
    machine.deviceEntry(Machine.DEVICE, 0x6000_0000_0000_0003L, Machine.DOMAIN, 0);
    assertEquals(0x1234, machine.read(0x1234));
    assertEquals(1, counts.untranslated);
    assertEquals(0, counts.walks);
    machine.iommu.writeMmio(0x0018, 0x1004);
    assertEquals(0x1234, machine.read(0x1234));
    assertEquals(2, counts.untranslated);
  }

  @Test
  void lookUpsInTheRmp() {
    Machine checked = new Machine(IommuConfig.standard(), COVERED);
    long table = checked.path(3, 0, 1);
    checked.entry(table, 0, LEAF);
    checked.read(0);
    assertEquals(1, checked.iommu.statistics().rmpChecks);
    assertEquals(
        0, new RmpInstructions(checked.rmp(COVERED)).rmpUpdate(0x20_0000, 0, 0x5_0000_0001L));
    checked.flushAll();
    assertEquals(Outcome.RMP_PAGE_FAULT, checked.read(0));
    assertEquals(2, checked.iommu.statistics().rmpChecks);
  }

  @Test
  void aWalkOfAGuestTableAndWhatItsInvalidationsDrop() {
    GuestMachine guest = new GuestMachine(0);
    Statistics of = guest.machine.iommu.statistics();
    guest.map(5, 0x12_3456_7000L, 1, 0x30_0000 | GuestMachine.LEAF);
    guest.read(5, 0x12_3456_7000L);
    assertEquals(1, of.guestWalks);
    assertEquals(7, of.guestSteps, "three of GCR3, four of the table");
    assertEquals(1, of.iotlbMisses);
    guest.read(5, 0x12_3456_7008L);
    assertEquals(1, of.iotlbHits);
    assertEquals(1, of.iotlbMisses);
    guest.machine.flushAll();
    assertEquals(1, of.iotlbDropped);
    assertTrue(of.directoriesDropped >= 1, of.directoriesDropped + " directories");
  }

  @Test
  void commandsAreCountedByWhoRunsThem() {
    Machine manual = new Machine(IommuConfig.standard().withCommandsOnTailWrite(false));
    assertFalse(manual.iommu.runsCommandsOnTailWrite());
    assertTrue(machine.iommu.runsCommandsOnTailWrite());
    assertNotNull(machine.iommu.dmaGate());
    manual.flushAll();
    manual.flushAll();
    manual.flushAll();
    assertEquals(0, manual.iommu.statistics().commands(8));
    assertEquals(2, manual.iommu.processCommands(2));
    assertEquals(1, manual.iommu.processCommands(9));
    assertEquals(0, manual.iommu.processCommands(9));
    assertEquals(3, manual.iommu.statistics().commands(8));
  }

  @Test
  void addressesAreToldFromFaults() {
    assertTrue(Outcome.isAddress(0));
    assertTrue(Outcome.isAddress(1L << 51));
    assertFalse(Outcome.isAddress(Outcome.IO_PAGE_FAULT));
    assertFalse(Outcome.isAddress(-1));
  }

  /** What the host table is asked for behind a guest's is counted too. */
  @Test
  void lookUpsOfANestedWalk() {
    GuestMachine guest = new GuestMachine(3);
    Statistics of = guest.machine.iommu.statistics();
    long gva = 0x12_3456_7000L;
    guest.hostEntry(0x5000, 1, GuestMachine.HOST_RW | 0x30_0000);
    guest.map(5, gva, 1, 0x5000 | GuestMachine.CLEAN);
    guest.attach(3, true);
    assertEquals(0x30_0000, guest.read(5, gva));
    assertTrue(of.iotlbMisses > 1, of.iotlbMisses + " misses");
    long hits = of.iotlbHits;
    long walks = of.guestWalks;
    assertEquals(0x30_0008, guest.read(5, gva + 8));
    assertEquals(hits + 1, of.iotlbHits);
    assertEquals(walks, of.guestWalks);
    long marks = of.marks;
    long markWalks = of.markWalks;
    assertEquals(0x30_0000, guest.write(5, gva));
    assertTrue(of.markWalks > markWalks, of.markWalks + " walks to mark");
    assertTrue(of.marks > marks, of.marks + " marks");
    markWalks = of.markWalks;
    guest.write(5, gva);
    assertEquals(markWalks, of.markWalks);
  }

  /** No address is taken for a fault because it is 0. */
  @Test
  void theFirstPageOfMemoryIsAnAddress() {
    long table = machine.path(3, 0x5000, 1);
    machine.entry(table, 5, 0x7000_0000_0000_0001L);
    assertEquals(0, machine.read(0x5000));
    assertEquals(0, machine.write(0x5000));
    machine.assertNoFurtherEvent();
    for (int mode : new int[] {0, 3}) {
      GuestMachine guest = new GuestMachine(mode);
      if (mode != 0) {
        guest.hostEntry(0x5000, 1, GuestMachine.HOST_RW);
      }
      guest.map(5, 0x1_0000, 1, (mode == 0 ? 0 : 0x5000) | GuestMachine.LEAF);
      assertEquals(0, guest.read(5, 0x1_0000));
      assertEquals(0, guest.read(5, 0x1_0000));
      assertEquals(1, guest.machine.iommu.statistics().guestWalks, "the second is cached");
      guest.machine.assertNoFurtherEvent();
    }
  }

  @Test
  void interruptMessages() {
    leaf();
    assertEquals(Outcome.INTERRUPT, machine.write(0xfee0_0000L));
    assertEquals(1, counts.interruptMessages);
  }
}
