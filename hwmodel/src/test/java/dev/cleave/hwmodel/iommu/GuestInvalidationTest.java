package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What an invalidation by PASID or of the host table under it drops, and what survives it. */
class GuestInvalidationTest {
  private static final int PASID = GuestMachine.PASID;
  private static final long GVA = 0x1234_4000_0000L;
  private static final long OLD = 0x20_0000;
  private static final long NEW = 0x40_0000;
  private static final long EVERYTHING = 0x7fff_ffff_ffff_f000L;
  private static final long S = 1;
  private static final long PDE = 2;

  private final GuestMachine guest = new GuestMachine(0);
  private final GuestMachine nested = new GuestMachine(6);

  /** The address of a S=1 invalidation of 2^log2 bytes. */
  private static long range(long start, int log2) {
    return ((start | ((1L << log2) - 1)) & ~(1L << (log2 - 1)) & -0x1000L) | S;
  }

  private static void flushHost(GuestMachine now, long q1) {
    now.machine.flush(q1);
  }

  @Test
  void aChangedLeafIsSeenOnlyAfterItsPageIsFlushedForItsPasid() {
    guest.map(PASID, GVA, 1, OLD | GuestMachine.LEAF);
    guest.map(PASID ^ 1, GVA, 1, OLD | GuestMachine.LEAF);
    guest.read(PASID, GVA);
    guest.read(PASID ^ 1, GVA);
    guest.map(PASID, GVA, 1, NEW | GuestMachine.LEAF);
    guest.map(PASID ^ 1, GVA, 1, NEW | GuestMachine.LEAF);
    assertEquals(OLD, guest.read(PASID, GVA));
    guest.flush(PASID, GVA + 0x1000);
    assertEquals(OLD, guest.read(PASID, GVA), "its neighbour was flushed");
    guest.flush(PASID, GVA);
    assertEquals(NEW, guest.read(PASID, GVA));
    assertEquals(OLD, guest.read(PASID ^ 1, GVA));
  }

  /** Every bit of the PASID counts. */
  @Test
  void anotherPasidIsNotTouched() {
    guest.map(PASID, GVA, 1, OLD | GuestMachine.LEAF);
    guest.read(PASID, GVA);
    guest.map(PASID, GVA, 1, NEW | GuestMachine.LEAF);
    for (int bit = 0; bit < 20; bit++) {
      guest.flush(PASID ^ 1 << bit, EVERYTHING | S | PDE);
      assertEquals(OLD, guest.read(PASID, GVA), "bit " + bit);
    }
    guest.flush(PASID, EVERYTHING | S | PDE);
    assertEquals(NEW, guest.read(PASID, GVA));
  }

  @Test
  void anotherDomainIsNotTouched() {
    guest.map(PASID, GVA, 1, OLD | GuestMachine.LEAF);
    guest.read(PASID, GVA);
    guest.map(PASID, GVA, 1, NEW | GuestMachine.LEAF);
    for (int bit = 0; bit < 16; bit++) {
      long domain = Machine.DOMAIN ^ 1L << bit;
      guest.machine.command(3L << 60 | domain << 32 | PASID, EVERYTHING | S | PDE | 4);
      assertEquals(OLD, guest.read(PASID, GVA), "bit " + bit);
    }
  }

  @Test
  void twoDevicesOfOneDomainShareGuestTranslationsAndAnotherDomainDoesNot() {
    guest.map(PASID, GVA, 1, OLD | GuestMachine.LEAF);
    guest.deviceEntry(9, Machine.DOMAIN, 0, true);
    guest.deviceEntry(10, Machine.DOMAIN + 1, 0, true);
    guest.read(PASID, GVA);
    guest.map(PASID, GVA, 1, NEW | GuestMachine.LEAF);
    assertEquals(OLD, guest.machine.iommu.translate(9, PASID, GVA, Request.READ));
    assertEquals(NEW, guest.machine.iommu.translate(10, PASID, GVA, Request.READ));
  }

  @Test
  void hostAndGuestTranslationsOfOneAddressAreTwo() {
    nested.attach(0, false);
    long iova = 0x4000_5000L;
    nested.hostEntry(iova, 1, GuestMachine.HOST_RW | OLD);
    nested.map(0, iova, 1, 0x5000 | GuestMachine.LEAF);
    nested.hostEntry(0x5000, 1, GuestMachine.HOST_RW | NEW);
    for (int round = 0; round < 2; round++) {
      assertEquals(OLD, nested.machine.read(iova));
      assertEquals(NEW, nested.read(0, iova));
    }
  }

