package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpInstructions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** DMA under the RMP: which leaf may meet which entry, what is cached, and what a PSMASH does. */
class RmpDmaTest {
  private static final long COVERED = 16L << 20;
  private static final int ASID = 5;

  /** The region under test, in guest and system memory, and entries that translate it. */
  private static final long GPA = 0x60_0000;

  private static final long SPA = 0x20_0000;
  private static final long LEAF_2M = 0x7000_0000_0020_0001L;
  private static final long LEAF_1M = 0x7000_0000_0027_fe01L;
  private static final long LEAF_4K = 0x7000_0000_0020_0001L;

  private final Machine machine = new Machine(IommuConfig.standard(), COVERED);
  private final ReverseMap map = machine.rmp(COVERED);
  private final RmpInstructions cpu = new RmpInstructions(map);
  private long root;
  private long directory;

  enum Region {
    SHARED,
    PRIVATE_2M,
    PRIVATE_4K,
    MIXED_FIRST_SHARED,
    MIXED_LAST_SHARED,
    ONE_PRIVATE
  }

  private void make(Region region) {
    switch (region) {
      case SHARED -> {}
      case PRIVATE_2M -> update(SPA, GPA, 0x5_0000_0101L);
      case PRIVATE_4K -> privatePages(0, 512);
      case MIXED_FIRST_SHARED -> privatePages(1, 512);
      case MIXED_LAST_SHARED -> privatePages(0, 511);
      case ONE_PRIVATE -> privatePages(300, 301);
    }
  }

  private void privatePages(int from, int to) {
    for (long page = from; page < to; page++) {
      update(SPA + page * 0x1000, GPA + page * 0x1000, 0x5_0000_0001L);
    }
  }

  private void update(long spa, long gpa, long state) {
    assertEquals(0, cpu.rmpUpdate(spa, gpa, state));
  }

  private void mapLarge() {
    directory = machine.path(3, GPA, 2);
    machine.entry(directory, Machine.index(GPA, 2), LEAF_2M);
    machine.iommu.trustDomain(Machine.DOMAIN, ASID);
  }

  private void mapSmall(int leafLog2) {
    root = machine.path(3, GPA, 1);
    for (int i = 0; i < 512; i++) {
      long entry = leafLog2 == 20 ? LEAF_1M + (i < 256 ? 0 : 0x10_0000) : LEAF_4K + i * 0x1000L;
      machine.entry(root, i, entry);
    }
    machine.iommu.trustDomain(Machine.DOMAIN, ASID);
  }

  /** The three cases of the specification's table of largest legal leaves. */
  @ParameterizedTest
  @EnumSource(Region.class)
  void aLargeLeafWantsAWholeRegionOfOneKind(Region region) {
    make(region);
    mapLarge();
    boolean legal = region == Region.SHARED || region == Region.PRIVATE_2M;
    for (long offset : new long[] {0, 0x12_c000, 0x1f_f000}) {
      assertEquals(legal ? SPA + offset : Outcome.RMP_PAGE_FAULT, machine.write(GPA + offset));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "SHARED, 12", "PRIVATE_2M, 12", "PRIVATE_4K, 12", "MIXED_FIRST_SHARED, 12", "ONE_PRIVATE, 12",
    "SHARED, 20", "PRIVATE_2M, 20", "PRIVATE_4K, 20", "MIXED_LAST_SHARED, 20", "ONE_PRIVATE, 20"
  })
  void aSmallLeafWantsAnythingButALargeEntry(Region region, int leafLog2) {
    make(region);
    mapSmall(leafLog2);
    boolean legal = region != Region.PRIVATE_2M;
    for (long offset : new long[] {0, 0x12_c000, 0x1f_f000}) {
      assertEquals(legal ? SPA + offset : Outcome.RMP_PAGE_FAULT, machine.read(GPA + offset));
    }
  }

