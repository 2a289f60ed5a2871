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
}
