package dev.cleave.bench.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.hwmodel.iommu.DeviceTableEntry;
import dev.cleave.hwmodel.iommu.Iommu;
import dev.cleave.hwmodel.iommu.IommuConfig;
import dev.cleave.hwmodel.iommu.Register;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

/** A device with HAD = 3 over a table of the engine: hardware sets D, the engine reads it. */
class HardwareMarksTest {
  private static final long TABLES = 1L << 40;
  private static final long PADDR = 1L << 32;
  private static final int DEVICE = 9;
  private static final int SETS_BOTH = 3;

  @Test
  void hardwareMarksWhatADeviceWroteInMemoryOfTheCallers() {
    try (Arena arena = Arena.ofConfined()) {
      PhysicalMemory memory = new PhysicalMemory();
      var tables = memory.allocate(TABLES, 1 << 20, arena);
      try (TableMemory tableMemory = TableMemory.over(tables, TABLES)) {
        assertMarked(memory, tableMemory, arena);
      }
    }
  }

  @Test
  void hardwareMarksWhatADeviceWroteInMemoryThatTheEngineReserved() {
    try (Arena arena = Arena.ofConfined();
        TableMemory tables = TableMemory.builder().capacityBytes(1 << 20).base(TABLES).build()) {
      PhysicalMemory memory = new PhysicalMemory();
      memory.add(tables.base(), tables.hardwareView());
      assertEquals(tables.view().byteSize(), tables.hardwareView().byteSize());
      assertMarked(memory, tables, arena);
    }
  }

  private static void assertMarked(PhysicalMemory memory, TableMemory tables, Arena arena) {
    var _ = memory.allocate(0, 4096, arena);
    try (PageTable table = PageTable.create(tables, PageTableConfig.of(AmdV1.LINUX))) {
      table.map(0, PADDR, 16 << 12, Access.READ_WRITE);
      long q0 = DeviceTableEntry.translating(table.root(), table.levels(), SETS_BOTH);
      memory.setLong((long) DEVICE * DeviceTableEntry.BYTES, q0);
      Iommu iommu = new Iommu(memory, IommuConfig.standard());
      iommu.writeMmio(Register.CONTROL, Register.CONTROL_ENABLE);
      DirtyBitmap dirty = new DirtyBitmap(0, 16 << 12, 12);
      assertEquals(PADDR + 0x3008, iommu.translate(DEVICE, 0x3008, false));
      assertEquals(0, table.readDirty(0, 16 << 12, dirty));
      assertEquals(PADDR + 0x3008, iommu.translate(DEVICE, 0x3008, true));
      assertTrue(table.readDirty(0, 16 << 12, dirty) > 0);
      assertTrue(dirty.isDirty(0x3000));
    }
  }
}