  @ParameterizedTest
  @CsvSource({"13", "14", "16", "20", "21", "22", "30", "31", "40", "45"})
  void aRangeDropsItsFirstAndLastPageAndNotTheNeighbours(int log2) {
    // In the upper half, so that the sign-extended bits count too.
    long size = 1L << log2;
    long start = 0xffff_a000_0000_0000L & -size;
    long[] gvas = {start - 0x1000, start, start + size - 0x1000, start + size};
    for (long gva : gvas) {
      guest.map(PASID, gva, 1, OLD | GuestMachine.LEAF);
      assertEquals(OLD, guest.read(PASID, gva));
      guest.map(PASID, gva, 1, NEW | GuestMachine.LEAF);
    }
    guest.flush(PASID, range(start, log2));
    long[] now = {OLD, NEW, NEW, OLD};
    for (int i = 0; i < gvas.length; i++) {
      assertEquals(now[i], guest.read(PASID, gvas[i]), "page " + i);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"7ffffffffffff001", "fffffffffffff001", "0007fffffffff001"})
  void aSizeBeyondAllOthersMeansEverythingOfThePasid(String q1) {
    long[] gvas = {0, 0x7fff_ffff_f000L, 0xffff_8000_0000_0000L, -0x1000L};
    for (long gva : gvas) {
      guest.map(PASID, gva, 1, OLD | GuestMachine.LEAF);
      guest.read(PASID, gva);
      guest.map(PASID, gva, 1, NEW | GuestMachine.LEAF);
    }
    guest.flush(PASID, Long.parseUnsignedLong(q1, 16));
    for (long gva : gvas) {
      assertEquals(NEW, guest.read(PASID, gva));
    }
  }

  @Test
  void aLargeEntrySurvivesTheInvalidationOfAPartOfIt() {
    guest.map(PASID, GVA, 2, OLD | GuestMachine.LARGE);
    guest.read(PASID, GVA + 0x5000);
    guest.map(PASID, GVA, 2, NEW | GuestMachine.LARGE);
    guest.flush(PASID, GVA + 0x5000);
    guest.flush(PASID, range(GVA, 20));
    assertEquals(OLD + 0x5000, guest.read(PASID, GVA + 0x5000));
    guest.flush(PASID, range(GVA, 21));
    assertEquals(NEW + 0x5000, guest.read(PASID, GVA + 0x5000));
  }

  @Test
  void guestDirectoriesSurviveWithoutPdeAndGoWithIt() {
    guest.map(PASID, GVA, 1, OLD | GuestMachine.LEAF);
    guest.read(PASID, GVA);
    long above = guest.path(PASID, GVA, 2);
    guest.entry(above, Machine.index(GVA, 2), NEW | GuestMachine.LARGE);
    guest.flush(PASID, EVERYTHING | S);
    assertEquals(OLD, guest.read(PASID, GVA));
    guest.flush(PASID, range(GVA, 20) | PDE);
    assertEquals(OLD, guest.read(PASID, GVA), "the directory is larger than the range");
    guest.flush(PASID ^ 1, range(GVA, 21) | PDE);
    assertEquals(OLD, guest.read(PASID, GVA), "that was another PASID");
    guest.flush(PASID, range(GVA, 21) | PDE);
    assertEquals(NEW, guest.read(PASID, GVA));
  }

  @Test
  void aLargeGuestDirectoryMayAlsoGo() {
    IommuConfig lenient = IommuConfig.standard().withDirectories(new CacheShape(6, 4), false);
    GuestMachine now = new GuestMachine(lenient, 0, 3, 4);
    now.map(PASID, GVA, 1, OLD | GuestMachine.LEAF);
    now.read(PASID, GVA);
    now.entry(now.path(PASID, GVA, 2), Machine.index(GVA, 2), NEW | GuestMachine.LARGE);
    now.flush(PASID ^ 1, GVA | PDE);
    assertEquals(OLD, now.read(PASID, GVA));
    now.flush(PASID, GVA | PDE);
    assertEquals(NEW, now.read(PASID, GVA));
  }

  @Test
  void whereATableBeginsIsCachedUntilEverythingOfThePasidGoes() {
    guest.map(PASID, GVA, 1, OLD | GuestMachine.LEAF);
    guest.read(PASID, GVA);
    long other = guest.table();
    guest.entry(guest.gcr3Table(PASID), PASID & 0x1ff, other | 1);
    guest.flush(PASID, range(GVA, 47) | PDE);
    assertEquals(Outcome.IO_PAGE_FAULT, guest.read(PASID, GVA + (1L << 39)));
    assertEquals(OLD, guest.read(PASID, GVA), "the old table");
    guest.map(PASID, GVA, 1, NEW | GuestMachine.LEAF);
    guest.flush(PASID, EVERYTHING | S | PDE);
    assertEquals(NEW, guest.read(PASID, GVA));
  }

