package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.hwmodel.rmp.RmpInstructions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The migration engine: its ring, PSMASH_IO, and a status for each thing that can be wrong. */
class MigrationTest {
  private static final long COVERED = 16L << 20;
  private static final int ASID = 5;
  private static final long GPA = 0x60_0000;
  private static final long SPA = 0x20_0000;
  private static final long LEAF = 0x7000_0000_0020_0001L;
  private static final long PRIVATE_2M = 0x5_0000_0101L;

  private final Machine machine = new Machine(IommuConfig.standard(), COVERED);
  private final RmpInstructions cpu = new RmpInstructions(machine.rmp(COVERED));
  private final MigrationEngine engine = machine.iommu.migration();
  private final PsmashRing ring = new PsmashRing(machine, 0xa00);
  private final long slot = machine.path(3, GPA, 2) + Machine.index(GPA, 2) * 8L;
  private final long pages = machine.table();

  MigrationTest() {
    machine.memory.setLong(slot, LEAF);
    for (int i = 0; i < 512; i++) {
      machine.entry(pages, i, LEAF + i * 0x1000L);
    }
    machine.trust(ASID);
  }

  private void makePrivate() {
    assertEquals(0, cpu.rmpUpdate(SPA, GPA, PRIVATE_2M));
  }

  private int psmash() {
    return ring.psmash(SPA, pages, slot, machine.gctx(ASID));
  }

  /** Refused, with nothing changed. */
  private void assertRefused(int status, long result) {
    assertEquals(Machine.hex(result), Machine.hex(ring.result(0)));
    assertEquals(status, (int) result & 0xff);
    assertEquals(LEAF, machine.memory.getLong(slot) & ~0x60L);
  }

  @Test
  void tableAndRmpAreExchangedWithoutAFaultAndDirtyBitsKept() {
    makePrivate();
    long at = Machine.DEVICE_TABLE + 32L * Machine.DEVICE;
    machine.memory.setLong(at, machine.memory.getLong(at) | 3L << 7);
    assertEquals(SPA, machine.write(GPA));
    assertEquals(0xf0, psmash());
    assertEquals(1, machine.iommu.statistics().iotlbDropped, "what led into the page");
    assertEquals(machine.gctx(ASID) | 0xf0, ring.result(0));
    assertEquals(SPA + 0x1000, machine.read(GPA + 0x1000));
    assertEquals(0x6000_0000_0000_0221L | pages, machine.memory.getLong(slot));
    for (int i = 0; i < 512; i++) {
      assertEquals(LEAF + i * 0x1000L | 0x60, machine.memory.getLong(pages + i * 8L));
    }
    assertEquals(0, machine.memory.getLong(pages + 512 * 8L), "behind the table");
    machine.assertNoFurtherEvent();
    assertTrue(machine.iommu.statistics().stallNanos > 0);
  }

  @Test
  void withoutMarksTheLeafHandsNoneOn() {
    makePrivate();
    assertEquals(0xf0, psmash());
    assertEquals(LEAF, machine.memory.getLong(pages));
    assertEquals(LEAF + 511 * 0x1000L, machine.memory.getLong(pages + 511 * 8L));
  }

  @Test
  void theHostsEncryptionBitIsNoPartOfAddresses() {
    long bit = 1L << 47;
    Machine encrypted = new Machine(IommuConfig.standard().withEncryptionBit(bit), COVERED);
    PsmashRing other = new PsmashRing(encrypted, 0xa00);
    encrypted.iommu.migration().writeRegister(0x14, (int) (bit >>> 32));
    encrypted.iommu.migration().writeRegister(0x00, 2);
    assertEquals(0, encrypted.iommu.migration().readRegister(0x1c) & 1 << 25);
    long directory = encrypted.path(3, GPA, 2) + Machine.index(GPA, 2) * 8L;
    long table = encrypted.table();
    encrypted.memory.setLong(directory, LEAF | bit);
    for (int i = 0; i < 512; i++) {
      encrypted.entry(table, i, LEAF + i * 0x1000L | bit);
    }
    RmpInstructions instructions = new RmpInstructions(encrypted.rmp(COVERED));
    assertEquals(0, instructions.rmpUpdate(SPA, GPA, PRIVATE_2M));
    encrypted.trust(ASID);
    other.page(0, SPA, table | bit, directory | bit, encrypted.gctx(ASID));
    assertEquals(0xf0, other.command(other.list | bit, 0x1_0005L));
    assertEquals(0x6000_0000_0000_0201L | table | bit, encrypted.memory.getLong(directory));
    assertEquals(SPA + 0x5000, encrypted.read(GPA + 0x5000));
  }

