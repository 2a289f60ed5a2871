package dev.cleave.bench.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class IommuCommandTest {
  @ParameterizedTest
  @CsvSource({
    "12, 7f000000002",
    "13, 7f000000003",
    "14, 7f000001003",
    "16, 7f000007003",
    "21, 7f0000ff003",
    "30, 7f01ffff003",
  })
  void aBlockIsNamedByItsLowestZeroBit(int sizeLog2, String q1) {
    IommuCommand command = IommuCommand.invalidatePages(0x1234, 0x7F0_0000_0000L, sizeLog2);

    assertEquals("3000123400000000", Long.toHexString(command.q0()));
    assertEquals(q1, Long.toHexString(command.q1()));
  }

  @Test
  void everyAddressIsNamedByOnesUpToBit62() {
    IommuCommand command = IommuCommand.invalidatePages(5, 0, IommuCommand.EVERYTHING_LOG2);

    assertEquals(0x7FFF_FFFF_FFFF_F003L, command.q1());
  }

  @Test
  void aGuestsBlockIsNamedByItsPasidAndGn() {
    IommuCommand command = IommuCommand.invalidateGuestPages(0x1234, 0x9_2345, 0x20_0000, 21);

    assertEquals("3000123400092345", Long.toHexString(command.q0()));
    assertEquals("2ff007", Long.toHexString(command.q1()));
  }

  @Test
  void theOtherCommandsCarryTheirOperationAndOperands() {
    assertEquals(
        new IommuCommand(0x1000_0000_003F_0001L, 42), IommuCommand.completionWait(0x3F_0000, 42));
    assertEquals(
        new IommuCommand(0x2000_0000_0000_0021L, 0), IommuCommand.invalidateDeviceTableEntry(0x21));
    assertEquals(new IommuCommand(0x8000_0000_0000_0000L, 0), IommuCommand.invalidateAll());
  }
}
