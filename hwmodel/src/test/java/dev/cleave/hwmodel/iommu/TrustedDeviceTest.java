package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.hwmodel.rmp.RmpInstructions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A device with a secure entry: who is admitted, what is private and what is shared, whose
 * permissions count, and what its refusals log.
 */
class TrustedDeviceTest {
  private static final long COVERED = 16L << 20;
  private static final int ASID = 5;
  private static final int GUEST_ID = 0x4321;
  private static final long GPA = 0x60_0000;
  private static final long SPA = 0x20_0000;
  private static final long RW = 0x7000_0000_0000_0001L;
  private static final long VTOM = 1L << 40;
  private static final long ENTRY = Machine.DEVICE_TABLE + 32L * Machine.DEVICE;
  private static final TdiBinding BINDING =
      new TdiBinding(Machine.DOMAIN, GUEST_ID, 0, false, null);

  private final Machine machine = new Machine(IommuConfig.standard(), COVERED);
  private final RmpInstructions cpu = new RmpInstructions(machine.rmp(COVERED));

  /** One private page and the shared one after it, mapped where the guest has them. */
  private void map(int vmpl, long vTom) {
    map(machine, vmpl, vTom, BINDING);
  }

  private void map(Machine to, int vmpl, long vTom, TdiBinding binding) {
    long root = to.table();
    to.attach(root, 4);
    long pages = to.extend(root, 4, GPA, 1);
    to.entry(pages, 0, RW | SPA);
    to.entry(pages, 1, RW | SPA + 0x1000);
    if (vTom > 0) {
      long aliases = to.extend(root, 4, vTom + GPA, 1);
      to.entry(aliases, 0, RW | SPA);
      to.entry(aliases, 1, RW | SPA + 0x1000);
    }
    RmpInstructions instructions = new RmpInstructions(to.rmp(COVERED));
    assertEquals(0, instructions.rmpUpdate(SPA, GPA, 0x5_0000_0001L));
    to.trust(Machine.DEVICE, to.guest(ASID), ASID, binding, vmpl, vTom);
    to.trusted = true;
  }

  private void setHost(long q0, long q1) {
    machine.deviceEntry(Machine.DEVICE, q0, q1, 0);
    machine.command(2L << 60 | Machine.DEVICE, 0);
  }