  @Test
  void aListOfSeveralPagesGoesOnAfterOneThatFails() {
    makePrivate();
    long gctx = machine.gctx(ASID);
    ring.page(0, 0x40_0000, pages, slot, gctx);
    ring.page(1, SPA, pages, slot, gctx);
    ring.page(2, SPA, pages, slot, gctx);
    assertEquals(0x16, ring.command(ring.list, 0x3_0005L));
    assertEquals(0x05, ring.result(0) & 0xff);
    assertEquals(0xf0, ring.result(1) & 0xff);
    assertEquals(0x06, ring.result(2) & 0xff, "is one of 4 KiB by now");
    ring.page(0, 0x40_0000, pages, slot, gctx);
    ring.page(1, SPA, pages, slot, gctx);
    assertEquals(0x05, ring.command(ring.list, 0x2_0005L), "none was done: the first reason");
  }

  @Test
  void capabilitiesNamePsmashIoOnlyAndNoopDoesNothing() {
    for (int i = 0; i < 3; i++) {
      machine.memory.setLong(ring.list + i * 8L, -1);
    }
    assertEquals(0xf0, ring.command(ring.list, 0));
    assertEquals(0, machine.memory.getLong(ring.list));
    assertEquals(0x40L << 32, machine.memory.getLong(ring.list + 8));
    assertEquals(-1, machine.memory.getLong(ring.list + 16));
    assertEquals(0xf0, ring.command(0, 1));
  }

  @ParameterizedTest
  @CsvSource({
    "0x2, 0x0b",
    "0x6, 0x0b",
    "0xff, 0x0b",
    "0x5, 0x03",
    "0x10000105, 0x12",
    "0x10010005, 0x12",
    "0x1800001, 0xf0"
  })
  void aCommandThatMakesNoSenseIsToldSo(String q1, String status) {
    assertEquals(Integer.decode(status), ring.command(ring.list, Long.decode(q1)));
  }

  @ParameterizedTest
  @ValueSource(longs = {Machine.HOLE, 0xa0_2008L, 0xff_fff0L, -16, Long.MAX_VALUE - 15})
  void aListThatIsMisalignedOrInAHoleIsAListAddressError(long list) {
    assertEquals(0x14, ring.command(list, 0x1_0005L));
    int capabilities = list == 0xff_fff0L ? 0xf0 : 0x14; // which end where memory does
    assertEquals(capabilities, ring.command(list, 0));
  }

