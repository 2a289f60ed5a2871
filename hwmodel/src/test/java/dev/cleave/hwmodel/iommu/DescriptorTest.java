package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the descriptors compose, against the words of the specification. */
class DescriptorTest {
  private static void assertWord(long expected, long actual) {
    assertEquals(Machine.hex(expected), Machine.hex(actual));
  }

  @Test
  void commandsAreComposedToTheBit() {
    assertWord(0x1000_0001_2345_6789L, Command.completionWait(0x1_2345_6788L));
    assertWord(0x2000_0000_0000_0108L, Command.invalidateDevice(0x108));
    assertWord(0x3000_fffe_0000_0000L, Command.invalidatePages(0xfffe));
    assertWord(0x8000_0000_0000_0000L, Command.invalidateAll());
  }

  @ParameterizedTest
  @CsvSource({
    "1234567000, 12, 1234567002",
    "1234567000, 13, 1234566003",
    "1234567000, 16, 1234567003",
    "1234567000, 21, 12344ff003",
    "1234567000, 30, 121ffff003",
    "1234567000, 51, 3fffffffff003",
    "1234567000, 52, 7ffffffffffff003",
    "1234567000, 64, 7ffffffffffff003",
    "fff8000000000000, 51, fffbfffffffff003",
  })
  void rangesAreComposedToTheBitAndReadBack(String start, int log2, String q1) {
    long from = Long.parseUnsignedLong(start, 16);
    long range = Command.range(from, log2, true);
    assertWord(Long.parseUnsignedLong(q1, 16), range);
    boolean all = log2 > 51;
    assertEquals(all ? 64 : log2, Command.rangeLog2(range));
    assertWord(all ? 0 : from & (-1L << log2), Command.rangeStart(range));
    assertTrue(Command.isWellFormed(Command.invalidatePages(1), range));
    assertWord(range & ~2L, Command.range(from, log2, false));
  }

  @Test
  void registersAreComposedToTheBit() {
    assertWord(0x0000_0000_1234_51ffL, Register.deviceTableBase(0x1234_5000, 512));
    assertWord(0x0f00_0000_1234_5000L, Register.ringBase(0x1234_5000, 15));
  }

  @Test
  void deviceTableEntriesAndDirectoriesAreComposedToTheBit() {
    assertWord(0x6000_0001_2345_6783L, DeviceTableEntry.translating(0x1_2345_6000L, 3, 3));
    assertWord(0x6000_0001_2345_6201L, HostEntry.directory(0x1_2345_6000L, 1));
  }

  @Test
  void eventsAreTakenApartToTheBit() {
    long q0 = 0x2021_1234_0000_0108L;
    assertEquals(Event.IO_PAGE_FAULT, Event.code(q0));
    assertEquals(Event.RW | Event.GN, Event.flags(q0));
    assertEquals(0x1234, Event.domainId(q0));
    assertEquals(0x108, Event.deviceId(q0));
  }

  @Test
  void guestCommandsAreComposedToTheBitAndReadBack() {
    long pages = Command.invalidateGuestPages(0xfffe, 0x9_2345);
    assertWord(0x3000_fffe_0009_2345L, pages);
    assertEquals(0x9_2345, Command.pasid(pages));
    long device = Command.invalidateDevicePages(0x108, 0x9_2345);
    assertWord(0x4945_0000_0023_0108L, device);
    assertEquals(0x9_2345, Command.devicePasid(device));
    assertEquals(0x108, Command.deviceId(device));
    long range = Command.guestRange(0x1234_5000, 16, true);
    assertWord(0x1234_7007L, range);
    assertTrue(Command.isWellFormed(pages, range));
    assertTrue(Command.isWellFormed(device, Command.guestRange(0, 64, false)));
  }

  @ParameterizedTest
  @CsvSource({"f5a5a5a5a5000", "7000", "7fff8000", "fffff80000000", "ffffffffff000"})
  void theGcr3RootIsCutInThreePiecesAndPutTogether(String address) {
    long root = Long.parseUnsignedLong(address, 16);
    long q0 = DeviceTableEntry.guestFirst(root, 1, false);
    long q1 = DeviceTableEntry.guestSecond(root, 0x1234);
    assertWord(root, DeviceTableEntry.gcr3Root(q0, q1));
    assertEquals(0x1234, DeviceTableEntry.domainId(q1));
    assertWord(root, DeviceTableEntry.gcr3Root(q0 | ~(7L << 58), q1 | 0xffff | 0x7ff_0000_0000L));
  }

  @Test
  void deviceTableEntriesWithGuestTablesAreComposedToTheBit() {
    // Root 0x000f5a5a5a5a5000: [14:12] = 5, [30:15] = 0xb4b4, [51:31] = 0x1eb4b4.
    long root = 0xf_5a5a_5a5a_5000L;
    assertWord(0x16c0_0000_0000_0000L, DeviceTableEntry.guestFirst(root, 3, true));
    assertWord(0x1480_0000_0000_0000L, DeviceTableEntry.guestFirst(root, 1, false));
    assertWord(0xf5a5_a000_b4b4_1234L, DeviceTableEntry.guestSecond(root, 0x1234));
    assertWord(0x0040_0000_0000_0000L, DeviceTableEntry.guestThird(5));
    assertWord(0, DeviceTableEntry.guestThird(4));
    assertEquals(3, DeviceTableEntry.gcr3Levels(0x16c0_0000_0000_0000L));
    assertEquals(5, DeviceTableEntry.guestLevels(0x0040_0000_0000_0000L));
  }

  @Test
  void aGuestEventsPasidIsPutTogether() {
    assertEquals(0x9_2345, Event.pasid(0x2075_2345_0009_0008L));
  }

  @ParameterizedTest
  @CsvSource({
    "3, 0x200, 1",
    "4, 0x400, 2",
    "6, 0x600, 3",
    "14, 0xa00, 1",
    "8, 0xa00, 5",
    "2, 0xfff, 0"
  })
  void theTypeIsThatOfHardwareErrorsAndOfInvalidRequests(int code, String flags, int type) {
    assertEquals(type, Event.type(code, Integer.decode(flags)));
  }

  @Test
  void migrationCommandsAreComposedAndTakenApartToTheBit() {
    assertWord(0x0123_0005, MigrationCommand.secondWord(5, 0x123));
    assertWord(0x0fff_00ff, MigrationCommand.secondWord(0xff, 0xfff));
    assertEquals(0xf0, MigrationCommand.status(0x0000_00f0_0123_0005L));
    assertEquals(0x16, MigrationCommand.status(0xffff_ff16_ffff_ffffL));
    assertEquals(0, MigrationCommand.status(0xffff_ff00_ffff_ffffL));
  }

  @Test
  void resultsOfAPageAreComposedAndTakenApartToTheBit() {
    long gctx = 0x1234_5000;
    long result = PsmashEntry.withResult(gctx, 0x16, 2, 3);
    assertWord(gctx, PsmashEntry.context(result));
    assertEquals(0x16, PsmashEntry.status(result));
    assertEquals(2, PsmashEntry.phase(result));
    assertEquals(3, PsmashEntry.entryError(result));
    long other = PsmashEntry.withResult(result, 0xf0, 0, 0);
    assertWord(gctx | 0xf0, other);
  }
}