  @Test
  void withoutDirectoryCacheAGcr3EntryIsReadAnew() {
    IommuConfig bare = IommuConfig.standard().withDirectories(CacheShape.NONE, true);
    GuestMachine now = new GuestMachine(bare, 0, 3, 4);
    now.map(PASID, GVA, 1, OLD | GuestMachine.LEAF);
    now.read(PASID, GVA);
    now.entry(now.gcr3Table(PASID), PASID & 0x1ff, now.table() | 1);
    now.map(PASID, GVA, 1, NEW | GuestMachine.LEAF);
    assertEquals(OLD, now.read(PASID, GVA));
    now.flush(PASID, GVA);
    assertEquals(NEW, now.read(PASID, GVA));
  }

  @Test
  void anInvalidationOfTheHostTableSparesWhatHasNone() {
    guest.map(PASID, GVA, 1, OLD | GuestMachine.LEAF);
    guest.read(PASID, GVA);
    guest.map(PASID, GVA, 1, NEW | GuestMachine.LEAF);
    flushHost(guest, EVERYTHING | S | PDE);
    assertEquals(OLD, guest.read(PASID, GVA));
    guest.machine.flushAll();
    assertEquals(NEW, guest.read(PASID, GVA));
  }

  /** Where the guest leaf leads, in guest physical addresses. */
  private static final long GPA = 0x5_0000_0000_0000L;

  private void mapNested(int pasid, long gva, long gpa, long spa) {
    nested.map(pasid, gva, 1, gpa | GuestMachine.LEAF);
    nested.hostEntry(gpa, 1, GuestMachine.HOST_RW | spa);
    assertEquals(spa, nested.read(pasid, gva));
  }

  @ParameterizedTest
  @CsvSource({"12", "13", "16", "20", "21", "30", "40", "48"})
  void aChangeOfTheHostTableIsFlushedByGuestPhysicalRangeForEveryPasid(int log2) {
    long size = 1L << log2;
    long start = GPA & -size;
    long[] gpas = {start - 0x1000, start, start + size - 0x1000, start + size};
    int[] pasids = {PASID, 0};
    for (int i = 0; i < gpas.length; i++) {
      for (int pasid : pasids) {
        mapNested(pasid, GVA + i * 0x1000L, gpas[i], OLD);
      }
    }
    for (long gpa : gpas) {
      nested.hostEntry(gpa, 1, GuestMachine.HOST_RW | NEW);
    }
    flushHost(nested, log2 == 12 ? start : range(start, log2));
    long[] now = {OLD, NEW, NEW, OLD};
    for (int i = 0; i < gpas.length; i++) {
      for (int pasid : pasids) {
        assertEquals(now[i], nested.read(pasid, GVA + i * 0x1000L), "page " + i);
      }
    }
  }

  @Test
  void aGuestInvalidationLeavesTheHostsTranslationOfTheGuestPhysicalAddress() {
    mapNested(PASID, GVA, GPA, OLD);
    nested.hostEntry(GPA, 1, GuestMachine.HOST_RW | NEW);
    nested.flush(PASID, EVERYTHING | S | PDE);
    assertEquals(OLD, nested.read(PASID, GVA));
    flushHost(nested, GPA);
    assertEquals(NEW, nested.read(PASID, GVA));
  }

  @Test
  void aLargeTranslationOfBothSurvivesTheInvalidationOfAPartOfItsGuestPhysicalRange() {
    nested.map(PASID, GVA, 2, GPA | GuestMachine.LARGE);
    nested.hostEntry(GPA, 3, GuestMachine.HOST_RW | 1L << 30);
    assertEquals(1L << 30, nested.read(PASID, GVA));
    nested.hostEntry(GPA, 3, GuestMachine.HOST_RW | 1L << 31);
    flushHost(nested, range(GPA, 20));
    assertEquals(1L << 30, nested.read(PASID, GVA));
    flushHost(nested, range(GPA, 21));
    assertEquals(1L << 30, nested.read(PASID, GVA), "the host's own entry has 1 GiB");
    flushHost(nested, range(GPA, 30));
    assertEquals(1L << 31, nested.read(PASID, GVA));
  }

