package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** A and D in tables that lie in somebody else's memory: it must be given as writable. */
class HardwareMarksTest {
  private static final long TABLES = 0x1_0000_0000L;
  private static final long RW = 0x7000_0000_0000_0001L;

  private final Machine machine = new Machine();

  private MemorySegment attach(Arena arena, boolean readOnly) {
    MemorySegment tables = arena.allocate(0x3000, 4096);
    tables.set(ValueLayout.JAVA_LONG, 0, 0x6000_0000_0000_0401L | TABLES + 0x1000);
    tables.set(ValueLayout.JAVA_LONG, 0x1000, 0x6000_0000_0000_0201L | TABLES + 0x2000);
    tables.set(ValueLayout.JAVA_LONG, 0x2000, RW | 0x5000);
    machine.memory.add(TABLES, readOnly ? tables.asReadOnly() : tables);
    machine.deviceEntry(Machine.DEVICE, Machine.deviceQ0(TABLES, 3) | 3L << 7, Machine.DOMAIN, 0);
    return tables;
  }

  @Test
  void hardwareSetsThemInAWritableSegment() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment tables = attach(arena, false);
      assertEquals(0x5000, machine.read(0));
      assertEquals(RW | 0x5020, tables.get(ValueLayout.JAVA_LONG, 0x2000));
      assertEquals(0x5000, machine.write(0));
      assertEquals(RW | 0x5060, tables.get(ValueLayout.JAVA_LONG, 0x2000));
      assertEquals(0x20, tables.get(ValueLayout.JAVA_LONG, 0) & 0x60);
      assertEquals(0x20, tables.get(ValueLayout.JAVA_LONG, 0x1000) & 0x60);
    }
  }

  @Test
  void aReadOnlySegmentIsRefusedWithWhatToDo() {
    try (Arena arena = Arena.ofConfined()) {
      attach(arena, true);
      Exception refused = assertThrows(IllegalStateException.class, () -> machine.read(0));
      String message = String.valueOf(refused.getMessage());
      assertTrue(message.startsWith("physical memory at 0x100000000 may only be read"), message);
      assertTrue(message.endsWith("must be added as a writable segment"), message);
    }
  }

  @Test
  void everyKindOfWriteToAReadOnlySegmentIsRefused() {
    try (Arena arena = Arena.ofConfined()) {
      PhysicalMemory memory = new PhysicalMemory();
      memory.add(0, arena.allocate(4096, 4096).asReadOnly());
      MemorySegment data = arena.allocate(16);
      assertEquals(0, memory.getLong(0));
      assertThrows(IllegalStateException.class, () -> memory.setLong(0, 1));
      assertThrows(IllegalStateException.class, () -> memory.compareAndSetLong(0, 0, 1));
      assertThrows(IllegalStateException.class, () -> memory.getAndSetLong(0, 1));
      assertThrows(IllegalStateException.class, () -> memory.getAndOrLong(0, 1));
      assertThrows(IllegalStateException.class, () -> memory.write(0, data, 0, 16));
    }
  }
}
