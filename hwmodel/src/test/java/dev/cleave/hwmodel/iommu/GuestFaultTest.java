package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is refused on the way through a guest table, with the 16 bytes of its event. */
class GuestFaultTest {
  /** PASID 0x92345 as the two words of an event hold it, beside device 8. */
  private static final int W0 = 0x0009_0008;

  private static final int W1 = 0x2345;
  private static final int PASID = GuestMachine.PASID;
  private static final long GVA = 0x1234_5678_9000L;
  private static final long PAGE = 0x7_1234_5000L;

  private final GuestMachine guest = new GuestMachine(0);
  private final GuestMachine nested = new GuestMachine(4);

  private static long access(GuestMachine now, long gva, int flags) {
    return now.machine.iommu.translate(Machine.DEVICE, PASID, gva, flags);
  }

  /** Guest paging mode as levels, GLX as levels, of an IOMMU that has four and three. */
  @ParameterizedTest
  @CsvSource({"5, 3", "6, 3", "7, 3", "4, 4"})
  void aReservedNumberOfLevelsMakesTheDeviceEntryIllegal(int guestLevels, int gcr3Levels) {
    IommuConfig config = IommuConfig.standard().withGuestTables();
    Machine machine = new Machine(config.withFeatures(config.features() & ~(3L << 12)));
    long q0 = Machine.deviceQ0(0, 0) | 3L << 54 | (long) (gcr3Levels - 1) << 56;
    machine.deviceEntry(Machine.DEVICE, q0, 0, (long) (guestLevels - 4) << 54);
    assertEquals(Outcome.ILLEGAL_DEV_TABLE_ENTRY, machine.write(GVA + 3));
    machine.assertEvent(0x0000_0008, 0x10a0_0000, GVA);
  }

  @Test
  void guestTablesThatTheFeaturesDoNotAnnounceMakeTheDeviceEntryIllegal() {
    long all = IommuConfig.standard().withGuestTables().features();
    long giov = Machine.deviceQ0(0, 0) | 3L << 54;
    long twoLevels = Machine.deviceQ0(0, 0) | 1L << 55 | 1L << 56;
    assertIllegal(all & ~(1L << 4), giov);
    assertIllegal(all & ~(1L << 48), giov);
    assertIllegal(all & ~(3L << 14), twoLevels);
  }

  @Test
  void anEntryThatDoesNotUsePasidZeroForPlainRequestsDoesNotNeedThatAnnounced() {
    long all = IommuConfig.standard().withGuestTables().features();
    Machine machine = new Machine(IommuConfig.standard().withFeatures(all & ~(1L << 48)));
    machine.deviceEntry(Machine.DEVICE, Machine.deviceQ0(0, 0) | 1L << 55, Machine.DOMAIN, 0);
    long outcome = machine.iommu.translate(Machine.DEVICE, 5, GVA, Request.READ);
    assertEquals(Outcome.IO_PAGE_FAULT, outcome, "there is no table yet");
  }

  private static void assertIllegal(long features, long q0) {
    Machine machine = new Machine(IommuConfig.standard().withFeatures(features));
    machine.deviceEntry(Machine.DEVICE, q0, 0, 0);
    assertEquals(Outcome.ILLEGAL_DEV_TABLE_ENTRY, machine.read(GVA));
    machine.assertEvent(0x0000_0008, 0x1080_0000, GVA);
  }

  @Test
  void aDeviceEntryWithoutTvBlocksRequestsWithPasidToo() {
    guest.machine.deviceEntry(Machine.DEVICE, 0x6000_0000_0000_0001L | 3L << 54, Machine.DOMAIN, 0);
    assertEquals(Outcome.IO_PAGE_FAULT, guest.write(PASID, GVA));
    guest.machine.assertEvent(0x0000_0008, 0x2020_1234, GVA);
  }

