package dev.cleave.hwmodel.dma;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.hwmodel.iommu.IommuConfig;
import dev.cleave.hwmodel.iommu.Machine;
import dev.cleave.hwmodel.iommu.PsmashRing;
import dev.cleave.hwmodel.iommu.Request;
import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpInstructions;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.agrona.concurrent.AgentRunner;
import org.agrona.concurrent.BusySpinIdleStrategy;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Software on this thread, hardware on its own: what they share is memory and registers. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HardwareAgentTest {
  private static final long IOVA = 0xc0_0000;
  private static final long SPA = 0xc0_0000;
  private static final long LARGE = 0x7000_0000_00c0_0001L;
  private static final long DONE = 0x5000;
  private static final IovaRanges RANGES = IovaRanges.of(IOVA, 2L << 20);
  private static final PageIdentity IDENTITY = new PageIdentity(0);

  private final Machine machine =
      new Machine(IommuConfig.standard().withCommandsOnTailWrite(false), 16L << 20);
  private final AtomicReference<Throwable> failure = new AtomicReference<>();
  private final List<DmaDevice> devices =
      List.of(
          device(new RandomPattern(RANGES, 8, 50, 1)),
          device(new ScatterGatherPattern(RANGES, 50, 2)));
  private final AgentRunner runner =
      new AgentRunner(
          new BusySpinIdleStrategy(),
          failure::set,
          null,
          new HardwareAgent(machine.iommu, devices, 4));
  private final long directory = machine.path(3, IOVA, 2) + Machine.index(IOVA, 2) * 8L;
  private long waits;

  private DmaDevice device(AccessPattern pattern) {
    return new DmaDevice(
        Machine.DEVICE,
        Request.NO_PASID,
        machine.iommu,
        machine.memory,
        pattern,
        IDENTITY,
        _ -> machine.trusted);
  }

  @BeforeEach
  void start() {
    IDENTITY.stamp(machine.memory, SPA, IOVA, 2L << 20);
    machine.memory.setLong(directory, LARGE);
    long q0 = machine.memory.getLong(Machine.DEVICE_TABLE + 32L * Machine.DEVICE);
    machine.deviceEntry(Machine.DEVICE, q0 | 3L << 7, Machine.DOMAIN, 0);
    machine.iommu.writeMmio(0x20, DONE);
    machine.iommu.writeMmio(0x28, DONE);
    AgentRunner.startOnThread(runner);
  }

  @AfterEach
  void stop() {
    runner.close();
  }

  /** A table of 512 pages for the region. */
  private long pages() {
    long pages = machine.table();
    refill(pages);
    return pages;
  }

  private void refill(long pages) {
    for (int i = 0; i < 512; i++) {
      machine.entry(pages, i, 0x7000_0000_0000_0001L | (SPA + i * 0x1000L));
    }
  }

  /** Flushes the region with PDE and waits until the hardware says so. */
  private void flushAndWait() {
    machine.flush(0xcf_f000 | 3);
    waits++;
    machine.command(1L << 60 | DONE | 1, waits);
    while (machine.memory.getLong(DONE) != waits) {
      Thread.onSpinWait();
    }
  }

  private void assertNothingWentWrong(long leastAccesses) {
    runner.close();
    assertEquals(null, failure.get());
    for (DmaDevice device : devices) {
      assertEquals(0, device.counts().refused());
      assertEquals(0, device.counts().wrongData);
      assertTrue(device.counts().accesses >= leastAccesses);
    }
  }

  @Test
  void splittingAndMergingUnderDmaIsHitless() {
    long pages = pages();
    for (int round = 0; round < 300; round++) {
      refill(pages);
      machine.memory.setLong(directory, 0x6000_0000_0000_0201L | pages);
      flushAndWait();
      machine.memory.setLong(directory, LARGE);
      flushAndWait();
    }
    assertNothingWentWrong(100);
  }

  @Test
  void aGapInTheTableIsSeenByTheDevices() {
    machine.memory.setLong(directory, 0);
    flushAndWait();
    flushAndWait();
    runner.close();
    assertTrue(devices.get(0).counts().refused() > 0);
  }

  @Test
  void psmashIoUnderDmaIsHitlessAndKeepsDirtyBits() {
    ReverseMap map = machine.rmp(16L << 20);
    assertEquals(0, new RmpInstructions(map).rmpUpdate(SPA, IOVA, 0x5_0000_0101L));
    runner.close();
    machine.trust(5);
    PsmashRing ring = new PsmashRing(machine, 0xa00);
    HardwareAgent agent = new HardwareAgent(machine.iommu, devices, 4);
    long before = devices.get(0).counts().refused() + devices.get(1).counts().refused();
    try (AgentRunner again =
        new AgentRunner(new BusySpinIdleStrategy(), failure::set, null, agent)) {
      AgentRunner.startOnThread(again);
      while ((machine.memory.getLong(directory) & 0x40) == 0) {
        Thread.onSpinWait();
      }
      long pages = pages();
      assertEquals(0xf0, ring.psmash(SPA, pages, directory, machine.gctx(5)));
      assertEquals(0x60, machine.memory.getLong(pages + 8 * 511) & 0x60);
      flushAndWait();
    }
    assertEquals(null, failure.get());
    assertEquals(before, devices.get(0).counts().refused() + devices.get(1).counts().refused());
    assertTrue(machine.iommu.statistics().stallNanos > 0);
  }

  @Test
  void anIommuThatRunsCommandsItselfGetsNoSecondThread() {
    Machine stepped = new Machine();
    assertThrows(
        IllegalArgumentException.class, () -> new HardwareAgent(stepped.iommu, devices, 1));
  }
}
