package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AccessedDirtyTest {
  private static final long LEAF = 0x7000_0000_0012_3001L;
  private final Machine machine = new Machine();
  private final long root = machine.table();
  private final long leaves = machine.table();

  /** A table of two levels and a device with this HAD. */
  private void attach(int had) {
    machine.deviceEntry(
        Machine.DEVICE, Machine.deviceQ0(root, 2) | (long) had << 7, Machine.DOMAIN, 0);
    machine.entry(root, 0, 0x6000_0000_0000_0201L | leaves);
    machine.entry(leaves, 0, LEAF);
  }

  /** HAD, what a read and then a write leave in the leaf's bits 6:5, and A of the directory. */
  @ParameterizedTest
  @CsvSource({"0, 0, 0, 0", "1, 1, 1, 1", "2, 0, 0, 0", "3, 1, 3, 1"})
  void hadDecidesWhichBitsAreSet(int had, int afterRead, int afterWrite, int directory) {
    attach(had);
    machine.read(0);
    assertEquals(afterRead, machine.memory.getLong(leaves) >>> 5 & 3);
    machine.write(0);
    assertEquals(afterWrite, machine.memory.getLong(leaves) >>> 5 & 3);
    assertEquals(directory, machine.memory.getLong(root) >>> 5 & 3);
    assertEquals(LEAF, machine.memory.getLong(leaves) & ~0x60L);
  }

  @Test
  void aCachedDirtyEntryIsNotWrittenAgainUntilItIsFlushed() {
    attach(3);
    machine.write(0);
    machine.entry(leaves, 0, LEAF);
    machine.write(0);
    assertEquals(LEAF, machine.memory.getLong(leaves));
    machine.flush(0);
    machine.write(0);
    assertEquals(LEAF | 0x60, machine.memory.getLong(leaves));
  }

  @Test
  void aWriteThroughACachedCleanEntryGoesBackToTheTable() {
    attach(3);
    machine.read(0);
    assertEquals(LEAF | 0x20, machine.memory.getLong(leaves));
    machine.write(0);
    assertEquals(LEAF | 0x60, machine.memory.getLong(leaves));
    assertEquals(1, machine.iommu.statistics().markWalks);
  }

  @Test
  void aWriteThroughACachedCleanEntryFaultsIfTheLeafIsGone() {
    attach(3);
    machine.read(0);
    machine.entry(leaves, 0, 0);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(0));
    assertEquals(0, machine.memory.getLong(leaves));
  }

  @Test
  void onlyTheReplicaThatTheWalkMetIsMarked() {
    attach(3);
    // 16 KiB at 0x120000.
    for (int i = 0; i < 4; i++) {
      machine.entry(leaves, i, 0x7000_0000_0012_1e01L);
    }
    machine.write(0x2000);
    for (int i = 0; i < 4; i++) {
      assertEquals(
          0x7000_0000_0012_1e01L | (i == 2 ? 0x60 : 0), machine.memory.getLong(leaves + i * 8L));
    }
  }

  @Test
  void aRefusedRequestMarksNoLeaf() {
    attach(3);
    machine.entry(leaves, 0, 0x3000_0000_0012_3001L);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(0));
    assertEquals(0x3000_0000_0012_3001L, machine.memory.getLong(leaves));
  }

  @Test
  void aDeviceThatMarksGoesBackForWhatADeviceThatDoesNotHasCached() {
    attach(3);
    machine.deviceEntry(9, Machine.deviceQ0(root, 2), Machine.DOMAIN, 0);
    machine.iommu.translate(9, 0, true);
    assertEquals(LEAF, machine.memory.getLong(leaves));
    machine.write(0);
    assertEquals(LEAF | 0x60, machine.memory.getLong(leaves));
    assertEquals(0x6000_0000_0000_0221L | leaves, machine.memory.getLong(root));
  }
}
