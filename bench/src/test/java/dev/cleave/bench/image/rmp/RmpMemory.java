package dev.cleave.bench.image.rmp;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpEntry;
import java.lang.foreign.Arena;

/** An RMP in memory, written entry by entry. */
final class RmpMemory {
  static final long BASE = 0x10_0000;
  static final long COVERED = 8L << 20;
  static final int ASID = 5;

  final PhysicalMemory memory = new PhysicalMemory();
  final ReverseMap hardware = new ReverseMap(memory, BASE, COVERED);

  RmpMemory() {
    memory.allocate(BASE, ReverseMap.tableBytes(COVERED), Arena.ofAuto());
  }

  MemoryRmp rmp() {
    return MemoryRmp.contiguous(memory, BASE, COVERED);
  }

  void set(long spa, long low) {
    memory.setLong(hardware.entryAddress(spa), low);
  }

  /** Makes a page private; its region's count of pages follows. */
  void assign(long spa, long gpa, int asid) {
    long head = hardware.headAddress(spa);
    if (hardware.entryAddress(spa) != head && !RmpEntry.isAssigned(low(spa))) {
      long low = memory.getLong(head);
      memory.setLong(head, RmpEntry.withSubpages(low, RmpEntry.subpages(low) + 1));
    }
    int subpages = RmpEntry.subpages(low(spa));
    set(spa, RmpEntry.withSubpages(RmpEntry.assigned(gpa, asid, false, false), subpages));
  }

  void assignLarge(long spa, long gpa, int asid) {
    set(spa, RmpEntry.assigned(gpa, asid, true, false));
  }

  private long low(long spa) {
    return memory.getLong(hardware.entryAddress(spa));
  }
}
