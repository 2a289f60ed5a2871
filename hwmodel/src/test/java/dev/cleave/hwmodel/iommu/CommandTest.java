package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CommandTest {
  private static final long EVERY_FEATURE = 0x0010_0000_0000_0843L | 1L << 49;

  private final Machine machine = new Machine(IommuConfig.standard().withFeatures(EVERY_FEATURE));

  @ParameterizedTest
  @CsvSource({
    "100fffffffffffff, ffffffffffffffff",
    "200000000000ffff, 0000000000000000",
    "3000ffff000fffff, fffffffffffff007",
    "500000000000ffff, 0000000000000000",
    "600fffffff00ffff, fffffffffffff015",
    "700fffff0000ffff, 0000ffff00000004",
    "8000000000000000, 0000000000000000",
  })
  void allAllowedBitsMayBeSetAndNoOther(String q0, String q1) {
    long allowed0 = Long.parseUnsignedLong(q0, 16);
    long allowed1 = Long.parseUnsignedLong(q1, 16);
    long operation = allowed0 & 0xf000_0000_0000_0000L;
    for (int bit = 0; bit < 60; bit++) {
      assertEquals((allowed0 >>> bit & 1) == 1, runs(operation | 1L << bit, 0), "q0 bit " + bit);
    }
    for (int bit = 0; bit < 64; bit++) {
      assertEquals((allowed1 >>> bit & 1) == 1, runs(operation, 1L << bit), "q1 bit " + bit);
    }
  }

  @Test
  void aDevicesOwnCacheTakesItsCommandWithAllItsBits() {
    for (int bit = 0; bit < 64; bit++) {
      boolean allowed = (0xffff_ffff_ffff_f035L >>> bit & 1) == 1;
      assertEquals(allowed, runs(4L << 60, 1L << bit, 1L << 32), "q1 bit " + bit);
    }
    assertEquals(true, runs(0x4fff_ffff_ffff_0000L, 0, 1L << 32));
  }

  @Test
  void aDeviceWithoutItsOwnCacheMakesTheCommandIllegal() {
    assertEquals(false, runs(4L << 60, 0, 0));
    machine.assertEvent(0, 0x5000_0000, Machine.COMMANDS);
    assertEquals(false, runs((4L << 60) | 0xffff, 0, 0));
  }

  @Test
  void aDevicesOwnCacheIsToldItsRange() {
    List<String> told = new ArrayList<>();
    machine.iommu.attachCache(0, (start, log2) -> told.add("%x %d".formatted(start, log2)));
    assertEquals(true, runs(4L << 60, 0x1234_5000, 1L << 32));
    assertEquals(true, runs(4L << 60, 0x1235_f001, 1L << 32));
    assertEquals(true, runs(4L << 60, 0x7fff_ffff_ffff_f001L, 1L << 32));
    assertEquals(List.of("12345000 12", "12340000 18", "0 64"), told);
    machine.assertNoFurtherEvent();
  }

  @Test
  void aDeviceThatDoesNotAnswerIsATimeoutAndTheRingGoesOn() {
    machine.iommu.attachCache(5, (start, log2) -> false);
    machine.deviceEntry(5, 0, 1L << 32, 0);
    machine.command(4L << 60 | 5, 0);
    machine.assertEvent(0x0000_0005, 0x7000_0000, Machine.COMMANDS);
    assertEquals(16, machine.iommu.readMmio(0x2000));
    machine.command(1L << 60 | 0x5000 | 1, 1);
    assertEquals(1, machine.memory.getLong(0x5000));
  }

  /**
   * Whether a command is accepted as the first of an empty ring while device 0 has these q1 bits.
   */
  private boolean runs(long q0, long q1, long device0) {
    machine.deviceEntry(0, 0, device0, 0);
    machine.emptyCommands();
    machine.command(q0, q1);
    return machine.iommu.readMmio(0x2000) == 16;
  }

  private boolean runs(long q0, long q1) {
    return runs(q0, q1, 0);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 9, 10, 11, 12, 13, 14, 15})
  void anOperationThatDoesNotExistIsIllegal(int operation) {
    machine.command((long) operation << 60, 0);
    machine.assertEvent(0, 0x5000_0000, Machine.COMMANDS);
  }

  @ParameterizedTest
  @ValueSource(ints = {6, 7, 8})
  void anOperationWithoutItsFeatureIsIllegal(int operation) {
    Machine bare = new Machine(IommuConfig.standard().withFeatures(0));
    bare.command((long) operation << 60, 0);
    bare.assertEvent(0, 0x5000_0000, Machine.COMMANDS);
  }

  @Test
  void aBadCommandStopsTheRingWithTheHeadAtIt() {
    machine.command(1L << 60, 0);
    machine.command(9L << 60, 0);
    machine.command(1L << 60 | 0x5000 | 1, 77);
    machine.assertEvent(0, 0x5000_0000, Machine.COMMANDS + 16);
    assertEquals(16, machine.iommu.readMmio(0x2000));
    assertEquals(0x0a, machine.iommu.readMmio(0x2020), "event log runs, commands do not");
    assertEquals(0, machine.memory.getLong(0x5000));
  }

  @Test
  void enablingTheRingAnewGoesOnFromTheHead() {
    machine.command(9L << 60, 0);
    machine.command(1L << 60 | 0x5000 | 1, 77);
    machine.memory.setLong(Machine.COMMANDS, 1L << 60);
    machine.iommu.writeMmio(0x18, 0x1005);
    assertEquals(0, machine.iommu.readMmio(0x2000), "no rising edge, no restart");
    machine.iommu.writeMmio(0x18, 0x0005);
    machine.iommu.writeMmio(0x18, 0x1005);
    assertEquals(32, machine.iommu.readMmio(0x2000));
    assertEquals(77, machine.memory.getLong(0x5000));
    assertEquals(0x1a, machine.iommu.readMmio(0x2020));
  }

  @Test
  void aCommandInAHoleIsAHardwareError() {
    machine.iommu.writeMmio(0x08, Machine.HOLE | 8L << 56);
    machine.iommu.writeMmio(0x2008, 16);
    machine.assertEvent(0, 0x6200_0000, Machine.HOLE);
    assertEquals(0, machine.iommu.readMmio(0x2000));
    assertEquals(0, machine.iommu.readMmio(0x2020) & 0x10);
  }

  @Test
  void completionWaitStoresItsData() {
    machine.command(1L << 60 | 0x5008 | 1, 0x1122_3344_5566_7788L);
    assertEquals(0x1122_3344_5566_7788L, machine.memory.getLong(0x5008));
    assertEquals(0x18, machine.iommu.readMmio(0x2020));
  }

  @Test
  void completionWaitWithoutStoreStoresNothing() {
    machine.command(1L << 60 | 0x5008 | 4, 1);
    assertEquals(0, machine.memory.getLong(0x5008));
  }

  @Test
  void completionWaitInterruptsAndSetsItsStatusEvenIfTheInterruptIsOff() {
    machine.command(1L << 60 | 2, 0);
    assertEquals(0x1c, machine.iommu.readMmio(0x2020));
    assertEquals(0, machine.iommu.statistics().interrupts);
    machine.iommu.writeMmio(0x2020, 4);
    assertEquals(0x18, machine.iommu.readMmio(0x2020));
    machine.iommu.writeMmio(0x18, 0x1015);
    machine.command(1L << 60 | 2, 0);
    assertEquals(1, machine.iommu.statistics().interrupts);
  }

  @Test
  void aCompletionStoreIntoAHoleIsAHardwareError() {
    machine.command(1L << 60 | Machine.HOLE | 1, 0);
    machine.assertEvent(0, 0x6200_0000, Machine.COMMANDS);
  }

  @Test
  void snpBoundsWhereCompletionStoresMayGo() {
    Machine snp = new Machine(IommuConfig.standard(), 8L << 20);
    snp.iommu.writeMmio(0x20, 0x5000);
    snp.iommu.writeMmio(0x28, 0x5000);
    snp.command(1L << 60 | 0x5ff8 | 1, 5);
    assertEquals(5, snp.memory.getLong(0x5ff8));
    snp.command(1L << 60 | 0x6000 | 1, 5);
    assertEquals(0, snp.memory.getLong(0x6000));
    snp.assertEvent(0, 0x5000_0000, Machine.COMMANDS + 16);
  }

  @Test
  void theRingWraps() {
    for (int i = 0; i < 600; i++) {
      machine.command(1L << 60 | 0x5000 | 1, i);
      assertEquals(i, machine.memory.getLong(0x5000));
    }
    assertEquals(600 % 256 * 16, machine.iommu.readMmio(0x2000));
    assertEquals(600, machine.iommu.statistics().commands(Command.COMPLETION_WAIT));
  }

  @Test
  void commandsWaitUntilTheyAreProcessedIfTheTailDoesNotRunThem() {
    Machine stepped = new Machine(IommuConfig.standard().withCommandsOnTailWrite(false));
    stepped.command(1L << 60 | 0x5000 | 1, 1);
    stepped.command(1L << 60 | 0x5000 | 1, 2);
    assertEquals(0, stepped.memory.getLong(0x5000));
    assertEquals(1, stepped.iommu.processCommands(1));
    assertEquals(1, stepped.memory.getLong(0x5000));
    assertEquals(1, stepped.iommu.processCommands(9));
    assertEquals(2, stepped.memory.getLong(0x5000));
  }

  @Test
  void commandsBeforeABadOneAreCountedAsProcessed() {
    Machine stepped = new Machine(IommuConfig.standard().withCommandsOnTailWrite(false));
    stepped.command(1L << 60 | 0x5000 | 1, 1);
    stepped.command(1L << 60 | 0x5000 | 1, 2);
    stepped.command(0, 0);
    assertEquals(2, stepped.iommu.processCommands(9));
  }

  @Test
  void countsNameTheCommandsThatWereCarriedOut() {
    machine.command(3L << 60, 0);
    machine.command(3L << 60, 8);
    assertEquals(1, machine.iommu.statistics().commands(Command.INVALIDATE_IOMMU_PAGES));
  }
}
