package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whoever stops all DMA for a moment lets it go on, whatever came of it. */
class GateTest {
  private static final long COVERED = 16L << 20;
  private static final int ASID = 5;
  private static final int DEVICE = 0x42;
  private static final long MMIO = 0x20_0000;

  interface Act {
    void on(Machine machine, long gctx);
  }

  record Named(String name, Act act) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static Named named(String name, Act act) {
    return new Named(name, act);
  }

  private static void bind(Machine machine, long gctx) {
    machine.iommu.firmware().connect(DEVICE, 21, 0x0807_0605_0403_0281L, MMIO, 0x4000);
    machine.iommu.firmware().bind(DEVICE, gctx, TdiBinding.of(7));
  }

  static Stream<Named> acts() {
    long[] request = SecureDeviceEntry.request(1, 2, 1L << 41);
    return List.of(
        named("createGuest", (_, _) -> {}),
        named(
            "createGuest, refused",
            (machine, gctx) -> {
              try {
                machine.iommu.firmware().createGuest(gctx, ASID + 1);
              } catch (IllegalArgumentException _) {
                // as it is to be
              }
            }),
        named("connect and bind", GateTest::bind),
        named(
            "unbind",
            (machine, gctx) -> {
              bind(machine, gctx);
              assertEquals(TioStatus.SUCCESS, machine.iommu.firmware().unbind(DEVICE));
            }),
        named(
            "unbind, refused",
            (machine, _) -> assertNotEquals(0, machine.iommu.firmware().unbind(DEVICE))),
        named(
            "writeEntry",
            (machine, gctx) -> {
              bind(machine, gctx);
              assertEquals(0, machine.iommu.firmware().writeEntry(ASID, DEVICE, request));
            }),
        named(
            "writeEntry, refused",
            (machine, _) ->
                assertNotEquals(0, machine.iommu.firmware().writeEntry(ASID, DEVICE, request))),
        named(
            "readRegister",
            (machine, _) -> assertEquals(0, machine.iommu.migration().readRegister(0x18))),
        named(
            "writeRegister",
            (machine, _) -> machine.iommu.migration().writeRegister(0x10, 0xa0_0000)))
        .stream();
  }

  @ParameterizedTest
  @MethodSource("acts")
  void othersMayUseTheHardwareAfterwards(Named named) throws Exception {
    Machine machine = new Machine(IommuConfig.standard(), COVERED);
    named.act().on(machine, machine.guest(ASID));
    assertTrue(
        CompletableFuture.supplyAsync(
                () -> {
                  try {
                    boolean isFree = machine.iommu.dmaGate().tryLock(10, TimeUnit.SECONDS);
                    if (isFree) {
                      machine.iommu.dmaGate().unlock();
                    }
                    return isFree;
                  } catch (InterruptedException e) {
                    throw new AssertionError(e);
                  }
                })
            .get(20, TimeUnit.SECONDS),
        "DMA is left waiting");
  }

  @Test
  void theTimeThatDmaWaitsForTheMigrationEngineIsCounted() {
    Machine machine = new Machine(IommuConfig.standard(), COVERED);
    long begin = System.nanoTime();
    for (int i = 0; i < 100; i++) {
      machine.iommu.migration().writeRegister(0x10, i);
    }
    long stalled = machine.iommu.statistics().stallNanos;
    assertTrue(stalled > 0 && stalled <= System.nanoTime() - begin, stalled + " ns");
  }
}