  @Test
  void aMovedGuestTableIsFoundThroughTheHostTableOnceItsOldPlaceIsFlushed() {
    mapNested(PASID, GVA, GPA, OLD);
    mapNested(PASID, GVA + 0x1000, GPA + 0x1000, OLD);
    long leaves = nested.path(PASID, GVA, 1);
    nested.entry(leaves, Machine.index(GVA, 1), 0);
    // The host gives the guest's leaf table another page, with another content.
    nested.hostEntry(leaves, 1, GuestMachine.HOST_RW | nested.machine.table());
    nested.entry(leaves, Machine.index(GVA, 1), (GPA + 0x1000) | GuestMachine.LEAF);
    nested.hostEntry(GPA + 0x1000, 1, GuestMachine.HOST_RW | NEW);
    flushHost(nested, GPA + 0x1000);
    nested.flush(PASID, GVA);
    assertEquals(Outcome.IO_PAGE_FAULT, nested.read(PASID, GVA), "the old page was cached");
    flushHost(nested, leaves);
    assertEquals(NEW, nested.read(PASID, GVA));
  }

  @Test
  void aStaleRightOfEitherStageIsUsedUntilItIsFlushed() {
    nested.map(PASID, GVA, 1, GPA | 0x65);
    nested.hostEntry(GPA, 1, GuestMachine.HOST_RW | OLD);
    nested.read(PASID, GVA);
    nested.map(PASID, GVA, 1, GPA | 0x67);
    assertEquals(Outcome.IO_PAGE_FAULT, nested.write(PASID, GVA));
    nested.flush(PASID, GVA);
    assertEquals(OLD, nested.write(PASID, GVA));
    nested.hostEntry(GPA, 1, 0x3000_0000_0000_0001L | OLD);
    assertEquals(OLD, nested.write(PASID, GVA));
    flushHost(nested, GPA);
    assertEquals(Outcome.IO_PAGE_FAULT, nested.write(PASID, GVA));
    assertEquals(OLD, nested.read(PASID, GVA));
    nested.hostEntry(GPA, 1, GuestMachine.HOST_RW | OLD);
    assertEquals(Outcome.IO_PAGE_FAULT, nested.write(PASID, GVA));
    flushHost(nested, GPA);
    assertEquals(OLD, nested.write(PASID, GVA));
  }

  @Test
  void invalidateAllForgetsGuestTranslationsAndDirectories() {
    guest.map(PASID, GVA, 1, OLD | GuestMachine.LEAF);
    guest.read(PASID, GVA);
    guest.entry(guest.gcr3Table(PASID), PASID & 0x1ff, guest.table() | 1);
    guest.map(PASID, GVA, 1, NEW | GuestMachine.LEAF);
    guest.machine.flushAll();
    assertEquals(NEW, guest.read(PASID, GVA));
  }

  @Test
  void aDevicesOwnCacheIsToldThePasidWhoseThreePiecesTheCommandHas() {
    List<String> told = new ArrayList<>();
    guest.machine.iommu.attachCache(
        5,
        new DeviceCache() {
          @Override
          public boolean invalidate(long start, int log2) {
            return told.add("%x %d".formatted(start, log2));
          }

          @Override
          public boolean invalidate(int pasid, long start, int log2) {
            return told.add("pasid %x %x %d".formatted(pasid, start, log2));
          }
        });
    guest.machine.deviceEntry(5, 0, 1L << 32, 0);
    guest.machine.command(0x4945_0000_0023_0005L, GVA | 4);
    guest.machine.command(0x4945_0000_0023_0005L, range(GVA, 21));
    guest.machine.command(0x4945_0000_0023_0005L, EVERYTHING | 5);
    assertEquals(
        List.of("pasid 92345 123440000000 12", "123440000000 21", "pasid 92345 0 64"), told);
  }

  @Test
  void aDeviceThatDoesNotTellProcessesApartDropsTheRangeForAll() {
    List<Long> told = new ArrayList<>();
    guest.machine.iommu.attachCache(5, (start, log2) -> told.add(start));
    guest.machine.deviceEntry(5, 0, 1L << 32, 0);
    guest.machine.command(4L << 60 | 5, GVA | 4);
    assertEquals(List.of(GVA), told);
    guest.machine.assertNoFurtherEvent();
  }

  @Test
  void aDeviceThatDoesNotTellProcessesApartAndDoesNotAnswerIsATimeout() {
    guest.machine.iommu.attachCache(5, (start, log2) -> false);
    guest.machine.deviceEntry(5, 0, 1L << 32, 0);
    guest.machine.command(4L << 60 | 5, GVA | 4);
    guest.machine.assertEvent(5, 0x7000_0000, Machine.COMMANDS + 16);
  }
}
