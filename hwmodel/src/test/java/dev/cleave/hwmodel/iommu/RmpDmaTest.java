package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

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
    ONE_PRIVATE;

    /** Whether a page is assigned. */
    boolean isPrivate(int page) {
      return switch (this) {
        case SHARED -> false;
        case PRIVATE_2M, PRIVATE_4K -> true;
        case MIXED_FIRST_SHARED -> page != 0;
        case MIXED_LAST_SHARED -> page != 511;
        case ONE_PRIVATE -> page == 300;
      };
    }
  }

  private void make(Region region) {
    if (region == Region.PRIVATE_2M) {
      update(SPA, GPA, 0x5_0000_0101L);
      return;
    }
    for (int page = 0; page < 512; page++) {
      if (region.isPrivate(page)) {
        update(SPA + page * 0x1000L, GPA + page * 0x1000L, 0x5_0000_0001L);
      }
    }
  }

  private void update(long spa, long gpa, long state) {
    assertEquals(0, cpu.rmpUpdate(spa, gpa, state));
  }

  private void mapLarge() {
    directory = machine.path(3, GPA, 2);
    machine.entry(directory, Machine.index(GPA, 2), LEAF_2M);
  }

  private void mapSmall(int leafLog2) {
    root = machine.path(3, GPA, 1);
    for (int i = 0; i < 512; i++) {
      long entry = leafLog2 == 20 ? LEAF_1M + (i < 256 ? 0 : 0x10_0000) : LEAF_4K + i * 0x1000L;
      machine.entry(root, i, entry);
    }
  }

  /** HAD = 3, whatever domain the entry has. */
  private void markDirty() {
    long at = Machine.DEVICE_TABLE + 32L * Machine.DEVICE;
    machine.memory.setLong(at, machine.memory.getLong(at) | 3L << 7);
  }

  /** The three cases of the specification's table of largest legal leaves. */
  @ParameterizedTest
  @EnumSource(Region.class)
  void aLargeLeafWantsAWholeRegionOfTheDevicesKind(Region region) {
    make(region);
    mapLarge();
    machine.trust(ASID);
    for (long offset : new long[] {0, 0x12_c000, 0x1f_f000}) {
      machine.trusted = true;
      boolean legal = region == Region.PRIVATE_2M;
      assertEquals(legal ? SPA + offset : Outcome.RMP_PAGE_FAULT, machine.write(GPA + offset));
      machine.trusted = false;
      legal = region == Region.SHARED;
      assertEquals(legal ? SPA + offset : Outcome.RMP_PAGE_FAULT, machine.write(GPA + offset));
      assertEquals(legal ? SPA + offset : Outcome.RMP_PAGE_FAULT, machine.read(GPA + offset));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "SHARED, 12", "PRIVATE_2M, 12", "PRIVATE_4K, 12", "MIXED_FIRST_SHARED, 12", "ONE_PRIVATE, 12",
    "SHARED, 20", "PRIVATE_2M, 20", "PRIVATE_4K, 20", "MIXED_LAST_SHARED, 20", "ONE_PRIVATE, 20"
  })
  void aSmallLeafWantsASmallEntryOrASharedPage(Region region, int leafLog2) {
    make(region);
    mapSmall(leafLog2);
    machine.trust(ASID);
    for (int page : new int[] {0, 300, 511}) {
      long offset = page * 0x1000L;
      machine.trusted = true;
      boolean legal = region.isPrivate(page) && region != Region.PRIVATE_2M;
      assertEquals(legal ? SPA + offset : Outcome.RMP_PAGE_FAULT, machine.read(GPA + offset));
      machine.trusted = false;
      legal = !region.isPrivate(page);
      assertEquals(legal ? SPA + offset : Outcome.RMP_PAGE_FAULT, machine.read(GPA + offset));
    }
  }

  @ParameterizedTest
  @CsvSource({"true", "false"})
  void aLeafOfAGigabyteIsCheckedInPiecesOfTwoMegabytes(boolean isTrusted) {
    long top = machine.path(3, 0, 3);
    machine.entry(top, 0, 0x7000_0000_0000_0001L);
    machine.trust(ASID);
    machine.trusted = isTrusted;
    update(0x20_0000, 0x20_0000, 0x5_0000_0101L);
    update(0x40_1000, 0x40_1000, 0x5_0000_0001L);
    long fault = Outcome.RMP_PAGE_FAULT;
    assertEquals(isTrusted ? fault : 0x1f_fff8L, machine.read(0x1f_fff8));
    assertEquals(isTrusted ? 0x20_0000L : fault, machine.read(0x20_0000));
    assertEquals(fault, machine.read(0x40_1000));
    assertEquals(fault, machine.read(0x5f_f000));
    assertEquals(isTrusted ? fault : 0x60_0000L, machine.read(0x60_0000));
    long beyond = 0x4000_0000L - 8;
    assertEquals(isTrusted ? fault : beyond, machine.read(beyond), "beyond the RMP");
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
    bad.trust(ASID);
    assertEquals(Outcome.RMP_HW_ERROR, bad.write(0x30_0000_0000L));
    bad.assertEvent(0x0000_0008, 0xe020_0000, 0x80_4000L + 0x30_0000_0000L / 256);
  }

  @Test
  void aDeviceTouchesOnlyItsOwnGuestAtItsOwnAddress() {
    make(Region.PRIVATE_2M);
    mapLarge();
    machine.trust(ASID);
    assertEquals(SPA, machine.read(GPA));
    machine.entry(directory, Machine.index(GPA, 2) + 1, LEAF_2M);
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA + 0x20_0000), "another gpa");
    assertEquals(0, machine.iommu.firmware().unbind(Machine.DEVICE));
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA), "nobody's device");
    long other = machine.guest(ASID + 1);
    machine.iommu.firmware().bind(Machine.DEVICE, other, TdiBinding.of(Machine.DOMAIN));
    long[] request = SecureDeviceEntry.request(Machine.ACCESS, 0, -1);
    assertEquals(0, machine.iommu.firmware().writeEntry(ASID + 1, Machine.DEVICE, request));
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA), "another guest's device");
  }

  @Test
  void aFirmwarePageIsNobodysToTouch() {
    update(SPA, GPA, 0x1_0001L);
    mapSmall(12);
    machine.trust(ASID);
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA));
    machine.trusted = false;
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA));
    assertEquals(SPA + 0x1000, machine.read(GPA + 0x1000));
  }

  @Test
  void aRefusedAccessMarksNothingAndIsNotCached() {
    make(Region.PRIVATE_2M);
    mapSmall(12);
    machine.trust(ASID);
    markDirty();
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
    machine.trust(ASID);
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
    machine.trust(ASID);
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
    trusting.trust(ASID);
    assertEquals(SPA, trusting.read(GPA));
    assertEquals(0, instructions.psmash(SPA));
    assertEquals(SPA, trusting.read(GPA));
    trusting.trusted = false;
    assertEquals(Outcome.RMP_PAGE_FAULT, trusting.read(GPA), "another kind of access");
    trusting.trusted = true;
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
  void whatVZeroPassesOnIsAskedOfTheRmpAsShared() {
    machine.deviceEntry(Machine.DEVICE, 0, 0, 0);
    assertEquals(SPA, machine.write(SPA));
    make(Region.PRIVATE_4K);
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.write(SPA));
    machine.assertEvent(0x0000_0008, 0xd020_0000, SPA);
    assertEquals(COVERED, machine.read(COVERED), "beyond the RMP");
  }

  @Test
  void theFirstPageOfMemoryIsAskedOfTheRmpToo() {
    machine.deviceEntry(Machine.DEVICE, 0, 0, 0);
    assertEquals(0, machine.write(0));
    update(0, GPA, 0x5_0000_0001L);
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.write(0));
    assertEquals(2, machine.iommu.statistics().rmpChecks);
  }
}
