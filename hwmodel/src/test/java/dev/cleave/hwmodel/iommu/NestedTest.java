package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Guest over host tables: sizes, rights, and A and D of both. */
class NestedTest {
  private static final int PASID = GuestMachine.PASID;
  private static final long GVA = 0x1234_4000_0000L;
  private static final long GPA = 0x40_0000_0000L;
  private static final long SPA = 0x60_0000_0000L;
  private static final long RW = GuestMachine.HOST_RW;

  private final GuestMachine guest = new GuestMachine(4);

  private static void assertAddress(long expected, long actual) {
    assertEquals(Machine.hex(expected), Machine.hex(actual));
  }

  private static long leaf(int level, long gpa, long rights) {
    return gpa | rights | (level == 1 ? 0 : 0x80);
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 4, 5, 6})
  void everyHeightOfTheHostTableIsWalked(int mode) {
    GuestMachine now = new GuestMachine(mode);
    long gpa = 1L << Math.min(9 * mode + 11, 51);
    now.hostEntry(gpa, 1, RW | SPA);
    now.map(PASID, GVA, 1, gpa | GuestMachine.LEAF);
    assertAddress(SPA + 8, now.read(PASID, GVA + 8));
  }

  /**
   * Levels of the guest's and the host's leaf, 1 to 3, and the size that is cached: then how far
   * from the first address the IOTLB still answers.
   */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 12",
    "1, 2, 12",
    "1, 3, 12",
    "2, 1, 12",
    "2, 2, 21",
    "2, 3, 21",
    "3, 1, 12",
    "3, 2, 21",
    "3, 3, 30"
  })
  void theSmallerOfTheTwoSizesIsCached(int guestLevel, int hostLevel, int log2) {
    guest.map(PASID, GVA, guestLevel, leaf(guestLevel, GPA, 0x67));
    long hostSize = 1L << (12 + 9 * (hostLevel - 1));
    guest.hostEntry(GPA, hostLevel, RW | SPA);
    guest.hostEntry(GPA + hostSize, hostLevel, RW | (SPA + 2 * hostSize));
    assertAddress(SPA, guest.read(PASID, GVA));
    Statistics counts = guest.machine.iommu.statistics();
    long walks = counts.guestWalks;
    assertAddress(SPA + (1L << log2) - 8, guest.read(PASID, GVA + (1L << log2) - 8));
    assertEquals(walks, counts.guestWalks);
    guest.read(PASID, GVA + (1L << log2));
    assertEquals(walks + 1, counts.guestWalks);
  }

  @Test
  void aSizedHostLeafUnderALargeGuestLeafTranslatesEachOfItsPages() {
    guest.map(PASID, GVA, 2, leaf(2, GPA, 0x67));
    for (int i = 0; i < 16; i++) {
      // 64 KiB: bits 12 to 14 ones, bit 15 zero.
      guest.hostEntry(GPA + i * 0x1000L, 1, 0x7000_0000_0000_7e01L | SPA);
    }
    for (int i = 15; i >= 0; i--) {
      assertAddress(SPA + i * 0x1000L, guest.write(PASID, GVA + i * 0x1000L));
    }
    assertEquals(Outcome.IO_PAGE_FAULT, guest.write(PASID, GVA + 0x1_0000));
  }

  @Test
  void anIotlbThatKnowsEverySizeKeepsWhatBothLeavesHave() {
    IommuConfig every = IommuConfig.standard().withIotlb(new CacheShape(6, 4), -0x1000L);
    GuestMachine now = new GuestMachine(every, 4, 1, 4);
    now.map(5, GVA, 2, leaf(2, GPA, 0x67));
    for (int i = 0; i < 16; i++) {
      now.hostEntry(GPA + i * 0x1000L, 1, 0x7000_0000_0000_7e01L | SPA);
    }
    now.read(5, GVA);
    long walks = now.machine.iommu.statistics().guestWalks;
    assertAddress(SPA + 0xf000, now.read(5, GVA + 0xf000));
    assertEquals(walks, now.machine.iommu.statistics().guestWalks);
  }

  /** Rights of the guest's leaf (RW) and of the host's (IR, IW), and what passes: read, write. */
  @ParameterizedTest
  @CsvSource({
    "true, 3, true, true", "false, 3, true, false", "true, 1, true, false",
    "false, 1, true, false", "true, 2, false, true", "false, 2, false, false",
    "true, 0, false, false"
  })
  void rightsOfBothStagesAreAnded(boolean writable, int host, boolean read, boolean write) {
    guest.map(PASID, GVA, 1, GPA | (writable ? 0x67 : 0x65));
    guest.hostEntry(GPA, 1, 0x1000_0000_0000_0001L | SPA | (long) host << 61);
    for (int round = 0; round < 2; round++) {
      assertAddress(write ? SPA : Outcome.IO_PAGE_FAULT, guest.write(PASID, GVA));
      assertAddress(read ? SPA : Outcome.IO_PAGE_FAULT, guest.read(PASID, GVA));
    }
  }

  private static long marks(long entry) {
    return entry >>> 5 & 3;
  }

  /** HAD, and bits 6:5 of the host's leaf after a read and after a write. */
  @ParameterizedTest
  @CsvSource({"0, 0, 0", "1, 1, 1", "2, 0, 0", "3, 1, 3"})
  void hadDecidesTheHostsMarksAndNotTheGuests(int had, int afterRead, int afterWrite) {
    guest.attach(had, true);
    long leaves = guest.map(PASID, GVA, 1, GPA | GuestMachine.CLEAN);
    int index = Machine.index(GVA, 1);
    guest.hostEntry(GPA, 1, RW | SPA);
    long hostLeaf = guest.hostSlot(GPA, 1);
    guest.read(PASID, GVA);
    assertEquals(1, marks(guest.entryOf(leaves, index)));
    assertEquals(afterRead, marks(guest.machine.memory.getLong(hostLeaf)));
    guest.write(PASID, GVA);
    assertEquals(3, marks(guest.entryOf(leaves, index)));
    assertEquals(afterWrite, marks(guest.machine.memory.getLong(hostLeaf)));
    assertAddress(GPA | 0x67, guest.entryOf(leaves, index));
    assertAddress(RW | SPA | (long) afterWrite << 5, guest.machine.memory.getLong(hostLeaf));
  }

  @Test
  void aGuestsDirectoriesGetAOnly() {
    long leaves = guest.map(PASID, GVA, 1, GPA | GuestMachine.CLEAN);
    long above = guest.path(PASID, GVA, 2);
    guest.entry(above, Machine.index(GVA, 2), leaves | GuestMachine.CLEAN);
    guest.hostEntry(GPA, 1, RW | SPA);
    guest.write(PASID, GVA);
    assertAddress(leaves | 0x27, guest.entryOf(above, Machine.index(GVA, 2)));
  }

  @Test
  void settingAGuestsMarkIsAWriteToTheHostTable() {
    guest.attach(3, true);
    long leaves = guest.map(PASID, GVA, 1, GPA | GuestMachine.LEAF);
    guest.hostEntry(GPA, 1, RW | SPA);
    guest.read(PASID, GVA);
    long hostLeaf = guest.hostSlot(leaves, 1);
    assertEquals(1, marks(guest.machine.memory.getLong(hostLeaf)), "nothing was to be set");
    guest.entry(leaves, Machine.index(GVA, 1), GPA | GuestMachine.CLEAN);
    guest.flush(PASID, 0x7fff_ffff_ffff_f003L);
    guest.read(PASID, GVA);
    assertEquals(3, marks(guest.machine.memory.getLong(hostLeaf)));
  }

  @Test
  void aGuestTableThatTheHostLetsNobodyWriteCannotBeMarked() {
    long leaves = guest.map(PASID, GVA, 1, GPA | GuestMachine.CLEAN);
    guest.hostEntry(GPA, 1, RW | SPA);
    long entry = leaves + Machine.index(GVA, 1) * 8L;
    guest.hostEntry(leaves, 1, (RW & ~(1L << 62)) | guest.spaOf(leaves));
    assertEquals(Outcome.IO_PAGE_FAULT, guest.read(PASID, GVA));
    guest.machine.assertEvent(0x0000_0008, 0x2070_1234, entry);
    guest.entry(leaves, Machine.index(GVA, 1), GPA | 0x27);
    assertAddress(SPA, guest.read(PASID, GVA));
    assertEquals(Outcome.IO_PAGE_FAULT, guest.write(PASID, GVA));
    guest.machine.assertEvent(0x0000_0008, 0x2070_1234, entry);
    guest.entry(leaves, Machine.index(GVA, 1), GPA | 0x67);
    assertAddress(SPA, guest.write(PASID, GVA));
  }

  @Test
  void aRequestThatTheHostRefusesMarksNoGuestLeaf() {
    long leaves = guest.map(PASID, GVA, 1, GPA | GuestMachine.CLEAN);
    assertEquals(Outcome.IO_PAGE_FAULT, guest.write(PASID, GVA));
    assertAddress(GPA | GuestMachine.CLEAN, guest.entryOf(leaves, Machine.index(GVA, 1)));
  }

  @Test
  void aWriteThroughACachedCleanTranslationGoesBackToBothTables() {
    guest.attach(3, true);
    long leaves = guest.map(PASID, GVA, 1, GPA | GuestMachine.CLEAN);
    guest.hostEntry(GPA, 1, RW | SPA);
    guest.read(PASID, GVA);
    guest.write(PASID, GVA);
    guest.entry(leaves, Machine.index(GVA, 1), GPA | GuestMachine.CLEAN);
    guest.hostEntry(GPA, 1, RW | SPA);
    assertAddress(SPA, guest.write(PASID, GVA));
    assertEquals(0, marks(guest.entryOf(leaves, Machine.index(GVA, 1))), "it was cached dirty");
    guest.flush(PASID, GVA);
    assertAddress(SPA, guest.write(PASID, GVA));
    assertEquals(3, marks(guest.entryOf(leaves, Machine.index(GVA, 1))));
    assertEquals(0, marks(guest.machine.memory.getLong(guest.hostSlot(GPA, 1))));
  }

  @Test
  void theEncryptionBitIsNoPartOfAnAddressInEitherStage() {
    long bit = 1L << 51;
    GuestMachine now = new GuestMachine(IommuConfig.standard().withEncryptionBit(bit), 4, 1, 4);
    now.map(5, GVA, 1, GPA | bit | GuestMachine.LEAF);
    now.hostEntry(GPA, 1, RW | SPA | bit);
    assertAddress(SPA + 8, now.read(5, GVA + 8));
  }
}
