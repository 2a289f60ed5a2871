package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RegisterTest {
  private final Machine machine = new Machine();
  private final Iommu iommu = machine.iommu;

  /** Logs one page fault of a device whose entry blocks everything. */
  private void fault() {
    machine.deviceEntry(Machine.DEVICE, 1, 0, 0);
    machine.read(0);
  }

  @ParameterizedTest
  @ValueSource(longs = {0x0000, 0x0008, 0x0010, 0x0020, 0x0028, 0x0038})
  void aRegisterReadsBackWhatWasWritten(long offset) {
    iommu.writeMmio(offset, 0x0f12_3456_789a_b001L);
    assertEquals(0x0f12_3456_789a_b001L, iommu.readMmio(offset));
  }

  @Test
  void theControlRegisterReadsBackWhatWasWritten() {
    iommu.writeMmio(0x18, 0x1001);
    assertEquals(0x1001, iommu.readMmio(0x18));
  }

  @Test
  void pointersAreByteOffsetsInBits18To4() {
    iommu.writeMmio(0x18, 0);
    for (long offset = 0x2000; offset <= 0x2018; offset += 8) {
      iommu.writeMmio(offset, -1);
      assertEquals(0x7_fff0L, iommu.readMmio(offset));
    }
  }

  @Test
  void featuresAreReadOnlyAndNameSnpWhenThereIsAnRmp() {
    assertEquals(0x0012_0000_0000_0840L, iommu.readMmio(0x30));
    iommu.writeMmio(0x30, -1);
    assertEquals(0x0012_0000_0000_0840L, iommu.readMmio(0x30));
    Machine snp = new Machine(IommuConfig.standard(), 8L << 20);
    assertEquals(0x8012_0000_0000_0840L, snp.iommu.readMmio(0x30));
  }

  @Test
  void trustedIoIsAnnouncedWithAnRmpIfItIsChosen() {
    Machine snp = new Machine(IommuConfig.standard(), 8L << 20);
    assertEquals(2, snp.iommu.readMmio(0x1a0));
    snp.iommu.writeMmio(0x1a0, 0);
    assertEquals(2, snp.iommu.readMmio(0x1a0));
    Machine without = new Machine(IommuConfig.standard().withTrustedIo(TrustedIo.NONE), 8L << 20);
    assertEquals(0, without.iommu.readMmio(0x1a0));
  }

  @Test
  void whatDoesNotExistReadsZeroAndTakesAnything() {
    iommu.writeMmio(0x4000, -1);
    assertEquals(0, iommu.readMmio(0x4000));
    assertEquals(0, iommu.readMmio(0x01a0));
  }

  @Test
  void writingTheCommandBaseZeroesHeadAndTail() {
    machine.command(1L << 60, 0);
    machine.command(1L << 60, 0);
    iommu.writeMmio(0x08, Machine.COMMANDS | 8L << 56);
    assertEquals(0, iommu.readMmio(0x2000));
    assertEquals(0, iommu.readMmio(0x2008));
  }

  @Test
  void writingTheEventBaseZeroesHeadAndTail() {
    fault();
    iommu.writeMmio(0x2010, 16);
    iommu.writeMmio(0x10, Machine.EVENTS | 8L << 56);
    assertEquals(0, iommu.readMmio(0x2010));
    assertEquals(0, iommu.readMmio(0x2018));
  }

  @Test
  void ringsRunWhileTheIommuAndTheirEnableAreSet() {
    assertEquals(0x18, iommu.readMmio(0x2020));
    iommu.writeMmio(0x18, 0x1001);
    assertEquals(0x10, iommu.readMmio(0x2020));
    iommu.writeMmio(0x18, 0x0005);
    assertEquals(0x08, iommu.readMmio(0x2020));
    iommu.writeMmio(0x18, 0x1004);
    assertEquals(0, iommu.readMmio(0x2020));
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 7})
  void aRingWithAReservedLengthDoesNotRun(long code) {
    iommu.writeMmio(0x08, Machine.COMMANDS | code << 56);
    iommu.writeMmio(0x10, Machine.EVENTS | code << 56);
    assertEquals(0, iommu.readMmio(0x2020));
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 9, 15})
  void aRingIsAsLongAsItsCodeSays(int code) {
    machine.iommu.writeMmio(0x10, 0x400000L | (long) code << 56);
    machine.deviceEntry(Machine.DEVICE, 1, 0, 0);
    int entries = 1 << code;
    for (int i = 0; i < entries - 1; i++) {
      machine.read(i);
    }
    assertEquals(0x0a, iommu.readMmio(0x2020) & 0xb);
    machine.read(0);
    assertEquals(0x03, iommu.readMmio(0x2020) & 0xb);
  }

  @Test
  void hardwaresPointersIgnoreWritesWhileTheirRingRuns() {
    machine.command(1L << 60, 0);
    fault();
    iommu.writeMmio(0x2000, 0x50);
    iommu.writeMmio(0x2018, 0x50);
    assertEquals(16, iommu.readMmio(0x2000));
    assertEquals(16, iommu.readMmio(0x2018));
    iommu.writeMmio(0x18, 1);
    iommu.writeMmio(0x2000, 0x50);
    iommu.writeMmio(0x2018, 0x50);
    assertEquals(0x50, iommu.readMmio(0x2000));
    assertEquals(0x50, iommu.readMmio(0x2018));
  }

  @Test
  void aTailBeyondTheRingWrapsInsteadOfRunningForever() {
    iommu.writeMmio(0x18, 1);
    for (int i = 0; i < 256; i++) {
      machine.memory.setLong(Machine.COMMANDS + i * 16L, 1L << 60);
    }
    iommu.writeMmio(0x2008, 0x7_fff0);
    iommu.writeMmio(0x18, 0x1005);
    assertEquals(255 * 16, iommu.readMmio(0x2000));
  }

  @Test
  void anEventSetsItsStatusAndInterruptsIfThatIsOn() {
    fault();
    assertEquals(0x1a, iommu.readMmio(0x2020));
    assertEquals(0, iommu.statistics().interrupts);
    iommu.writeMmio(0x2020, 2);
    assertEquals(0x18, iommu.readMmio(0x2020));
    iommu.writeMmio(0x18, 0x100d);
    fault();
    assertEquals(1, iommu.statistics().interrupts);
  }

  @Test
  void runBitsCannotBeClearedByWritingOnes() {
    iommu.writeMmio(0x2020, -1);
    assertEquals(0x18, iommu.readMmio(0x2020));
  }

  @Test
  void aFullEventLogOverflowsStopsAndLosesTheEvent() {
    machine.deviceEntry(Machine.DEVICE, 1, 0, 0);
    for (int i = 0; i < 255; i++) {
      machine.read(0x1000 + i);
    }
    assertEquals(0x1a, iommu.readMmio(0x2020));
    assertEquals(255 * 16, iommu.readMmio(0x2018));
    machine.read(0x5000);
    assertEquals(0x13, iommu.readMmio(0x2020));
    assertEquals(255 * 16, iommu.readMmio(0x2018));
    assertEquals(0x1000, machine.memory.getLong(Machine.EVENTS + 8));
    assertEquals(1, iommu.statistics().eventsLost);
    assertEquals(256, iommu.statistics().events(Event.IO_PAGE_FAULT));
  }

  /** 48882, 2.5.1. */
  @Test
  void anOverflowInterruptsAsAnEventDoes() {
    iommu.writeMmio(0x18, 0x100d);
    machine.deviceEntry(Machine.DEVICE, 1, 0, 0);
    for (int i = 0; i < 255; i++) {
      machine.read(0x1000 + i);
    }
    assertEquals(255, iommu.statistics().interrupts);
    iommu.writeMmio(0x2020, 2);
    machine.read(0x5000);
    assertEquals(0x11, iommu.readMmio(0x2020), "overflow, and the log has stopped");
    assertEquals(256, iommu.statistics().interrupts);
    machine.read(0x5000);
    assertEquals(256, iommu.statistics().interrupts, "a stopped log says nothing");
  }

  @Test
  void anOverflowDoesNotInterruptUnlessThatIsOn() {
    machine.deviceEntry(Machine.DEVICE, 1, 0, 0);
    for (int i = 0; i < 257; i++) {
      machine.read(0x1000 + i);
    }
    assertEquals(0, iommu.statistics().interrupts);
  }

  @Test
  void anOverflowedLogNeedsDisableClearEnableToRunAgain() {
    machine.deviceEntry(Machine.DEVICE, 1, 0, 0);
    for (int i = 0; i < 256; i++) {
      machine.read(0x1000 + i);
    }
    iommu.writeMmio(0x2010, iommu.readMmio(0x2018));
    iommu.writeMmio(0x18, 0x1001);
    iommu.writeMmio(0x18, 0x1005);
    assertEquals(0x13, iommu.readMmio(0x2020), "the overflow bit is still set");
    machine.read(0x7000);
    iommu.writeMmio(0x18, 0x1001);
    iommu.writeMmio(0x2020, 1);
    assertEquals(0x12, iommu.readMmio(0x2020));
    iommu.writeMmio(0x18, 0x1005);
    assertEquals(0x1a, iommu.readMmio(0x2020));
    machine.read(0x8000);
    assertEquals(0x8000, machine.memory.getLong(Machine.EVENTS + 255 * 16 + 8));
    assertEquals(0, iommu.readMmio(0x2018), "the log wrapped");
  }

  @Test
  void aStoppedLogIsNotStartedByOtherBitsOfTheControlRegister() {
    machine.deviceEntry(Machine.DEVICE, 1, 0, 0);
    for (int i = 0; i < 256; i++) {
      machine.read(0x1000 + i);
    }
    iommu.writeMmio(0x2010, iommu.readMmio(0x2018));
    iommu.writeMmio(0x2020, 1);
    iommu.writeMmio(0x18, 0x100d);
    assertEquals(0x12, iommu.readMmio(0x2020), "the log does not run");
  }

  @Test
  void aDisabledLogLosesEventsButTheAbortStays() {
    iommu.writeMmio(0x18, 0x1001);
    machine.deviceEntry(Machine.DEVICE, 1, 0, 0);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(0));
    machine.assertNoFurtherEvent();
    assertEquals(1, iommu.statistics().eventsLost);
  }

  @Test
  void anEventLogInAHoleLosesEvents() {
    iommu.writeMmio(0x10, Machine.HOLE | 8L << 56);
    fault();
    assertEquals(0, iommu.readMmio(0x2018));
    assertEquals(1, iommu.statistics().eventsLost);
  }

  @Test
  void theDeviceTableIsAsLongAsItsBaseSays() {
    iommu.writeMmio(0, Machine.DEVICE_TABLE | 1);
    machine.memory.setLong(Machine.DEVICE_TABLE + 255 * 32, 1);
    iommu.translate(255, 0x10, false);
    machine.assertEvent(0xff, 0x2000_0000, 0x10);
    iommu.translate(256, 0x10, false);
    machine.assertEvent(0x100, 0x2000_0000, 0);
  }
}
