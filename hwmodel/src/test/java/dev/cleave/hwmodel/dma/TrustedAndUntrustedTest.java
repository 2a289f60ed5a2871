package dev.cleave.hwmodel.dma;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.hwmodel.iommu.IommuConfig;
import dev.cleave.hwmodel.iommu.Machine;
import dev.cleave.hwmodel.iommu.Outcome;
import dev.cleave.hwmodel.iommu.Request;
import dev.cleave.hwmodel.iommu.TdiBinding;
import dev.cleave.hwmodel.rmp.RmpInstructions;
import dev.cleave.hwmodel.rmp.RmpState;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Devices of all kinds on one host table, while pages change between private and shared: each gets
 * the data that it may get, and nothing else. Memory says of every word which page it is, and a
 * page is written anew whenever it changes hands, so that what a device found shows when it was so.
 */
class TrustedAndUntrustedTest {
  private static final long COVERED = 16L << 20;
  private static final int ASID = 5;
  private static final long SPA = 0xc0_0000;
  private static final long GPA = 0x4_0060_0000L;
  private static final long VTOM = 1L << 38;
  private static final int PAGES = 512;
  private static final int UNTRUSTED = 0x10;
  private static final int PLAIN = 0x11;
  private static final int BY_ADDRESS = 0x12;
  private static final int DOMAIN = 7;
  private static final IovaRanges RANGES = IovaRanges.of(GPA, (long) PAGES << 12);

  private final Machine machine = new Machine(IommuConfig.standard(), COVERED);
  private final RmpInstructions cpu = new RmpInstructions(machine.rmp(COVERED));
  private final PageIdentity identity = new PageIdentity(0x5eedL << 48);
  private final BitSet shared = new BitSet();

  TrustedAndUntrustedTest() {
    long root = machine.table();
    long pages = machine.extend(root, 4, GPA, 1);
    // The upper half of the addresses shows the same pages once more.
    long directory = root;
    for (int level = 4; level > 2; level--) {
      directory = below(directory, level, VTOM + GPA);
    }
    machine.entry(directory, Machine.index(VTOM + GPA, 2), 0x6000_0000_0000_0201L | pages);
    for (int page = 0; page < PAGES; page++) {
      machine.entry(pages, page, 0x7000_0000_0000_0001L | SPA + page * 0x1000L);
    }
    long gctx = machine.guest(ASID);
    for (int device : new int[] {UNTRUSTED, PLAIN, BY_ADDRESS}) {
      machine.deviceEntry(device, Machine.deviceQ0(root, 4), DOMAIN, 0);
    }
    machine.trust(PLAIN, gctx, ASID, TdiBinding.of(DOMAIN), 0, -1);
    machine.trust(BY_ADDRESS, gctx, ASID, TdiBinding.of(DOMAIN), 0, VTOM);
    identity.stamp(machine.memory, SPA, GPA, (long) PAGES << 12);
    for (int page = 0; page < PAGES; page++) {
      setPrivate(page);
    }
  }

  private long below(long table, int level, long iova) {
    int index = Machine.index(iova, level);
    long entry = machine.memory.getLong(table + index * 8L);
    if (entry == 0) {
      entry = 0x6000_0000_0000_0001L | (long) (level - 1) << 9 | machine.table();
      machine.entry(table, index, entry);
    }
    return entry & 0xf_ffff_ffff_f000L;
  }

  private void setPrivate(int page) {
    long state = RmpState.assigned(ASID, false, false);
    assertEquals(0, cpu.rmpUpdate(SPA + page * 0x1000L, GPA + page * 0x1000L, state));
    shared.clear(page);
  }

  private void setShared(int page) {
    assertEquals(0, cpu.rmpUpdate(SPA + page * 0x1000L, 0, RmpState.HYPERVISOR));
    shared.set(page);
  }

  private boolean isShared(long gpa) {
    return shared.get((int) ((gpa - GPA) >>> 12));
  }

  private DmaDevice device(int id, Addressing addressing, long seed) {
    return new DmaDevice(
        id,
        Request.NO_PASID,
        machine.iommu,
        machine.memory,
        new RandomPattern(RANGES, 64, 50, seed),
        identity,
        addressing);
  }

  /** A guest's driver that asks for private pages below vTOM and for shared ones above. */
  private final class ByAddress implements Addressing {
    @Override
    public long iova(long gpa) {
      return isShared(gpa) ? VTOM + gpa : gpa;
    }

    @Override
    public boolean isTrusted(long gpa) {
      return true;
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void eachGetsWhatItMayWhilePagesChangeAndNothingElse(long seed) {
    Random random = new Random(seed);
    DmaDevice untrusted = device(UNTRUSTED, Addressing.UNTRUSTED, seed);
    DmaDevice plain = device(PLAIN, Addressing.TRUSTED, seed + 1);
    DmaDevice both = device(BY_ADDRESS, new ByAddress(), seed + 2);
    for (int round = 0; round < 2000; round++) {
      int page = random.nextInt(PAGES);
      if (shared.get(page)) {
        setPrivate(page);
      } else {
        setShared(page);
      }
      untrusted.run(10);
      plain.run(10);
      both.run(10);
      assertReach(random.nextInt(PAGES));
      machine.iommu.writeMmio(0x2010, machine.iommu.readMmio(0x2018));
    }
    assertEquals(0, both.counts().refused());
    for (DmaDevice device : new DmaDevice[] {untrusted, plain}) {
      assertTrue(device.counts().refused(Outcome.RMP_PAGE_FAULT) > 1000);
      assertEquals(device.counts().refused(), device.counts().refused(Outcome.RMP_PAGE_FAULT));
      assertTrue(device.counts().bytesRead > 100_000);
    }
    for (DmaDevice device : new DmaDevice[] {untrusted, plain, both}) {
      assertEquals(0, device.counts().wrongData);
      assertEquals(0, device.counts().masterAborts);
    }
  }

  /** All four ways to one page: exactly the right ones end at it, as its content tells. */
  private void assertReach(int page) {
    long gpa = GPA + page * 0x1000L;
    boolean isShared = shared.get(page);
    assertContent(isShared, gpa, machine.iommu.translate(UNTRUSTED, gpa, false));
    assertContent(!isShared, gpa, trusted(PLAIN, gpa));
    assertContent(!isShared, gpa, trusted(BY_ADDRESS, gpa));
    assertContent(isShared, gpa, trusted(BY_ADDRESS, VTOM + gpa));
    assertEquals(Outcome.RMP_PAGE_FAULT, trusted(PLAIN, VTOM + gpa), "a private alias");
  }

  private long trusted(int device, long iova) {
    return machine.iommu.translate(device, Request.NO_PASID, iova, Request.TRUSTED);
  }

  private void assertContent(boolean isReached, long gpa, long outcome) {
    if (isReached) {
      assertEquals(identity.word(gpa), machine.memory.getLong(outcome));
    } else {
      assertEquals(Outcome.RMP_PAGE_FAULT, outcome);
    }
  }

  @Test
  void oneFlushOfTheDomainReachesEveryDevice() {
    setShared(3);
    long gpa = GPA + 0x3000;
    assertEquals(SPA + 0x3000, machine.iommu.translate(UNTRUSTED, gpa, false));
    assertEquals(SPA + 0x3000, trusted(BY_ADDRESS, VTOM + gpa));
    assertEquals(SPA, trusted(PLAIN, GPA));
    machine.command(3L << 60 | (long) DOMAIN << 32, 0x7fff_ffff_ffff_f003L);
    assertEquals(3, machine.iommu.statistics().iotlbDropped);
  }
}
