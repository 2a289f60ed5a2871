package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every row of the table of checks, in its order, with the 16 bytes of its event. */
class DmaCheckTest {
  private static final long IOVA = 0x12_3456_7abcL;
  private static final long RW = 0x7000_0000_0000_0001L;
  private final Machine machine = new Machine();

  @Test
  void aDisabledIommuPassesEverythingThrough() {
    machine.iommu.writeMmio(0x18, 0);
    assertEquals(IOVA, machine.write(IOVA));
    assertEquals(0xfee00000L, machine.write(0xfee00000L));
    assertEquals(Outcome.NO_SUCH_ADDRESS, machine.write(1L << 52));
    machine.assertNoFurtherEvent();
  }

  @Test
  void aDeviceBeyondTheTableIsAPageFaultAtAddressZero() {
    assertEquals(Outcome.IO_PAGE_FAULT, machine.iommu.translate(128, IOVA, false));
    machine.assertEvent(0x0000_0080, 0x2000_0000, 0);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.iommu.translate(0xffff, IOVA, true));
    machine.assertEvent(0x0000_ffff, 0x2020_0000, 0);
  }

  @Test
  void aDeviceEntryInAHoleIsAHardwareError() {
    machine.iommu.writeMmio(0, Machine.HOLE);
    assertEquals(Outcome.DEV_TAB_HARDWARE_ERROR, machine.read(IOVA));
    machine.assertEvent(0x0000_0008, 0x3200_0000, 0x7_0000_0100L);
    assertEquals(Outcome.DEV_TAB_HARDWARE_ERROR, machine.write(IOVA));
    machine.assertEvent(0x0000_0008, 0x3220_0000, 0x7_0000_0100L);
    assertEquals(Outcome.DEV_TAB_HARDWARE_ERROR, machine.write(0xfee00000L));
    machine.assertEvent(0x0000_0008, 0x3228_0000, 0x7_0000_0100L);
  }

  @Test
  void anEntryThatIsNotValidPassesThroughWithoutPermissionCheck() {
    machine.deviceEntry(Machine.DEVICE, 0xfcL, 0, 0);
    assertEquals(IOVA, machine.write(IOVA));
    machine.assertNoFurtherEvent();
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 55, 63})
  void aReservedBitMakesTheDeviceEntryIllegal(int bit) {
    machine.deviceEntry(Machine.DEVICE, Machine.deviceQ0(0, 3) | 1L << bit, Machine.DOMAIN, 0);
    assertEquals(Outcome.ILLEGAL_DEV_TABLE_ENTRY, machine.read(IOVA + 3));
    machine.assertEvent(0x0000_0008, 0x1080_0000, IOVA);
    assertEquals(Outcome.ILLEGAL_DEV_TABLE_ENTRY, machine.write(IOVA));
    machine.assertEvent(0x0000_0008, 0x10a0_0000, IOVA);
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 5, 6})
  void theCxlAttributeIsReservedBeforeItsRevisionOnly(int bit) {
    machine.path(3, IOVA, 1);
    long q0 = machine.memory.getLong(Machine.DEVICE_TABLE + 32L * Machine.DEVICE) | 1L << bit;
    machine.deviceEntry(Machine.DEVICE, q0, Machine.DOMAIN, 0);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(IOVA));
    machine.assertEvent(0x0000_0008, 0x2000_1234, IOVA);
    Machine old = new Machine(IommuConfig.standard().withCxlAttribute(false));
    old.deviceEntry(Machine.DEVICE, q0, Machine.DOMAIN, 0);
    assertEquals(Outcome.ILLEGAL_DEV_TABLE_ENTRY, old.read(IOVA + 3));
    old.assertEvent(0x0000_0008, 0x1080_0000, IOVA);
  }

  @ParameterizedTest
  @ValueSource(longs = {0xfd_0000_0000L, 0xfd_f800_0020L, 0xff_ffff_ffffL})
  void theHyperTransportRangeIsRefusedAsARealPartDid(long iova) {
    machine.path(3, 0, 1);
    assertEquals(Outcome.INVALID_DEVICE_REQUEST, machine.read(iova));
    machine.assertEvent(0x0000_0008, 0x8a00_0000, iova);
    assertEquals(Outcome.INVALID_DEVICE_REQUEST, machine.write(iova));
    machine.assertEvent(0x0000_0008, 0x8a20_0000, iova);
  }

  @Test
  void theHyperTransportRangeEndsWhereItEndsAndCanBeTranslated() {
    long root = machine.table();
    machine.attach(root, 4);
    long[] around = {0xfc_ffff_f000L, 0x100_0000_0000L};
    for (long iova : around) {
      machine.entry(machine.extend(root, 4, iova, 1), Machine.index(iova, 1), RW | 0x5000);
      assertEquals(0x5000, machine.read(iova));
    }
    Machine other = new Machine(IommuConfig.standard().withHyperTransportRefused(false));
    long iova = 0xfd_f800_0020L;
    other.entry(other.path(4, iova, 1), Machine.index(iova, 1), RW | 0x5000);
    assertEquals(0x5020, other.read(iova));
    other.assertNoFurtherEvent();
  }

  @Test
  void aDisabledIommuPassesTheHyperTransportRangeToo() {
    machine.iommu.writeMmio(0x18, 0);
    assertEquals(0xfd_f800_0020L, machine.read(0xfd_f800_0020L));
  }

  @Test
  void snpMakesAnEntryWithoutTableIllegal() {
    Machine snp = new Machine(IommuConfig.standard(), 8L << 20);
    snp.deviceEntry(Machine.DEVICE, Machine.deviceQ0(0, 0), Machine.DOMAIN, 0);
    assertEquals(Outcome.ILLEGAL_DEV_TABLE_ENTRY, snp.write(IOVA));
    snp.assertEvent(0x0000_0008, 0x1020_0000, IOVA);
  }

  @Test
  void anEntryWithoutTranslationBlocks() {
    machine.deviceEntry(Machine.DEVICE, 0x6000_0000_0000_0001L, Machine.DOMAIN, 0);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(IOVA));
    machine.assertEvent(0x0000_0008, 0x2000_1234, IOVA);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(IOVA));
    machine.assertEvent(0x0000_0008, 0x2020_1234, IOVA);
  }

  @Test
  void theExclusionRangeIsUntranslatedForDevicesThatAskOrForAll() {
    machine.deviceEntry(Machine.DEVICE, 0x0000_0000_0000_0003L, 1L << 39, 0);
    machine.deviceEntry(9, 0x0000_0000_0000_0003L, 0, 0);
    machine.iommu.writeMmio(0x20, 0x5000 | 1);
    machine.iommu.writeMmio(0x28, 0x6000);
    assertEquals(0x5000L, machine.write(0x5000));
    assertEquals(0x6fffL, machine.write(0x6fff));
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(0x4fff));
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(0x7000));
    assertEquals(Outcome.IO_PAGE_FAULT, machine.iommu.translate(9, 0x5000, true));
    machine.iommu.writeMmio(0x20, 0x5000 | 3);
    assertEquals(0x5000L, machine.iommu.translate(9, 0x5000, true));
    machine.iommu.writeMmio(0x20, 0x5000);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(0x5000));
  }

  @Test
  void withSnpThereIsNoExclusionRange() {
    Machine snp = new Machine(IommuConfig.standard(), 8L << 20);
    snp.attach(snp.table(), 3);
    snp.iommu.writeMmio(0x20, 0x5000 | 3);
    snp.iommu.writeMmio(0x28, 0x6000);
    assertEquals(Outcome.IO_PAGE_FAULT, snp.write(0x5000));
  }

  @Test
  void theDeviceEntrysPermissionsComeBeforeItsMode() {
    machine.deviceEntry(Machine.DEVICE, 0x2000_0000_0000_0003L, Machine.DOMAIN, 0);
    assertEquals(IOVA, machine.read(IOVA));
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(IOVA));
    machine.assertEvent(0x0000_0008, 0x2070_1234, IOVA);
    machine.deviceEntry(9, 0x4000_0000_0000_0e03L, Machine.DOMAIN, 0);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.iommu.translate(9, IOVA, false));
    machine.assertEvent(0x0000_0009, 0x2050_1234, IOVA);
  }

  @Test
  void modeZeroIsUntranslated() {
    machine.deviceEntry(Machine.DEVICE, Machine.deviceQ0(0, 0), Machine.DOMAIN, 0);
    assertEquals(IOVA, machine.write(IOVA));
    assertEquals(Outcome.NO_SUCH_ADDRESS, machine.write(-8));
    machine.assertNoFurtherEvent();
  }

  @Test
  void modeSevenIsAnInvalidLevel() {
    machine.attach(0, 7);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(IOVA));
    machine.assertEvent(0x0000_0008, 0x2030_1234, IOVA);
  }

  @Test
  void aModeBeyondTheFeaturesIsAnInvalidLevel() {
    Machine four = new Machine(IommuConfig.standard().withFeatures(0));
    four.attach(0x40000, 5);
    assertEquals(Outcome.IO_PAGE_FAULT, four.read(0));
    four.assertEvent(0x0000_0008, 0x2010_1234, 0);
  }

  @ParameterizedTest
  @CsvSource({"1, 21", "2, 30", "3, 39", "4, 48", "5, 57"})
  void anAddressWiderThanTheTableIsNotPresent(int mode, int widthLog2) {
    machine.attach(machine.table(), mode);
    long iova = 1L << widthLog2 | 0x18;
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(iova));
    machine.assertEvent(0x0000_0008, 0x2000_1234, iova);
    assertEquals(0, machine.iommu.statistics().walks);
  }

  @Test
  void aTableInAHoleIsAHardwareErrorAtTheEntry() {
    machine.attach(Machine.HOLE, 3);
    assertEquals(Outcome.PAGE_TAB_HARDWARE_ERROR, machine.write(0x4000_0000L));
    machine.assertEvent(0x0000_0008, 0x4220_1234, 0x7_0000_0008L);
    assertEquals(Outcome.PAGE_TAB_HARDWARE_ERROR, machine.read(0x4000_0000L));
    machine.assertEvent(0x0000_0008, 0x4200_1234, 0x7_0000_0008L);
  }

  @Test
  void anEntryThatIsNotPresentIsAPageFaultWhateverElseItSays() {
    long table = machine.path(4, IOVA, 1);
    machine.entry(table, Machine.index(IOVA, 1), 0x7ff0_0000_0012_3e00L);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(IOVA));
    machine.assertEvent(0x0000_0008, 0x2000_1234, IOVA);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(IOVA));
    machine.assertEvent(0x0000_0008, 0x2020_1234, IOVA);
  }

  @ParameterizedTest
  @ValueSource(ints = {52, 53, 54, 55, 56, 57, 58})
  void aReservedBitInALeafIsAPageFault(int bit) {
    long table = machine.path(4, IOVA, 1);
    machine.entry(table, Machine.index(IOVA, 1), 0x7000_0000_0012_3001L | 1L << bit);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(IOVA));
    machine.assertEvent(0x0000_0008, 0x2090_1234, IOVA);
  }

  @ParameterizedTest
  @ValueSource(ints = {52, 58, 59, 60})
  void aReservedBitInADirectoryIsAPageFault(int bit) {
    long table = machine.path(4, IOVA, 2);
    machine.entry(table, Machine.index(IOVA, 2), 0x6000_0000_0012_3201L | 1L << bit);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(IOVA));
    machine.assertEvent(0x0000_0008, 0x20b0_1234, IOVA);
  }

  @Test
  void aMissingPermissionIsFoundBeforeTheLevelsBelowAreRead() {
    long root = machine.table();
    machine.attach(root, 2);
    machine.entry(root, 0, 0x2000_0000_0000_0201L | Machine.HOLE);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(0));
    machine.assertEvent(0x0000_0008, 0x2070_1234, 0);
    assertEquals(Outcome.PAGE_TAB_HARDWARE_ERROR, machine.read(0));
    machine.assertEvent(0x0000_0008, 0x4200_1234, Machine.HOLE);
  }

  /** Level and sized leaf: 2 MiB and 4 MiB at level 1, 4 KiB-like and 1 GiB at level 2. */
  @ParameterizedTest
  @CsvSource({
    "1, 70000000002ffe01",
    "1, 70000000001ffe01",
    "2, 7000000000000e01",
    "2, 700000000007fe01",
    "2, 700000001ffffe01",
    "3, 70000000000ffe01",
    "3, 7000003ffffffe01",
    "4, 7000000000000001",
    "4, 7000003ffffffe01",
    "5, 70003ffffffffe01",
    "5, 7007fffffffffe01",
    "5, 700ffffffffffe01",
    "6, 7000000000000001",
    "6, 7007fffffffffe01",
  })
  void aLeafOfASizeItsLevelCannotHaveIsAnInvalidLevel(int level, String entry) {
    long table = machine.path(6, IOVA, level);
    machine.entry(table, Machine.index(IOVA, level), Long.parseUnsignedLong(entry, 16));
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(IOVA));
    machine.assertEvent(0x0000_0008, 0x2010_1234, IOVA);
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "1, 6", "2, 2", "2, 3", "3, 3", "3, 5", "6, 6"})
  void aNextLevelThatIsNotLowerIsAnInvalidLevel(int level, int next) {
    long table = machine.path(6, IOVA, level);
    long entry = 0x6000_0000_0012_3001L | (long) next << 9;
    machine.entry(table, Machine.index(IOVA, level), entry);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(IOVA));
    machine.assertEvent(0x0000_0008, 0x2030_1234, IOVA);
  }

  @Test
  void skippedAddressBitsThatAreNotZeroAreAnInvalidLevel() {
    long root = machine.table();
    machine.attach(root, 4);
    machine.entry(root, 0, 0x6000_0000_0000_0201L | machine.table());
    long iova = 0x3f_ffe0_0000L;
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(iova));
    machine.assertEvent(0x0000_0008, 0x2010_1234, iova);
  }

  @Test
  void theInterruptWindowIsNeverMemory() {
    machine.attach(machine.table(), 3);
    assertEquals(Outcome.INTERRUPT, machine.write(0xfee0_0000L));
    assertEquals(Outcome.INTERRUPT, machine.write(0xfeef_fffcL));
    assertEquals(0, machine.iommu.statistics().walks);
    machine.assertNoFurtherEvent();
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(0xfef0_0000L));
    machine.assertEvent(0x0000_0008, 0x2020_1234, 0xfef0_0000L);
  }

  @Test
  void aReadOfTheInterruptWindowIsAnInvalidRequest() {
    assertEquals(Outcome.INVALID_DEVICE_REQUEST, machine.read(0xfee0_1000L));
    machine.assertEvent(0x0000_0008, 0x8000_0000, 0xfee0_1000L);
  }

  @ParameterizedTest
  @CsvSource({"0, false", "1, true", "2, true", "3, false"})
  void interruptsObeyIntCtlWhenValid(int control, boolean passes) {
    machine.deviceEntry(Machine.DEVICE, 0, 0, 1L | (long) control << 60);
    long outcome = machine.write(0xfee0_1000L);
    if (passes) {
      assertEquals(Outcome.INTERRUPT, outcome);
      machine.assertNoFurtherEvent();
    } else {
      assertEquals(Outcome.INVALID_DEVICE_REQUEST, outcome);
      machine.assertEvent(0x0000_0008, 0x8a20_0000, 0xfee0_1000L);
    }
  }

  @Test
  void suppressAllAbortsWithoutLogging() {
    machine.deviceEntry(Machine.DEVICE, Machine.deviceQ0(machine.table(), 3), 1L << 34, 0);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(IOVA & 0xfff_ffffL));
    machine.assertNoFurtherEvent();
    assertEquals(1, machine.iommu.statistics().eventsSuppressed);
  }

  @Test
  void suppressRepeatedLogsOnceUntilTheEntryIsCachedAnew() {
    machine.deviceEntry(Machine.DEVICE, Machine.deviceQ0(machine.table(), 3), 1L << 33, 0);
    machine.read(0x1000);
    machine.assertEvent(0x0000_0008, 0x2000_0000, 0x1000);
    machine.read(0x2000);
    machine.assertNoFurtherEvent();
    machine.command(2L << 60 | Machine.DEVICE, 0);
    machine.read(0x3000);
    machine.assertEvent(0x0000_0008, 0x2000_0000, 0x3000);
  }

  @Test
  void otherEventsAreNotSuppressed() {
    machine.deviceEntry(Machine.DEVICE, Machine.deviceQ0(Machine.HOLE, 3), 3L << 33, 0);
    machine.read(0);
    machine.assertEvent(0x0000_0008, 0x4200_0000, Machine.HOLE);
    machine.read(0);
    machine.assertEvent(0x0000_0008, 0x4200_0000, Machine.HOLE);
  }
}
