package dev.cleave.hwmodel.rmp;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.lang.foreign.Arena;

/** An RMP at 1 MiB that covers 8 MiB of system memory, and its raw words. */
final class RmpFixture {
  static final long BASE = 0x10_0000;
  static final long COVERED = 8L << 20;
  static final int ASID = 5;

  /** Second words of RMPUPDATE: assigned to the guest, as 4 KiB and as 2 MiB; given back. */
  static final long GUEST_4K = 0x0000_0005_0000_0001L;

  static final long GUEST_2M = 0x0000_0005_0000_0101L;
  static final long SHARED_4K = 0;
  static final long SHARED_2M = 0x100;
  static final long IMMUTABLE = 1L << 16;

  /** What every VMPL 0 may do after an assignment. */
  static final long VMPL0 = 0x1f;

  final PhysicalMemory memory = new PhysicalMemory();
  final ReverseMap map;
  final RmpInstructions cpu;
  final RmpFirmware firmware;

  RmpFixture() {
    memory.allocate(BASE, 0x4000 + 2048 * 16, Arena.ofAuto());
    map = new ReverseMap(memory, BASE, COVERED);
    cpu = new RmpInstructions(map);
    firmware = new RmpFirmware(map);
  }

  long q0(long spa) {
    return memory.getLong(BASE + 0x4000 + (spa >>> 12) * 16);
  }

  long q1(long spa) {
    return memory.getLong(BASE + 0x4000 + (spa >>> 12) * 16 + 8);
  }

  void setQ0(long spa, long value) {
    memory.setLong(BASE + 0x4000 + (spa >>> 12) * 16, value);
  }

  void assertEntry(long q0, long q1, long spa) {
    assertEquals("0x%x".formatted(q0), "0x%x".formatted(q0(spa)), "q0 of 0x%x".formatted(spa));
    assertEquals("0x%x".formatted(q1), "0x%x".formatted(q1(spa)), "q1 of 0x%x".formatted(spa));
  }

  void update(int expected, long spa, long gpa, long state) {
    assertEquals(expected, cpu.rmpUpdate(spa, gpa, state));
  }
}