  @Test
  void theDeviceEntrysPermissionsHoldForGuestTables() {
    guest.map(PASID, GVA, 1, PAGE | GuestMachine.LEAF);
    long at = Machine.DEVICE_TABLE + 32L * Machine.DEVICE;
    guest.machine.memory.setLong(at, guest.machine.memory.getLong(at) & ~(1L << 62));
    assertEquals(PAGE, guest.read(PASID, GVA));
    assertEquals(Outcome.IO_PAGE_FAULT, guest.write(PASID, GVA));
    guest.machine.assertEvent(0x0000_0008, 0x2070_1234, GVA);
  }

  @Test
  void modeSevenIsAnInvalidLevelUnderGuestTablesToo() {
    guest.machine.deviceEntry(Machine.DEVICE, Machine.deviceQ0(0, 7) | 3L << 54, Machine.DOMAIN, 0);
    assertEquals(Outcome.IO_PAGE_FAULT, guest.write(PASID, GVA));
    guest.machine.assertEvent(0x0000_0008, 0x2030_1234, GVA);
    assertEquals(Outcome.IO_PAGE_FAULT, guest.machine.read(GVA));
    guest.machine.assertEvent(0x0000_0008, 0x2010_1234, GVA);
  }

  @Test
  void aRequestWithPasidOfADeviceWithoutGuestTablesIsNotPresent() {
    guest.machine.attach(guest.machine.table(), 4);
    assertEquals(Outcome.IO_PAGE_FAULT, guest.read(PASID, GVA));
    guest.machine.assertEvent(W0, 0x2005_0000 | W1, GVA);
  }

  @ParameterizedTest
  @CsvSource({"1, 512", "1, 1048575", "2, 262144", "2, 1048575", "3, 1048576"})
  void aPasidBeyondTheGcr3TableIsNotPresent(int levels, int pasid) {
    GuestMachine now = new GuestMachine(IommuConfig.standard(), 0, levels, 4);
    assertEquals(Outcome.IO_PAGE_FAULT, now.read(pasid, GVA));
    now.machine.assertEvent((pasid & 0xf_0000) | 8, 0x2005_0000 | (pasid & 0xffff), GVA);
    assertEquals(0, now.machine.iommu.statistics().guestWalks);
  }

  @Test
  void aPasidBeyondTheFeaturesIsNotPresent() {
    IommuConfig config = IommuConfig.standard().withGuestTables();
    long eightBits = (config.features() & ~(0x1fL << 32)) | 7L << 32;
    GuestMachine now = new GuestMachine(new Machine(config.withFeatures(eightBits)), 0, 1, 4);
    now.map(255, GVA, 1, PAGE | GuestMachine.LEAF);
    now.map(256, GVA, 1, PAGE | GuestMachine.LEAF);
    assertEquals(PAGE, now.read(255, GVA));
    assertEquals(Outcome.IO_PAGE_FAULT, now.read(256, GVA));
    now.machine.assertEvent(0x0000_0008, 0x2005_0100, GVA);
  }

  @Test
  void anAddressBeyondTheTableIsNotPresent() {
    long gva = 0x1_0000_0000_0018L;
    assertEquals(Outcome.IO_PAGE_FAULT, guest.write(PASID, gva));
    guest.machine.assertEvent(W0, 0x2025_0000 | W1, gva);
  }

