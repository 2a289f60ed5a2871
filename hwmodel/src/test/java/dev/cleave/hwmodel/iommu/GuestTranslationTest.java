package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Guest tables without a host table under them: what is translated, and to where. */
class GuestTranslationTest {
  private static final int PASID = GuestMachine.PASID;
  private static final long GVA = 0x1234_5678_9000L;
  private static final long PAGE = 0x7_1234_5000L;

  private final GuestMachine guest = new GuestMachine(0);

  private static void assertAddress(long expected, long actual) {
    assertEquals(Machine.hex(expected), Machine.hex(actual));
  }

  /** PASIDs at the ends of what each number of GCR3 levels decodes. */
  @ParameterizedTest
  @CsvSource({
    "1, 0",
    "1, 1",
    "1, 511",
    "2, 0",
    "2, 512",
    "2, 262143",
    "3, 262144",
    "3, 1048575",
    "3, 513"
  })
  void everyHeightOfTheGcr3TableLeadsToItsPasids(int levels, int pasid) {
    GuestMachine now = new GuestMachine(IommuConfig.standard(), 0, levels, 4);
    now.map(pasid, GVA, 1, PAGE | GuestMachine.LEAF);
    assertAddress(PAGE + 0xabc, now.read(pasid, GVA + 0xabc));
  }