  @Test
  void aPlainTrustedDeviceReachesPrivatePagesOnlyAndAnUntrustedRequestSharedOnesOnly() {
    map(0, -1);
    assertEquals(SPA + 8, machine.write(GPA + 8));
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.write(GPA + 0x1abc));
    machine.assertEvent(0x0000_0008, 0xd020_4321, GPA + 0x1abc);
    machine.trusted = false;
    assertEquals(SPA + 0x1000, machine.read(GPA + 0x1000));
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA + 0xabc));
    machine.assertEvent(0x0000_0008, 0xd000_0000, GPA + 0xabc);
  }

  @Test
  void aTrustedRequestOfADeviceWithoutValidEntryIsAnyDevices() {
    map(0, -1);
    long[] off = SecureDeviceEntry.request(0, 0, -1);
    assertEquals(0, machine.iommu.firmware().writeEntry(ASID, Machine.DEVICE, off));
    assertEquals(SPA + 0x1000, machine.read(GPA + 0x1000));
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA));
    machine.assertEvent(0x0000_0008, 0xd000_0000, GPA);
  }

  @Test
  void withoutTrustedIoTheTBitMeansNothing() {
    Machine none = new Machine(IommuConfig.standard().withTrustedIo(TrustedIo.NONE), COVERED);
    none.entry(none.path(3, GPA, 1), 0, RW | SPA);
    none.trusted = true;
    assertEquals(SPA, none.read(GPA));
  }

  @Test
  void belowVTomIsPrivateAndFromItOnShared() {
    map(0, VTOM);
    assertEquals(SPA, machine.write(GPA));
    assertEquals(SPA + 0x1000, machine.write(VTOM + GPA + 0x1000));
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA + 0x1000));
    machine.assertEvent(0x0000_0008, 0xd000_4321, GPA + 0x1000);
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(VTOM + GPA));
    machine.assertEvent(0x0000_0008, 0xd000_4321, VTOM + GPA);
  }

  /** The boundary itself, both sides, answered by a walk and by the IOTLB. */
  @Test
  void vTomItselfIsShared() {
    long vTom = GPA;
    long root = machine.table();
    machine.attach(root, 4);
    long below = machine.extend(root, 4, GPA - 0x20_0000, 1);
    machine.entry(below, 511, RW | SPA);
    long directory = machine.memory.getLong(root) & 0xf_ffff_ffff_f000L;
    directory = machine.memory.getLong(directory) & 0xf_ffff_ffff_f000L;
    long at = machine.table();
    machine.entry(directory, Machine.index(GPA, 2), 0x6000_0000_0000_0201L | at);
    machine.entry(at, 0, RW | SPA + 0x1000);
    assertEquals(0, cpu.rmpUpdate(SPA, GPA - 0x1000, 0x5_0000_0001L));
    machine.trust(Machine.DEVICE, machine.guest(ASID), ASID, BINDING, 0, vTom);
    machine.trusted = true;
    for (int round = 0; round < 2; round++) {
      assertEquals(SPA + 0xff8, machine.read(vTom - 8));
      assertEquals(SPA + 0x1000, machine.read(vTom));
    }
    assertEquals(2, machine.iommu.statistics().iotlbHits);
  }

  @Test
  void vTomZeroMakesEverythingShared() {
    map(0, 0);
    assertEquals(SPA + 0x1000, machine.read(GPA + 0x1000));
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA));
  }

  @Test
  void everyAddressIsPrivateIfVTomIsOffTheLastOnesToo() {
    machine.attach(machine.table(), 6);
    long root = machine.memory.getLong(ENTRY) & 0xf_ffff_ffff_f000L;
    machine.entry(machine.extend(root, 6, -0x1000L, 1), 511, RW | SPA);
    assertEquals(0, cpu.rmpUpdate(SPA, 0x7_ffff_ffff_f000L, 0x5_0000_0001L));
    machine.trust(Machine.DEVICE, machine.guest(ASID), ASID, BINDING, 0, -1);
    machine.trusted = true;
    // No RMP entry has so high a gpa: were the access shared the verdict would be the same, but
    // for the hypervisor's page.
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(-8));
    assertEquals(0, cpu.rmpUpdate(SPA, 0, 0));
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(-8));
  }

  /** A write wants the right to read as well, as a processor's does. */
  @ParameterizedTest
  @CsvSource({
    "0, 31, true, true",
    "1, 0, false, false",
    "2, 1, true, false",
    "3, 3, true, true",
    "3, 2, false, false"
  })
  void thePermissionsOfTheEntrysVmplBindTheDevice(
      int vmpl, int granted, boolean reads, boolean writes) {
    map(vmpl, -1);
    assertEquals(0, cpu.pvalidate(SPA, GPA, ASID, false, true));
    if (vmpl > 0) {
      assertEquals(0, cpu.rmpAdjust(SPA, GPA, ASID, false, 0, vmpl, granted, false));
    }
    for (int round = 0; round < 2; round++) {
      assertEquals(reads ? SPA : Outcome.RMP_PAGE_FAULT, machine.read(GPA));
      assertEquals(writes ? SPA : Outcome.RMP_PAGE_FAULT, machine.write(GPA));
    }
  }

  @Test
  void aVmplThatMayNotIsAnRmpFault() {
    map(1, -1);
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.write(GPA + 0x10));
    machine.assertEvent(0x0000_0008, 0xd020_4321, GPA + 0x10);
  }

  @Test
  void aVmplThatIsNotCheckedForbidsNothing() {
    Machine free =
        new Machine(
            IommuConfig.standard().withTrustedIo(TrustedIo.STANDARD.withVmpl(false)), COVERED);
    map(free, 3, -1, BINDING);
    assertEquals(SPA, free.write(GPA));
  }

  @Test
  void aDomainIdBesideAValidSecureEntryIsAReservedField() {
    map(0, -1);
    setHost(machine.memory.getLong(ENTRY), 1);
    for (boolean isTrusted : new boolean[] {true, false}) {
      machine.trusted = isTrusted;
      assertEquals(Outcome.ILLEGAL_DEV_TABLE_ENTRY, machine.write(GPA + 3));
      machine.assertEvent(0x0000_0008, 0x10a0_0000, GPA);
    }
  }

  /** I, IR and IW, each of them different in the host's entry. */
  @ParameterizedTest
  @CsvSource({"61, false", "62, false", "32, true"})
  void whatMustBeEqualInBothEntriesMakesTheEntryIllegalIfItIsNot(int bit, boolean second) {
    map(0, -1);
    long q0 = machine.memory.getLong(ENTRY);
    setHost(second ? q0 : q0 ^ 1L << bit, second ? 1L << bit : 0);
    for (boolean isTrusted : new boolean[] {true, false}) {
      machine.trusted = isTrusted;
      assertEquals(Outcome.ILLEGAL_DEV_TABLE_ENTRY, machine.read(GPA + 3));
      machine.assertEvent(0x0000_0008, 0x1000_0000, GPA);
    }
    setHost(q0, 0);
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA));
  }

  @Test
  void permissionsThatBothEntriesLackAreAPageFaultInTheSecureEntrysDomain() {
    map(0, -1);
    long[] readOnly = SecureDeviceEntry.request(0x2000_0000_0000_0001L, 0, -1);
    assertEquals(0, machine.iommu.firmware().writeEntry(ASID, Machine.DEVICE, readOnly));
    setHost(machine.memory.getLong(ENTRY) & ~(1L << 62), 0);
    assertEquals(SPA, machine.read(GPA));
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(GPA));
    machine.assertEvent(0x0000_0008, 0x2070_1234, GPA);
  }

  /** Every reserved bit of the entry, guest_id_mbo clear, and an ASID that no guest has. */
  @ParameterizedTest
  @ValueSource(
      ints = {
        1, 7, 51, 53, 63, 97, 102, 103, 105, 133, 180, 184, 188, 191, 204, 240, 243, 247, 357, 511
      })
  void aReservedBitOfTheSecureEntryMakesTrustedRequestsIllegal(int bit) {
    map(0, -1);
    long[] words = machine.iommu.firmware().entry(Machine.DEVICE);
    words[bit / 64] |= 1L << bit % 64;
    machine.iommu.firmware().write(Machine.DEVICE, words);
    assertEquals(Outcome.ILLEGAL_DEV_TABLE_ENTRY, machine.write(GPA + 2));
    machine.assertEvent(0x0000_0008, 0x10a0_0000, GPA);
    machine.trusted = false;
    assertEquals(SPA + 0x1000, machine.write(GPA + 0x1000));
  }

  @ParameterizedTest
  @CsvSource({"0x7fff00000000", "0x800000000000", "0x800000000400", "0x800000000fff"})
  void anEntryWithoutGuestIsIllegal(String q3) {
    map(0, -1);
    long[] words = machine.iommu.firmware().entry(Machine.DEVICE);
    words[3] = Long.decode(q3);
    machine.iommu.firmware().write(Machine.DEVICE, words);
    assertEquals(Outcome.ILLEGAL_DEV_TABLE_ENTRY, machine.read(GPA));
    machine.assertEvent(0x0000_0008, 0x1080_0000, GPA);
  }

  @Test
  void theRulesForTheHostsEntryHoldBesideASecureOne() {
    map(0, -1);
    long q0 = machine.memory.getLong(ENTRY);
    setHost(q0 & ~0xe00L, 0);
    assertEquals(Outcome.ILLEGAL_DEV_TABLE_ENTRY, machine.read(GPA));
    machine.assertEvent(0x0000_0008, 0x1000_0000, GPA);
    setHost(q0 & ~2L, 0);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(GPA));
    machine.assertEvent(0x0000_0008, 0x2000_1234, GPA);
    setHost(q0 & ~1L, 0);
    assertEquals(Outcome.ILLEGAL_DEV_TABLE_ENTRY, machine.read(GPA), "no table to walk");
    machine.assertEvent(0x0000_0008, 0x1000_0000, GPA);
    machine.trusted = false;
    assertEquals(SPA + 0x1000, machine.read(SPA + 0x1000), "V=0 passes it on");
    machine.trusted = true;
    setHost(q0 | 7L << 9, 0);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(GPA));
    machine.assertEvent(0x0000_0008, 0x2010_1234, GPA);
    setHost(q0 | 4, 0);
    assertEquals(Outcome.ILLEGAL_DEV_TABLE_ENTRY, machine.read(GPA));
    machine.assertEvent(0x0000_0008, 0x1080_0000, GPA);
  }

  @Test
  void aFlushOfTheSecureEntrysDomainReachesBothKindsOfRequests() {
    map(0, -1);
    assertEquals(SPA, machine.read(GPA));
    machine.trusted = false;
    assertEquals(SPA + 0x1000, machine.read(GPA + 0x1000));
    machine.command(3L << 60, 0x7fff_ffff_ffff_f003L);
    assertEquals(0, machine.iommu.statistics().iotlbDropped, "domain 0 is nobody's");
    machine.flush(0x7fff_ffff_ffff_f003L);
    assertEquals(2, machine.iommu.statistics().iotlbDropped);
    assertEquals(6, machine.iommu.statistics().directoriesDropped);
  }

  /** Even where the RMP is not asked again: what was looked up as one is not found as the other. */
  @ParameterizedTest
  @CsvSource({"0, 0", "1, -1"})
  void sharedAndPrivateAndEachVmplAreCachedApart(int vmpl, long vTom) {
    Machine trusting = new Machine(IommuConfig.standard().withRmpCheckedOnHit(false), COVERED);
    map(trusting, 0, -1, BINDING);
    assertEquals(SPA, trusting.read(GPA));
    long[] request = SecureDeviceEntry.request(Machine.ACCESS, vmpl, vTom);
    assertEquals(0, trusting.iommu.firmware().writeEntry(ASID, Machine.DEVICE, request));
    assertEquals(Outcome.RMP_PAGE_FAULT, trusting.read(GPA));
  }

  @Test
  void strictModeLetsAFlushOfTheDomainEndWhatTrustedDevicesHold() {
    Machine strict = new Machine(IommuConfig.standard().withStrict(), COVERED);
    map(strict, 0, -1, BINDING);
    assertEquals(SPA, strict.read(GPA));
    strict.flush(0x7fff_ffff_ffff_f003L);
    long root = strict.memory.getLong(ENTRY) & 0xf_ffff_ffff_f000L;
    assertEquals(SPA, strict.read(GPA));
    assertEquals(0, strict.iommu.statistics().liveReplacements);
    long table = strict.memory.getLong(root) & 0xf_ffff_ffff_f000L;
    strict.entry(table, 0, 0x6000_0000_0000_0401L | strict.table());
    strict.flush(0x7fff_ffff_ffff_f003L);
    assertEquals(1, strict.iommu.statistics().liveReplacements);
  }

  @Test
  void twoGuestsInOneDomainShareNothingThatIsCached() {
    map(0, -1);
    assertEquals(SPA, machine.read(GPA));
    int other = 9;
    machine.deviceEntry(other, machine.memory.getLong(ENTRY), 0, 0);
    machine.trust(other, machine.guest(ASID + 1), ASID + 1, TdiBinding.of(Machine.DOMAIN), 0, -1);
    long misses = machine.iommu.statistics().iotlbMisses;
    assertEquals(
        Outcome.RMP_PAGE_FAULT,
        machine.iommu.translate(other, Request.NO_PASID, GPA, Request.TRUSTED));
    assertEquals(misses + 1, machine.iommu.statistics().iotlbMisses);
  }

  @Test
  void aChangedEntryIsInForceAtOnce() {
    map(0, -1);
    assertEquals(SPA, machine.read(GPA));
    long[] shared = SecureDeviceEntry.request(Machine.ACCESS, 0, 0);
    assertEquals(0, machine.iommu.firmware().writeEntry(ASID, Machine.DEVICE, shared));
    assertEquals(Outcome.RMP_PAGE_FAULT, machine.read(GPA));
    assertEquals(SPA + 0x1000, machine.read(GPA + 0x1000));
  }

  @Test
  void aTrustedDevicesWriteSetsADAsAnyOther() {
    map(0, -1);
    setHost(machine.memory.getLong(ENTRY) | 3L << 7, 0);
    assertEquals(SPA, machine.write(GPA));
    long top = machine.memory.getLong(ENTRY) & 0xf_ffff_ffff_f000L;
    long table = top;
    for (int level = 4; level > 1; level--) {
      long entry = machine.memory.getLong(table + Machine.index(GPA, level) * 8L);
      assertEquals(0x20, entry & 0x60);
      table = entry & 0xf_ffff_ffff_f000L;
    }
    assertEquals(RW | SPA | 0x60, machine.memory.getLong(table));
  }
}