  @Test
  void aGcr3EntryThatIsNotValidIsNotPresentAtEveryLevel() {
    assertEquals(Outcome.IO_PAGE_FAULT, guest.read(PASID, GVA));
    guest.machine.assertEvent(W0, 0x2005_0000 | W1, GVA);
    long table = guest.gcr3Table(PASID);
    guest.entry(table, PASID & 0x1ff, 0x12_3000);
    assertEquals(Outcome.IO_PAGE_FAULT, guest.write(PASID, GVA));
    guest.machine.assertEvent(W0, 0x2025_0000 | W1, GVA);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5, 11, 52, 62, 63})
  void aReservedBitInAGcr3EntryIsAPageFault(int bit) {
    long top = guest.top(PASID);
    guest.entry(guest.gcr3Table(PASID), PASID & 0x1ff, top | 1 | 1L << bit);
    assertEquals(Outcome.IO_PAGE_FAULT, guest.read(PASID, GVA));
    guest.machine.assertEvent(W0, 0x2095_0000 | W1, GVA);
  }

  @Test
  void aTableInAHoleIsAHardwareErrorAtTheEntry() {
    guest.entry(guest.gcr3Table(PASID), PASID & 0x1ff, Machine.HOLE | 1);
    assertEquals(Outcome.PAGE_TAB_HARDWARE_ERROR, guest.write(PASID, GVA));
    long entry = Machine.HOLE + Machine.index(GVA, 4) * 8L;
    guest.machine.assertEvent(W0, 0x4221_0000 | W1, entry);
    assertEquals(Outcome.PAGE_TAB_HARDWARE_ERROR, guest.read(PASID, GVA));
    guest.machine.assertEvent(W0, 0x4201_0000 | W1, entry);
    guest.entry(guest.gcr3, PASID >>> 18, Machine.HOLE | 1);
    guest.machine.flushAll();
    assertEquals(Outcome.PAGE_TAB_HARDWARE_ERROR, guest.read(PASID, GVA));
    guest.machine.assertEvent(W0, 0x4201_0000 | W1, Machine.HOLE + (PASID >>> 9 & 0x1ff) * 8L);
  }

  @Test
  void anEntryThatIsNotPresentIsAPageFaultWhateverElseItSays() {
    guest.map(PASID, GVA, 1, -2);
    assertEquals(Outcome.IO_PAGE_FAULT, guest.read(PASID, GVA + 0xabc));
    guest.machine.assertEvent(W0, 0x2005_0000 | W1, GVA + 0xabc);
    assertEquals(Outcome.IO_PAGE_FAULT, guest.write(PASID, GVA));
    guest.machine.assertEvent(W0, 0x2025_0000 | W1, GVA);
  }

  /** Level and the bit too many: PS above level 3, address bits below the size of a large leaf. */
  @ParameterizedTest
  @CsvSource({"4, 7, 027", "3, 13, 0e7", "3, 29, 0e7", "2, 13, 0e7", "2, 20, 0e7"})
  void aReservedBitIsAPageFault(int level, int bit, String low) {
    guest.map(PASID, GVA, level, Long.parseLong(low, 16) | 1L << bit);
    assertEquals(Outcome.IO_PAGE_FAULT, guest.write(PASID, GVA));
    guest.machine.assertEvent(W0, 0x20b5_0000 | W1, GVA);
  }

  /** Flags of the request, the leaf's P, RW, U and NX, and the event's GN, NX, US, PR, RW, PE. */
  @ParameterizedTest
  @CsvSource({
    "0, 3, 0, 2055",
    "1, 5, 0, 2075",
    "5, 5, 0, 2071",
    "2, 7, 1, 2057",
    "3, 7, 1, 2077",
    "6, 7, 1, 2053",
  })
  void aMissingRightTellsWhatWasAskedFor(int flags, long rights, long noExecute, String event) {
    guest.map(PASID, GVA, 1, PAGE | 0x60 | rights | noExecute << 63);
    int w1 = Integer.parseInt(event, 16) << 16 | W1;
    assertEquals(Outcome.IO_PAGE_FAULT, access(guest, GVA, flags));
    guest.machine.assertEvent(W0, w1, GVA);
    assertEquals(PAGE, access(guest, GVA, Request.PRIVILEGED));
    assertEquals(Outcome.IO_PAGE_FAULT, access(guest, GVA, flags));
    guest.machine.assertEvent(W0, w1, GVA);
  }

  @Test
  void aRequestWithoutPasidIsLoggedAsPasidZero() {
    guest.top(0);
    assertEquals(Outcome.IO_PAGE_FAULT, guest.machine.write(GVA));
    guest.machine.assertEvent(0x0000_0008, 0x2025_0000, GVA);
  }

  @Test
  void rightsAreCheckedForTheWholePathAfterItsEntriesAreThere() {
    long above = guest.path(PASID, GVA, 2);
    guest.entry(above, Machine.index(GVA, 2), guest.table() | 0x25);
    assertEquals(Outcome.IO_PAGE_FAULT, guest.write(PASID, GVA));
    guest.machine.assertEvent(W0, 0x2025_0000 | W1, GVA);
  }

  @Test
  void aFaultOfTheHostTableIsLoggedAsTheHostsAtTheGuestPhysicalAddress() {
    nested.map(PASID, GVA, 1, 0x5000 | GuestMachine.LEAF);
    assertEquals(Outcome.IO_PAGE_FAULT, nested.write(PASID, GVA + 0xabc));
    nested.machine.assertEvent(0x0000_0008, 0x2020_1234, 0x5abc);
    nested.hostEntry(0x5000, 1, 0x3000_0000_0000_0001L | 0x12_3000);
    assertEquals(Outcome.IO_PAGE_FAULT, nested.write(PASID, GVA + 0xabc));
    nested.machine.assertEvent(0x0000_0008, 0x2070_1234, 0x5abc);
    assertEquals(0x12_3abc, nested.read(PASID, GVA + 0xabc));
    assertEquals(Outcome.IO_PAGE_FAULT, nested.write(PASID, GVA + 0xabc));
    nested.machine.assertEvent(0x0000_0008, 0x2070_1234, 0x5abc);
  }

  @Test
  void aGuestPhysicalAddressBeyondTheHostTableIsNotPresentInIt() {
    nested.map(PASID, GVA, 1, 1L << 48 | GuestMachine.LEAF);
    assertEquals(Outcome.IO_PAGE_FAULT, nested.read(PASID, GVA + 8));
    nested.machine.assertEvent(0x0000_0008, 0x2000_1234, 1L << 48 | 8);
  }

  @Test
  void aGuestTableThatTheHostDoesNotMapIsAFaultOfTheHostAtItsEntry() {
    nested.map(PASID, GVA, 1, 0x5000 | GuestMachine.LEAF);
    long leaves = nested.path(PASID, GVA, 1);
    nested.hostEntry(leaves, 1, 0);
    assertEquals(Outcome.IO_PAGE_FAULT, nested.write(PASID, GVA));
    nested.machine.assertEvent(0x0000_0008, 0x2000_1234, leaves + Machine.index(GVA, 1) * 8L);
    nested.hostEntry(nested.gcr3, 1, 0);
    nested.machine.flushAll();
    assertEquals(Outcome.IO_PAGE_FAULT, nested.read(PASID, GVA));
    nested.machine.assertEvent(0x0000_0008, 0x2000_1234, nested.gcr3 + (PASID >>> 18) * 8L);
  }

  @Test
  void aGuestTableThatTheHostMapsToAHoleIsAHardwareErrorWhereItReallyIs() {
    nested.map(PASID, GVA, 1, 0x5000 | GuestMachine.LEAF);
    long leaves = nested.path(PASID, GVA, 1);
    nested.hostEntry(leaves, 1, GuestMachine.HOST_RW | Machine.HOLE);
    assertEquals(Outcome.PAGE_TAB_HARDWARE_ERROR, nested.read(PASID, GVA));
    nested.machine.assertEvent(W0, 0x4201_0000 | W1, Machine.HOLE + Machine.index(GVA, 1) * 8L);
  }

  @Test
  void theGuestsRefusalComesBeforeTheHosts() {
    nested.map(PASID, GVA, 1, 0x5000 | 0x65);
    assertEquals(Outcome.IO_PAGE_FAULT, nested.write(PASID, GVA));
    nested.machine.assertEvent(W0, 0x2075_0000 | W1, GVA);
  }

  @Test
  void suppressionHoldsForGuestTables() {
    long at = Machine.DEVICE_TABLE + 32L * Machine.DEVICE + 8;
    guest.machine.memory.setLong(at, guest.machine.memory.getLong(at) | 1L << 34);
    assertEquals(Outcome.IO_PAGE_FAULT, guest.read(PASID, GVA));
    guest.machine.assertNoFurtherEvent();
    assertEquals(1, guest.machine.iommu.statistics().eventsSuppressed);
  }
}
