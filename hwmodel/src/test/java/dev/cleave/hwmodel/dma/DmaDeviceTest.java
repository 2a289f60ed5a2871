package dev.cleave.hwmodel.dma;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.hwmodel.iommu.Event;
import dev.cleave.hwmodel.iommu.GuestMachine;
import dev.cleave.hwmodel.iommu.Machine;
import dev.cleave.hwmodel.iommu.Outcome;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class DmaDeviceTest {
  private static final long IOVA = 0x4000_0000;
  private static final long SPA = 0xc0_0000;
  private static final long BYTES = 2L << 20;
  private static final IovaRanges RANGES = IovaRanges.of(IOVA, BYTES);
  private static final PageIdentity IDENTITY = new PageIdentity(0x5a5a_0000_0000_0000L);

  private final Machine machine = new Machine();
  private final long leaves = machine.path(4, IOVA, 1);

  /** Pages in falling order, so that no wrong step stays unnoticed. */
  private static long spaOf(int page) {
    return SPA + (511 - page) * 0x1000L;
  }

  DmaDeviceTest() {
    for (int page = 0; page < 512; page++) {
      machine.entry(leaves, page, 0x7000_0000_0000_0001L | spaOf(page));
      IDENTITY.stamp(machine.memory, spaOf(page), IOVA + page * 0x1000L, 0x1000);
    }
  }

  private DmaDevice device(AccessPattern pattern) {
    return new DmaDevice(Machine.DEVICE, machine.iommu, machine.memory, pattern, IDENTITY);
  }

  static Stream<Function<IovaRanges, AccessPattern>> patterns() {
    return Stream.of(
        ranges -> new SequentialPattern(ranges, 65536, false),
        ranges -> new SequentialPattern(ranges, 65536, true),
        ranges -> new RandomPattern(ranges, 64, 50, 1),
        ranges -> new RingPattern(ranges, 256, 1),
        ranges -> new ScatterGatherPattern(ranges, 50, 1));
  }

  @ParameterizedTest
  @MethodSource("patterns")
  void everyPatternFindsItsOwnData(Function<IovaRanges, AccessPattern> pattern) {
    DmaDevice device = device(pattern.apply(RANGES));
    device.run(2000);
    DmaCounts counts = device.counts();
    assertEquals(0, counts.wrongData);
    assertEquals(0, counts.refused());
    assertEquals(0, counts.masterAborts);
    assertEquals(2000, counts.transfers);
    assertTrue(counts.bytesRead + counts.bytesWritten >= 2000 * 8);
    assertEquals(counts.accesses, machine.iommu.statistics().requests);
    for (int page = 0; page < 512; page++) {
      for (long at = 0; at < 4096; at += 8) {
        assertEquals(
            IDENTITY.word(IOVA + page * 0x1000L + at), machine.memory.getLong(spaOf(page) + at));
      }
    }
  }

  @Test
  void aTransferIsCutAtPageBoundaries() {
    DmaDevice device = device(transfer -> transfer.set(IOVA + 0xff8, 0x1010, false));
    device.run(1);
    assertEquals(3, device.counts().accesses);
    assertEquals(0x1010, device.counts().bytesRead);
    assertEquals(0, device.counts().wrongData);
  }

  @Test
  void aWrongLeafIsFoundByWhatItYields() {
    machine.entry(leaves, 7, 0x7000_0000_0000_0001L | spaOf(8));
    DmaDevice device = device(new SequentialPattern(RANGES, 4096, false));
    device.run(512);
    assertEquals(1, device.counts().wrongData);
    assertEquals(IOVA + 0x7000, device.counts().lastWrongIova);
    assertEquals(IDENTITY.word(IOVA + 0x8000), device.counts().lastWrongWord);
  }

  @Test
  void aWrongLastWordIsFoundAsWellAsAWrongFirst() {
    machine.memory.setLong(spaOf(3), 1);
    machine.memory.setLong(spaOf(5) + 4088, 2);
    DmaDevice device = device(new SequentialPattern(RANGES, 4096, false));
    device.run(4);
    assertEquals(1, device.counts().wrongData);
    assertEquals(1, device.counts().lastWrongWord);
    device.run(2);
    assertEquals(2, device.counts().wrongData);
    assertEquals(2, device.counts().lastWrongWord);
    assertEquals(IOVA + 0x5000, device.counts().lastWrongIova);
  }

  @Test
  void aWriteToAWrongPageIsFoundByItsNextReader() {
    machine.entry(leaves, 7, 0x7000_0000_0000_0001L | spaOf(8));
    device(transfer -> transfer.set(IOVA + 0x7000, 4096, true)).run(1);
    DmaDevice reader = device(transfer -> transfer.set(IOVA + 0x8000, 4096, false));
    reader.run(1);
    assertEquals(1, reader.counts().wrongData);
    assertEquals(IDENTITY.word(IOVA + 0x7000), reader.counts().lastWrongWord);
  }

  @Test
  void aForgottenFlushIsFoundByContent() {
    DmaDevice device = device(transfer -> transfer.set(IOVA, 8, false));
    device.run(1);
    // The page moves: data first, then the leaf.
    IDENTITY.stamp(machine.memory, 0xe0_0000, IOVA, 0x1000);
    machine.entry(leaves, 0, 0x7000_0000_00e0_0001L);
    machine.memory.setLong(spaOf(0), 0);
    device.run(1);
    assertEquals(1, device.counts().wrongData);
    machine.flush(IOVA | 2);
    device.run(1);
    assertEquals(1, device.counts().wrongData);
  }

  @Test
  void refusedAccessesAreCountedByReason() {
    machine.entry(leaves, 0, 0);
    machine.entry(leaves, 1, 0x7000_0007_0000_0001L);
    DmaDevice device = device(new SequentialPattern(RANGES, 8192, false));
    device.run(256);
    assertEquals(1, device.counts().refused(Outcome.IO_PAGE_FAULT));
    assertEquals(1, device.counts().refused());
    assertEquals(1, device.counts().masterAborts);
    assertEquals(510 * 4096, device.counts().bytesRead);
    assertEquals(1, machine.iommu.statistics().events(Event.IO_PAGE_FAULT));
  }

  @Test
  void anInterruptMessageIsNoRefusedAccess() {
    DmaDevice device = device(transfer -> transfer.set(0xfee0_0000L, 8, true));
    device.run(3);
    assertEquals(3, device.counts().refused(Outcome.INTERRUPT));
    assertEquals(0, device.counts().refused());
  }

  @Test
  void itRunsForANumberOfAccesses() {
    DmaDevice device = device(new SequentialPattern(RANGES, 4096, false));
    device.runAccesses(1000);
    assertEquals(1000, device.counts().accesses);
  }

  /** Two processes see different pages at the same addresses; each has its own identity. */
  @Test
  void aDeviceMovesDataForTwoProcessesAndAMixUpIsFoundByContent() {
    GuestMachine guest = new GuestMachine(4);
    PageIdentity[] identities = {new PageIdentity(1L << 60), new PageIdentity(2L << 60)};
    int[] pasids = {3, 0x9_2345};
    long gva = 0x1234_4000_0000L;
    for (int process = 0; process < 2; process++) {
      for (int page = 0; page < 16; page++) {
        long gpa = 0x40_0000_0000L + process * 0x20_0000L + page * 0x1000L;
        long spa = SPA + (page * 2 + process) * 0x1000L;
        guest.map(pasids[process], gva + page * 0x1000L, 1, gpa | GuestMachine.LEAF);
        guest.hostEntry(gpa, 1, GuestMachine.HOST_RW | spa);
        identities[process].stamp(guest.machine.memory, spa, gva + page * 0x1000L, 0x1000);
      }
    }
    IovaRanges ranges = IovaRanges.of(gva, 0x1_0000);
    DmaDevice[] devices = new DmaDevice[3];
    for (int i = 0; i < 3; i++) {
      // The third works for the first process but carries the second one's PASID.
      devices[i] =
          new DmaDevice(
              Machine.DEVICE,
              pasids[i == 0 ? 0 : 1],
              guest.machine.iommu,
              guest.machine.memory,
              new RandomPattern(ranges, 64, 50, i),
              identities[i == 1 ? 1 : 0],
              Addressing.UNTRUSTED);
    }
    for (int round = 0; round < 100; round++) {
      devices[0].run(10);
      devices[1].run(10);
    }
    for (int i = 0; i < 2; i++) {
      assertEquals(0, devices[i].counts().wrongData);
      assertEquals(0, devices[i].counts().refused());
      assertTrue(devices[i].counts().bytesRead > 0 && devices[i].counts().bytesWritten > 0);
    }
    devices[2].run(10);
    assertTrue(devices[2].counts().wrongData > 0);
  }
}