  @Test
  void aLeafOfAGigabyteIsCheckedInPiecesOfTwoMegabytes() {
    long top = machine.path(3, 0, 3);
    machine.entry(top, 0, 0x7000_0000_0000_0001L);
    machine.iommu.trustDomain(Machine.DOMAIN, ASID);
    update(0x20_0000, 0x20_0000, 0x5_0000_0101L);
    update(0x40_1000, 0x40_1000, 0x5_0000_0001L);
    assertEquals(0x1f_fff8L, machine.read(0x1f_fff8));
    assertEquals(0x20_0000L, machine.read(0x20_0000));
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(0x40_1000));
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(0x5f_f000));
    assertEquals(0x60_0000L, machine.read(0x60_0000));
    assertEquals(0x4000_0000L - 8, machine.read(0x4000_0000L - 8), "beyond the RMP");
    assertEquals(4, machine.iommu.statistics().iotlbMisses - 2);
  }

  @Test
  void anRmpFaultLogsTheFullAddress() {
    make(Region.PRIVATE_4K);
    mapLarge();
    machine.write(GPA + 0x1abc);
    machine.assertEvent(0x0000_0008, 0xd020_0000, GPA + 0x1abc);
    machine.read(GPA + 0x1abc);
    machine.assertEvent(0x0000_0008, 0xd000_0000, GPA + 0x1abc);
  }

  @Test
  void anRmpFaultIsNotSuppressed() {
    make(Region.PRIVATE_4K);
    mapLarge();
    long q0 = machine.memory.getLong(Machine.DEVICE_TABLE + 32L * Machine.DEVICE);
    machine.deviceEntry(Machine.DEVICE, q0, Machine.DOMAIN | 1L << 34, 0);
    machine.read(GPA);
    machine.assertEvent(0x0000_0008, 0xd000_0000, GPA);
  }

  @Test
  void anRmpInAHoleIsAHardwareErrorAtItsEntry() {
    Machine bad = new Machine(IommuConfig.standard(), 32L << 40);
    long table = bad.path(4, 0x30_0000_0000L, 1);
    bad.entry(table, 0, 0x7000_0030_0000_5001L);
    assertEquals(Outcome.RMP_HW_ERROR, bad.write(0x30_0000_0000L));
    bad.assertEvent(0x0000_0008, 0xe020_0000, 0x80_4000L + 0x30_0000_0000L / 256);
  }

  @Test
  void aDeviceTouchesOnlyItsOwnGuestAtItsOwnAddress() {
    make(Region.PRIVATE_2M);
    mapLarge();
    assertEquals(SPA, machine.read(GPA));
    machine.iommu.trustDomain(Machine.DOMAIN, ASID + 1);
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA));
    machine.iommu.trustDomain(Machine.DOMAIN, 0);
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA));
    machine.iommu.trustDomain(Machine.DOMAIN, ASID);
    machine.entry(directory, Machine.index(GPA, 2) + 1, LEAF_2M);
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA + 0x20_0000), "another gpa");
  }

  @Test
  void aFirmwarePageIsNobodysToTouch() {
    update(SPA, GPA, 0x1_0001L);
    mapSmall(12);
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA));
    machine.iommu.trustDomain(Machine.DOMAIN, 0);
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA));
    assertEquals(SPA + 0x1000, machine.read(GPA + 0x1000));
  }

  @Test
  void aRefusedAccessMarksNothingAndIsNotCached() {
    make(Region.PRIVATE_2M);
    mapSmall(12);
    long q0 = machine.memory.getLong(Machine.DEVICE_TABLE + 32L * Machine.DEVICE);
    machine.deviceEntry(Machine.DEVICE, q0 | 3L << 7, Machine.DOMAIN, 0);
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.write(GPA));
    assertEquals(LEAF_4K, machine.memory.getLong(root));
    assertEquals(0, cpu.psmash(SPA));
    assertEquals(SPA, machine.write(GPA));
    assertEquals(LEAF_4K | 0x60, machine.memory.getLong(root));
  }

  @Test
  void aSmallLeafIsCachedAsPagesAndALargeOneInPieces() {
    mapSmall(20);
    machine.read(GPA);
    machine.read(GPA + 0x1000);
    machine.read(GPA + 0x1008);
    assertEquals(2, machine.iommu.statistics().iotlbMisses);
    assertEquals(1, machine.iommu.statistics().iotlbHits);
  }

  @Test
  void psmashFirstFaultsUntilTableAndIotlbFollow() {
    make(Region.PRIVATE_2M);
    mapLarge();
    assertEquals(SPA, machine.read(GPA));
    assertEquals(0, cpu.psmash(SPA));
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA));
    machine.entry(directory, Machine.index(GPA, 2), 0x6000_0000_0000_0201L | pages());
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA), "the IOTLB still has 2 MiB");
    machine.flush(0x6f_f000 | 3);
    assertEquals(SPA, machine.read(GPA));
  }

  @Test
  void tableFirstFaultsUntilThePsmash() {
    make(Region.PRIVATE_2M);
    mapLarge();
    machine.entry(directory, Machine.index(GPA, 2), 0x6000_0000_0000_0201L | pages());
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA));
    assertEquals(0, cpu.psmash(SPA));
    assertEquals(SPA, machine.read(GPA));
  }

  @Test
  void anIommuThatDoesNotAskAgainLetsTheStaleEntryThrough() {
    Machine trusting = new Machine(IommuConfig.standard().withRmpCheckedOnHit(false), COVERED);
    RmpInstructions instructions = new RmpInstructions(trusting.rmp(COVERED));
    assertEquals(0, instructions.rmpUpdate(SPA, GPA, 0x5_0000_0101L));
    long table = trusting.path(3, GPA, 2);
    trusting.entry(table, Machine.index(GPA, 2), LEAF_2M);
    trusting.iommu.trustDomain(Machine.DOMAIN, ASID);
    assertEquals(SPA, trusting.read(GPA));
    assertEquals(0, instructions.psmash(SPA));
    assertEquals(SPA, trusting.read(GPA));
    trusting.flushAll();
    assertEquals(Outcome.RMP_PAGE_FAULT, trusting.read(GPA));
  }

  /** A table of 512 pages that translates the region. */
  private long pages() {
    long pages = machine.table();
    for (int i = 0; i < 512; i++) {
      machine.entry(pages, i, LEAF_4K + i * 0x1000L);
    }
    return pages;
  }

  @Test
  void psmashIoExchangesTableAndRmpWithoutAFaultAndKeepsDirtyBits() {
    make(Region.PRIVATE_2M);
    mapLarge();
    long q0 = machine.memory.getLong(Machine.DEVICE_TABLE + 32L * Machine.DEVICE);
    machine.deviceEntry(Machine.DEVICE, q0 | 3L << 7, Machine.DOMAIN, 0);
    assertEquals(SPA, machine.write(GPA));
    long pages = pages();
    long entry = directory + Machine.index(GPA, 2) * 8L;
    assertEquals(0, machine.iommu.psmashIo(SPA, pages, entry));
    assertEquals(SPA + 0x1000, machine.read(GPA + 0x1000));
    assertEquals(0x6000_0000_0000_0221L | pages, machine.memory.getLong(entry));
    for (int i = 0; i < 512; i++) {
      assertEquals(LEAF_4K + i * 0x1000L | 0x60, machine.memory.getLong(pages + i * 8L));
    }
    machine.assertNoFurtherEvent();
  }

  @Test
  void psmashIoChangesNothingIfTheRmpRefuses() {
    make(Region.PRIVATE_4K);
    mapLarge();
    long entry = directory + Machine.index(GPA, 2) * 8L;
    assertEquals(1, machine.iommu.psmashIo(SPA, pages(), entry));
    assertEquals(LEAF_2M, machine.memory.getLong(entry));
    assertThrows(IllegalStateException.class, () -> new Machine().iommu.psmashIo(0, 0, 0));
  }
}