  @Test
  void aProcessMayHaveItsMemoryWhereTheHyperTransportRangeIs() {
    guest.map(7, 0xfd_f800_0000L, 1, PAGE | GuestMachine.LEAF);
    assertAddress(PAGE + 0x20, guest.read(7, 0xfd_f800_0020L));
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 5})
  void everyLeafSizeTranslatesItsFirstMiddleAndLastByte(int levels) {
    GuestMachine now = new GuestMachine(IommuConfig.standard(), 0, 1, levels);
    long high = levels == 5 ? 0x00ab_0000_0000_0000L : 0;
    for (int level = 1; level <= 3; level++) {
      long size = 1L << (12 + 9 * (level - 1));
      long gva = high + (0x1230_0000_0000L | (long) level << 39);
      long paddr = 0xa_7144_4000_0000L + size;
      now.map(7, gva, level, paddr | (level == 1 ? GuestMachine.LEAF : GuestMachine.LARGE));
      for (long offset : new long[] {0, size / 2 + 7, size - 1}) {
        assertAddress(paddr + offset, now.read(7, gva + offset));
        now.machine.flushAll();
        assertAddress(paddr + offset, now.write(7, gva + offset));
      }
      assertEquals(Outcome.IO_PAGE_FAULT, now.read(7, gva + size));
    }
  }

  @Test
  void twoPasidsHaveTwoSpaces() {
    guest.map(1, GVA, 1, PAGE | GuestMachine.LEAF);
    guest.map(2, GVA, 1, (PAGE + 0x1000) | GuestMachine.LEAF);
    for (int round = 0; round < 2; round++) {
      assertAddress(PAGE, guest.read(1, GVA));
      assertAddress(PAGE + 0x1000, guest.read(2, GVA));
      assertEquals(Outcome.IO_PAGE_FAULT, guest.read(3, GVA));
    }
  }

  @Test
  void requestsWithoutPasidUsePasidZeroWithGiov() {
    guest.map(0, GVA, 1, PAGE | GuestMachine.LEAF);
    assertAddress(PAGE, guest.machine.read(GVA));
    assertAddress(PAGE, guest.read(Request.NO_PASID, GVA));
    assertAddress(PAGE, guest.read(0, GVA));
    assertEquals(2, guest.machine.iommu.statistics().iotlbHits, "one tag for all of them");
  }

  @Test
  void requestsWithoutPasidSkipGuestTablesWithoutGiov() {
    guest.map(0, GVA, 1, PAGE | GuestMachine.LEAF);
    guest.attach(0, false);
    assertAddress(GVA, guest.machine.read(GVA));
    assertAddress(PAGE, guest.read(0, GVA));
  }

  @Test
  void requestsWithoutPasidUseTheHostTableWithoutGiov() {
    GuestMachine nested = new GuestMachine(4);
    nested.attach(0, false);
    nested.hostEntry(0x5000, 1, GuestMachine.HOST_RW | 0x12_3000);
    nested.map(0, GVA, 1, 0x5000 | GuestMachine.LEAF);
    assertAddress(0x12_3008L, nested.machine.read(0x5008));
    assertAddress(0x12_3008L, nested.read(0, GVA + 8));
    nested.attach(0, true);
    assertAddress(0x12_3008L, nested.machine.read(GVA + 8));
    assertEquals(Outcome.IO_PAGE_FAULT, nested.machine.read(0x5008));
  }

  /** Rule, PASID or none, levels, address, whether the table translates it. */
  @ParameterizedTest
  @CsvSource({
    "SIGN_EXTENDED, 9, 4, 00007ffffffff000, true",
    "SIGN_EXTENDED, 9, 4, 0000800000000000, false",
    "SIGN_EXTENDED, 9, 4, ffff7ffffffff000, false",
    "SIGN_EXTENDED, 9, 4, ffff800000000000, true",
    "SIGN_EXTENDED, 9, 4, fffffffffffff000, true",
    "SIGN_EXTENDED, -1, 4, ffff800000000000, true",
    "SIGN_EXTENDED, 9, 5, 00fffffffffff000, true",
    "SIGN_EXTENDED, 9, 5, 0100000000000000, false",
    "SIGN_EXTENDED, 9, 5, feffffffff000000, false",
    "SIGN_EXTENDED, 9, 5, ff00000000000000, true",
    "ZERO_EXTENDED, 9, 4, 0000fffffffff000, true",
    "ZERO_EXTENDED, 9, 4, 0001000000000000, false",
    "ZERO_EXTENDED, 9, 4, ffff800000000000, false",
    "ZERO_EXTENDED, -1, 5, 01fffffffffff000, true",
    "ZERO_EXTENDED, -1, 5, 0200000000000000, false",
    "LOWER_HALF, 9, 4, 00007ffffffff000, true",
    "LOWER_HALF, 9, 4, 0000800000000000, false",
    "LOWER_HALF, 9, 4, ffff800000000000, false",
    "LOWER_HALF, -1, 5, 00fffffffffff000, true",
    "LOWER_HALF, -1, 5, 0100000000000000, false",
    "BY_PASID, 9, 4, ffff800000000000, true",
    "BY_PASID, 9, 4, 0000800000000000, false",
    "BY_PASID, -1, 4, 0000800000000000, true",
    "BY_PASID, -1, 4, ffff800000000000, false",
  })
  void aTableTranslatesTheAddressesOfItsRule(
      GuestAddresses rule, int pasid, int levels, String address, boolean holds) {
    IommuConfig config = IommuConfig.standard().withGuestAddresses(rule);
    GuestMachine now = new GuestMachine(config, 0, 1, levels);
    long gva = Long.parseUnsignedLong(address, 16);
    now.map(Math.max(pasid, 0), gva, 1, PAGE | GuestMachine.LEAF);
    for (int round = 0; round < 2; round++) {
      long outcome = now.read(pasid, gva | 0x18);
      assertAddress(holds ? PAGE | 0x18 : Outcome.IO_PAGE_FAULT, outcome);
    }
  }

  @ParameterizedTest
  @EnumSource(GuestAddresses.class)
  void theLowerHalfIsGoodUnderEveryRule(GuestAddresses rule) {
    GuestMachine now = new GuestMachine(IommuConfig.standard().withGuestAddresses(rule), 0, 1, 5);
    long gva = 0x00ff_ffff_ffff_f000L;
    now.map(0, gva, 1, PAGE | GuestMachine.LEAF);
    assertAddress(PAGE, now.read(Request.NO_PASID, gva));
    assertAddress(PAGE, now.read(0, gva));
  }

  @Test
  void theInterruptWindowIsNoMemoryOfAProcessEither() {
    guest.map(PASID, 0xfee0_0000L, 1, PAGE | GuestMachine.LEAF);
    assertEquals(Outcome.INTERRUPT, guest.write(PASID, 0xfee0_0000L));
  }

  @Test
  void theExclusionRangeIsNotForRequestsWithPasid() {
    guest.machine.iommu.writeMmio(0x20, 0x5000 | 3);
    guest.machine.iommu.writeMmio(0x28, 0x6000);
    guest.map(0, 0x5000, 1, PAGE | GuestMachine.LEAF);
    assertAddress(PAGE, guest.read(0, 0x5000));
    assertAddress(0x5000, guest.machine.read(0x5000));
  }

  @Test
  void ignoredBitsChangeNothing() {
    // Software bits 9 to 11 and 52 to 62, PWT, PCD, and PAT where it is in a leaf of 4 KiB.
    guest.map(PASID, GVA, 1, PAGE | GuestMachine.LEAF | 0x7ff0_0000_0000_0e98L);
    assertAddress(PAGE, guest.read(PASID, GVA));
    guest.map(PASID, 0x4000_0000, 2, 0x20_0000 | GuestMachine.LARGE | 0x7ff0_0000_0000_1e18L);
    assertAddress(0x20_0008, guest.read(PASID, 0x4000_0008));
  }

  @Test
  void theEncryptionBitIsNoPartOfAnAddress() {
    GuestMachine encrypted =
        new GuestMachine(IommuConfig.standard().withEncryptionBit(1L << 47), 0, 1, 4);
    long bit = 1L << 47;
    long leaves = encrypted.map(7, GVA, 1, PAGE | bit | GuestMachine.LEAF);
    long above = encrypted.path(7, GVA, 2);
    encrypted.entry(above, Machine.index(GVA, 2), leaves | bit | GuestMachine.DIRECTORY);
    encrypted.map(7, 0x4000_0000, 2, 0x20_0000 | bit | GuestMachine.LARGE);
    encrypted.entry(encrypted.gcr3, 7, encrypted.top(7) | bit | 1);
    assertAddress(PAGE + 8, encrypted.read(7, GVA + 8));
    assertAddress(0x20_0008, encrypted.write(7, 0x4000_0008));
  }

  /** Rights of directory and leaf as RW and U, NX bits; whether a request passes. */
  @ParameterizedTest
  @CsvSource({
    "7, 7, 0, 0, true",
    "7, 7, 0, 1, true",
    "7, 7, 0, 3, true",
    "5, 7, 0, 0, true",
    "5, 7, 0, 1, false",
    "7, 5, 0, 1, false",
    "7, 5, 0, 0, true",
    "3, 7, 0, 0, false",
    "7, 3, 0, 0, false",
    "3, 7, 0, 4, true",
    "7, 3, 0, 5, true",
    "7, 5, 0, 5, false",
    "7, 7, 1, 2, false",
    "7, 7, 2, 2, false",
    "7, 7, 1, 0, true",
    "7, 7, 0, 2, true",
    "7, 7, 0, 6, true",
    "3, 3, 0, 6, true",
    "7, 7, 3, 6, false",
  })
  void rightsAreAndedOverDirectoriesAndLeaf(
      int directory, int leaf, int noExecute, int flags, boolean passes) {
    long leaves = guest.map(PASID, GVA, 1, PAGE | 0x60 | leaf | (noExecute & 1L) << 63);
    long above = guest.path(PASID, GVA, 2);
    guest.entry(above, Machine.index(GVA, 2), leaves | 0x20 | directory | (noExecute & 2L) << 62);
    for (int round = 0; round < 2; round++) {
      long outcome = guest.machine.iommu.translate(Machine.DEVICE, PASID, GVA, flags);
      assertAddress(passes ? PAGE : Outcome.IO_PAGE_FAULT, outcome);
      guest.machine.iommu.translate(Machine.DEVICE, PASID, GVA, Request.PRIVILEGED);
    }
  }

  @Test
  void anUncachedTableOfFourLevelsBehindThreeOfGcr3TakesSevenSteps() {
    GuestMachine uncached = new GuestMachine(IommuConfig.standard().withoutCaches(), 0, 3, 4);
    uncached.map(PASID, GVA, 1, PAGE | GuestMachine.LEAF);
    uncached.read(PASID, GVA);
    assertEquals(7, uncached.machine.iommu.statistics().guestSteps);
    assertEquals(0, uncached.machine.iommu.statistics().walkSteps);
  }

  @Test
  void anUncachedNestedWalkTranslatesEachOfItsAddresses() {
    GuestMachine nested = new GuestMachine(IommuConfig.standard().withoutCaches(), 4, 3, 4);
    nested.map(PASID, GVA, 1, 0x5000 | GuestMachine.LEAF);
    nested.hostEntry(0x5000, 1, GuestMachine.HOST_RW | 0x12_3000);
    assertAddress(0x12_3000, nested.read(PASID, GVA));
    assertEquals(7, nested.machine.iommu.statistics().guestSteps);
    assertEquals(8 * 4, nested.machine.iommu.statistics().walkSteps);
  }

  @Test
  void theDirectoryCacheLeavesOneStepToANeighbourAndNoneThroughTheGcr3Table() {
    guest.map(PASID, GVA, 1, PAGE | GuestMachine.LEAF);
    guest.map(PASID, GVA + 0x1000, 1, PAGE | GuestMachine.LEAF);
    guest.read(PASID, GVA);
    guest.read(PASID, GVA + 0x1000);
    assertEquals(8, guest.machine.iommu.statistics().guestSteps);
  }
}