  /** What stands in the entry of the page, what comes back, and whether memory was the reason. */
  @ParameterizedTest
  @CsvSource({
    "0x201000, 0, 0, 0, 0x102", // page misaligned
    "0x40000000, 0, 0, 0, 0x20f", // beyond the RMP
    "0x200000, 0x800, 0, 0, 0x10c", // prefilled entries misaligned
    "0x200000, 0x700000000, 0, 0, 0x20c", // in a hole
    "0x200000, 0, 0x4, 0, 0x10d", // slot misaligned
    "0x200000, 0, 0x700000000, 0, 0x20d", // in a hole
    "0x200000, 0, 0, 0x1000, 0x10e", // no such guest
  })
  void everyWrongAddressHasItsStatus(String page, String table, String at, String gctx, String is) {
    makePrivate();
    long context = machine.gctx(ASID) ^ Long.decode(gctx);
    ring.page(0, Long.decode(page), pages + Long.decode(table), slot + Long.decode(at), context);
    long result = Long.decode(is);
    assertEquals((int) result & 0xff, ring.command(ring.list, 0x1_0005L));
    assertRefused((int) result & 0xff, context | result);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 0x100, 0x800, 1L << 52, 1L << 59, 1L << 63})
  void aBitBesideTheGuestsContextIsReserved(long bit) {
    makePrivate();
    ring.page(0, SPA, pages, slot, machine.gctx(ASID) | bit);
    assertEquals(0x12, ring.command(ring.list, 0x1_0005L));
    assertRefused(0x12, machine.gctx(ASID) | 0x112);
  }

  @Test
  void everyWrongStateOfThePageHasItsStatus() {
    long at = 0x80_4000 + SPA / 0x1000 * 16;
    long gctx = machine.gctx(ASID);
    psmash();
    assertRefused(0x05, gctx | 0x105);
    assertEquals(0, cpu.rmpUpdate(SPA, GPA, 0x5_0000_0001L));
    psmash();
    assertRefused(0x06, gctx | 0x106);
    assertEquals(0, cpu.rmpUpdate(SPA, 0, 0));
    assertEquals(0, cpu.rmpUpdate(SPA, GPA, 0x6_0000_0101L));
    psmash();
    assertRefused(0x08, gctx | 0x108);
    assertEquals(0, cpu.rmpUpdate(SPA, GPA, PRIVATE_2M));
    long entry = machine.memory.getLong(at);
    for (long[] bitAndStatus : new long[][] {{63, 7}, {2, 5}, {61, 5}}) {
      machine.memory.setLong(at, entry | 1L << bitAndStatus[0]);
      psmash();
      assertRefused((int) bitAndStatus[1], gctx | 0x100 | bitAndStatus[1]);
    }
    machine.memory.setLong(at, entry);
    assertEquals(0xf0, psmash());
  }

  /** The leaf in the slot: not present, a directory, a sized leaf, of another page. */
  @ParameterizedTest
  @ValueSource(
      longs = {
        0x7000_0000_0020_0000L,
        0x7000_0000_0020_0201L,
        0x7000_0000_002f_fe01L,
        0x7000_0000_0040_0001L
      })
  void theSlotMustHoldThePagesLeaf(long leaf) {
    makePrivate();
    machine.memory.setLong(slot, leaf);
    assertEquals(0x0a, psmash());
    assertEquals(machine.gctx(ASID) | 0x1000_0000_0000_010aL, ring.result(0));
    assertEquals(leaf, machine.memory.getLong(slot));
  }

  /** Of the last prefilled entry, and of the first: PR, NextLevel, IW, FC. */
  @ParameterizedTest
  @CsvSource({"511, 0x1", "511, 0x200", "0, 0x4000000000000000", "511, 0x1000000000000000"})
  void prefilledEntriesMustBeLeavesWithTheOldOnesAttributes(int index, String bits) {
    makePrivate();
    long at = pages + index * 8L;
    machine.memory.setLong(at, machine.memory.getLong(at) ^ Long.decode(bits));
    assertEquals(0x0a, psmash());
    assertRefused(0x0a, machine.gctx(ASID) | 0x2000_0000_0000_010aL);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 300, 511})
  void prefilledEntriesMustLeadWhereTheLeafDid(int index) {
    makePrivate();
    machine.entry(pages, index, LEAF + (index ^ 1) * 0x1000L);
    assertEquals(0x15, psmash());
    assertRefused(0x15, machine.gctx(ASID) | 0x115);
  }

  private int init(long at, int ringPages) {
    engine.writeRegister(0x0c, ringPages);
    engine.writeRegister(0x10, (int) at);
    engine.writeRegister(0x14, (int) (at >>> 32));
    engine.writeRegister(0x00, 2);
    return engine.readRegister(0x1c);
  }

  @Test
  void aRingMustBeTheHypervisorsInMemoryAtTwoMegabytes() {
    int good = init(0xa0_0000, 1);
    assertEquals(3, good & 0x7fff_ffff);
    assertEquals(1 << 25 | 1, init(0xa0_1000, 1) & 0x7fff_ffff);
    assertEquals(1 << 25 | 1, init(Machine.HOLE & -0x20_0000L, 1) & 0x7fff_ffff);
    assertEquals(1 << 25 | 1, init(0xa0_0000, 0) & 0x7fff_ffff);
    assertEquals(1 << 25 | 1, init(0xa0_0000, 513) & 0x7fff_ffff);
    assertEquals(1 << 25 | 1, init(0xa0_0000, -1) & 0x7fff_ffff);
    assertEquals(0, cpu.rmpUpdate(0xa0_1000, GPA, 0x5_0000_0001L));
    assertEquals(1 << 25 | 1, init(0xa0_0000, 2) & 0x7fff_ffff);
    assertEquals(3, init(0xa0_0000, 1) & 0x7fff_ffff);
    engine.writeRegister(0x08, 1);
    assertEquals(1, engine.readRegister(0x04));
  }

  @Test
  void aRingMayHave512Pages() {
    assertEquals(3, init(0xa0_0000, 512) & 0x7fff_ffff);
  }

  /** All DMA waits meanwhile: no demand to make the entry not present first concerns it. */
  @Test
  void anExchangeIsNoLiveReplacement() {
    Machine strict = new Machine(IommuConfig.standard().withStrict(), COVERED);
    PsmashRing other = new PsmashRing(strict, 0xa00);
    long at = strict.path(3, GPA, 2) + Machine.index(GPA, 2) * 8L;
    long table = strict.table();
    strict.memory.setLong(at, LEAF);
    for (int i = 0; i < 512; i++) {
      strict.entry(table, i, LEAF + i * 0x1000L);
    }
    RmpInstructions instructions = new RmpInstructions(strict.rmp(COVERED));
    assertEquals(0, instructions.rmpUpdate(SPA, GPA, PRIVATE_2M));
    strict.trust(ASID);
    assertEquals(SPA, strict.read(GPA));
    assertEquals(0xf0, other.psmash(SPA, table, at, strict.gctx(ASID)));
    assertEquals(SPA + 0x1000, strict.read(GPA + 0x1000));
    strict.flushAll();
    assertEquals(0, strict.iommu.statistics().liveReplacements);
  }

  @Test
  void theToggleChangesWithEachInitialisation() {
    int first = init(0xa0_0000, 1);
    assertEquals(first ^ 1 << 31, init(0xa0_0000, 1));
  }

  @Test
  void anEngineWithoutRingOrInAPauseDoesNothing() {
    machine.memory.setLong(ring.ring + 8, 1);
    init(0xa0_1000, 1);
    engine.writeRegister(0x08, 1);
    assertEquals(0, engine.readRegister(0x04));
    init(0xa0_0000, 1);
    engine.writeRegister(0x00, 1);
    engine.writeRegister(0x08, 1);
    assertEquals(0, engine.readRegister(0x04));
    assertEquals(1, machine.memory.getLong(ring.ring + 8), "still running");
    engine.writeRegister(0x00, 0);
    assertEquals(1, engine.readRegister(0x04));
    assertEquals(0xf0_0000_0001L, machine.memory.getLong(ring.ring + 8));
  }

  @ParameterizedTest
  @ValueSource(ints = {256, -1, Integer.MAX_VALUE})
  void aHeadBeyondTheRingStopsTheEngineUntilItIsInitialised(int head) {
    engine.writeRegister(0x08, head);
    assertEquals(1 << 26 | 3, engine.readRegister(0x1c) & 0x7fff_ffff);
    engine.writeRegister(0x08, 1);
    assertEquals(0, engine.readRegister(0x04));
    assertEquals(3, init(0xa0_0000, 1) & 0x7fff_ffff);
  }

  @Test
  void theRingWrapsAndRegistersReadBack() {
    for (int i = 0; i < 600; i++) {
      assertEquals(0xf0, ring.command(0, 1));
    }
    engine.writeRegister(0x18, 77);
    assertEquals(77, engine.readRegister(0x18));
    assertEquals(0xa0_0000, engine.readRegister(0x10));
    assertEquals(0, engine.readRegister(0x14));
    assertEquals(1, engine.readRegister(0x0c));
    assertEquals(600 % 256, engine.readRegister(0x08));
    engine.writeRegister(0x04, 3);
    engine.writeRegister(0x1c, 0);
    assertEquals(600 % 256, engine.readRegister(0x04));
    assertEquals(3, engine.readRegister(0x1c) & 3);
    engine.writeRegister(0x20, 1);
    assertEquals(0, engine.readRegister(0x20));
  }

  @Test
  void withoutAnRmpThereIsNoEngine() {
    assertThrows(IllegalStateException.class, () -> new Machine().iommu.migration());
  }
}
