package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class TranslationTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6})
  void aTableOfEveryHeightTranslatesItsLastPage(int mode) {
    Machine machine = new Machine();
    long iova = mode == 6 ? -0x1000L : (1L << (12 + 9 * mode)) - 0x1000;
    long table = machine.path(mode, iova, 1);
    machine.entry(table, Machine.index(iova, 1), 0x7000_0000_0012_3001L);
    assertEquals(0x123abcL, machine.read(iova + 0xabc));
  }

  /** The check values of the specification: entry, replicas and size. */
  @ParameterizedTest
  @CsvSource({
    "12, 700a71445dead001, 1",
    "13, 700a71445deace01, 2",
    "14, 700a71445deade01, 4",
    "15, 700a71445deabe01, 8",
    "16, 700a71445dea7e01, 16",
    "17, 700a71445deafe01, 32",
    "18, 700a71445de9fe01, 64",
    "19, 700a71445debfe01, 128",
    "20, 700a71445de7fe01, 256",
    "21, 700a71445de00001, 1",
    "22, 700a71445ddffe01, 2",
    "30, 700a714440000001, 1",
    "31, 700a71443ffffe01, 2",
    "40, 700a717ffffffe01, 2",
    "48, 700a000000000001, 1",
    "51, 700bfffffffffe01, 8",
  })
  void everyLeafSizeTranslatesItsFirstMiddleAndLastByte(int log2, String entry, int replicas) {
    Machine machine = new Machine();
    long size = 1L << log2;
    long iova = 0x0050_0000_0000_0000L & -size;
    int level = (log2 - 12) / 9 + 1;
    long table = machine.path(6, iova, level);
    for (int i = 0; i < replicas; i++) {
      machine.entry(table, Machine.index(iova, level) + i, Long.parseUnsignedLong(entry, 16));
    }
    long paddr = 0x000a_7144_5dea_d000L & -size;
    for (long offset : new long[] {0, size / 2 + 7, size - 1}) {
      assertEquals(Machine.hex(paddr + offset), Machine.hex(machine.read(iova + offset)));
      machine.flushAll();
      assertEquals(Machine.hex(paddr + offset), Machine.hex(machine.write(iova + offset)));
    }
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(iova - 1));
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(iova + size));
  }

  @Test
  void aSizedLeafOfItsLevelsOwnSizeTranslates() {
    Machine machine = new Machine();
    long table = machine.path(3, 0x40000000L, 2);
    // 2 MiB at 0x200000: bits 12 to 19 ones, bit 20 zero, NextLevel 7.
    machine.entry(table, 0, 0x7000_0000_002f_fe01L);
    assertEquals(0x2abcdeL, machine.read(0x400abcdeL));
  }

  @Test
  void aDirectoryMaySkipLevelsWhoseAddressBitsAreZero() {
    Machine machine = new Machine();
    long root = machine.table();
    machine.attach(root, 4);
    long leaves = machine.table();
    // From level 4 straight to level 1, for addresses 0x8000000000 and the 2 MiB after it.
    machine.entry(root, 1, 0x6000_0000_0000_0201L | leaves);
    machine.entry(leaves, 5, 0x7000_0000_0012_3001L);
    assertEquals(0x123010L, machine.read(0x80_0000_5010L));
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(0x80_0020_5010L));
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(0x80_4000_5010L));
  }

  @Test
  void ignoredBitsChangeNothing() {
    Machine machine = new Machine();
    long table = machine.path(3, 0, 1);
    // Bits 1 to 4, 7, 8 and 63, and in the leaf U, FC, A and D.
    machine.entry(table, 0, 0xf800_0000_0012_31ffL);
    assertEquals(0x123000L, machine.read(0));
  }

  @Test
  void lowAddressBitsOfALargeLeafAreIgnored() {
    Machine machine = new Machine();
    long table = machine.path(3, 0, 2);
    machine.entry(table, 0, 0x7000_0000_0041_2001L);
    assertEquals(0x400008L, machine.read(8));
  }

  static Stream<int[]> permissions() {
    return Stream.of(
        new int[] {3, 3, 3, 3},
        new int[] {1, 3, 3, 1},
        new int[] {3, 1, 3, 1},
        new int[] {3, 3, 1, 1},
        new int[] {2, 3, 3, 2},
        new int[] {3, 2, 3, 2},
        new int[] {3, 3, 2, 2},
        new int[] {1, 2, 3, 0},
        new int[] {3, 2, 1, 0},
        new int[] {3, 0, 3, 0});
  }

  @ParameterizedTest
  @MethodSource("permissions")
  void permissionsAreAndedOverDeviceEntryDirectoriesAndLeaf(int[] bits) {
    for (boolean write : new boolean[] {false, true}) {
      Machine machine = new Machine();
      long root = machine.table();
      long leaves = machine.table();
      machine.deviceEntry(
          Machine.DEVICE, 3L | 2L << 9 | root | (long) bits[0] << 61, Machine.DOMAIN, 0);
      machine.entry(root, 0, 0x201L | leaves | (long) bits[1] << 61);
      machine.entry(leaves, 0, 0x12_3001L | (long) bits[2] << 61);
      boolean allowed = (bits[3] & (write ? 2 : 1)) != 0;
      assertEquals(
          allowed ? 0x123000L : Outcome.IO_PAGE_FAULT,
          machine.iommu.translate(Machine.DEVICE, 0, write));
    }
  }

  @Test
  void aReadThatCachedTheLeafDoesNotLetAWriteThroughAReadOnlyDirectory() {
    Machine machine = new Machine();
    long root = machine.table();
    long leaves = machine.table();
    machine.attach(root, 2);
    machine.entry(root, 0, 0x2000_0000_0000_0201L | leaves);
    machine.entry(leaves, 0, 0x7000_0000_0012_3001L);
    assertEquals(0x123000L, machine.read(0));
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(0));
    assertEquals(0x123000L, machine.read(0));
  }

  @Test
  void twoDevicesOfOneDomainShareTranslationsAndAnotherDomainDoesNot() {
    Machine machine = new Machine();
    long table = machine.path(1, 0, 1);
    long other = machine.table();
    machine.entry(table, 0, 0x7000_0000_0012_3001L);
    machine.entry(other, 0, 0x7000_0000_0045_6001L);
    machine.deviceEntry(9, Machine.deviceQ0(other, 1), Machine.DOMAIN, 0);
    machine.deviceEntry(10, Machine.deviceQ0(other, 1), Machine.DOMAIN + 1, 0);
    assertEquals(0x123000L, machine.read(0));
    assertEquals(0x123000L, machine.iommu.translate(9, 0, false), "one domain id aliases");
    assertEquals(0x456000L, machine.iommu.translate(10, 0, false));
  }

  @Test
  void theEncryptionBitIsNoPartOfAnAddress() {
    Machine encrypted = new Machine(IommuConfig.standard().withEncryptionBit(1L << 47));
    long root = encrypted.table();
    long leaves = encrypted.table();
    encrypted.attach(root | 1L << 47, 2);
    encrypted.entry(root, 0, 0x6000_8000_0000_0201L | leaves);
    encrypted.entry(leaves, 0, 0x7000_8000_0012_3001L);
    encrypted.entry(leaves, 2, 0x7000_8000_0045_6e01L);
    encrypted.entry(leaves, 3, 0x7000_8000_0045_6e01L);
    assertEquals(0x123008L, encrypted.read(8));
    assertEquals(0x457008L, encrypted.read(0x3008));
    assertEquals(0x457010L, encrypted.write(0x3010));
  }

  @Test
  void growingTheTopNeedsNoFlush() {
    Machine machine = new Machine();
    long table = machine.path(3, 0, 1);
    machine.entry(table, 0, 0x7000_0000_0012_3001L);
    machine.entry(table, 1, 0x7000_0000_0012_4001L);
    assertEquals(0x123000L, machine.read(0));
    long oldRoot = machine.memory.getLong(Machine.DEVICE_TABLE + 32L * Machine.DEVICE);
    long top = machine.table();
    machine.entry(top, 0, 0x6000_0000_0000_0601L | (oldRoot & 0xf_ffff_ffff_f000L));
    machine.attach(top, 4);
    machine.command(2L << 60 | Machine.DEVICE, 0);
    assertEquals(0x123000L, machine.read(0));
    assertEquals(0x124000L, machine.read(0x1000));
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(1L << 40));
  }

  @Test
  void anUncachedTableOfFourLevelsTakesFourSteps() {
    Machine machine = new Machine(IommuConfig.standard().withoutCaches());
    long table = machine.path(4, 0, 1);
    machine.entry(table, 0, 0x7000_0000_0012_3001L);
    machine.read(0);
    machine.read(0);
    assertEquals(8, machine.iommu.statistics().walkSteps);
    assertEquals(2, machine.iommu.statistics().walks);
  }

  @Test
  void theDirectoryCacheLeavesOneStepToANeighbour() {
    Machine machine = new Machine();
    long table = machine.path(4, 0, 1);
    machine.entry(table, 0, 0x7000_0000_0012_3001L);
    machine.entry(table, 1, 0x7000_0000_0012_4001L);
    machine.read(0);
    assertEquals(4, machine.iommu.statistics().walkSteps);
    assertEquals(0x124000L, machine.read(0x1000));
    assertEquals(5, machine.iommu.statistics().walkSteps);
    assertEquals(1, machine.iommu.statistics().directoryHits);
  }
}
