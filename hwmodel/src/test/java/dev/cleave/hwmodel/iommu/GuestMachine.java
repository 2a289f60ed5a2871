package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.hwmodel.rmp.RmpInstructions;
import dev.cleave.hwmodel.rmp.RmpState;
import java.util.Map;
import java.util.TreeMap;

/**
 * A {@link Machine} whose device has guest tables, alone or over a host table. Over one, guest
 * physical addresses of tables begin at 8 GiB, where there is no memory: who forgets to translate
 * one finds nothing.
 */
@SuppressWarnings("doclint") // public for the tests of other packages, not an API
public final class GuestMachine {
  /** Bits in all three levels of a GCR3 table: indexes 2, 0x91 and 0x145. */
  public static final int PASID = 0x9_2345;

  /** Guest entries: leaf of 4 KiB, large leaf, directory; readable, writable, a user's. */
  public static final long LEAF = 0x067;

  public static final long LARGE = 0x0e7;
  public static final long DIRECTORY = 0x027;

  /** The same with A and D clear. */
  public static final long CLEAN = 0x007;

  /** The guest's C-bit. */
  public static final long PRIVATE = 1L << 51;

  public static final long HOST_RW = 0x7000_0000_0000_0001L;

  public final Machine machine;
  public final int mode;
  public final long hostRoot;
  public final long gcr3;
  public final int gcr3Levels;
  public final int guestLevels;
  private final Map<Long, Long> tables = new TreeMap<>();
  private int asid;
  private long nextGpa = 0x2_0000_0000L;

  /** Over a host table of so many levels, or none; GCR3 table of three levels, guest of four. */
  public GuestMachine(int mode) {
    this(IommuConfig.standard(), mode, 3, 4);
  }

  public GuestMachine(IommuConfig config, int mode, int gcr3Levels, int guestLevels) {
    this(new Machine(config.withGuestTables()), mode, gcr3Levels, guestLevels);
  }

  public GuestMachine(Machine machine, int mode, int gcr3Levels, int guestLevels) {
    this.machine = machine;
    this.mode = mode;
    this.gcr3Levels = gcr3Levels;
    this.guestLevels = guestLevels;
    hostRoot = mode == 0 ? 0 : machine.table();
    gcr3 = table();
    attach(0, true);
  }

  /** Writes the device's entry: HAD, and whether requests without PASID use PASID 0. */
  public void attach(int had, boolean giov) {
    deviceEntry(Machine.DEVICE, Machine.DOMAIN, had, giov);
    machine.command(2L << 60 | Machine.DEVICE, 0);
  }

  public void deviceEntry(int device, int domain, int had, boolean giov) {
    long q0 =
        Machine.deviceQ0(hostRoot, mode)
            | (long) had << 7
            | 1L << 55
            | (giov ? 1L << 54 : 0)
            | (long) (gcr3Levels - 1) << 56
            | (gcr3 >>> 12 & 0x7) << 58;
    long q1 = domain | (gcr3 >>> 15 & 0xffff) << 16 | (gcr3 >>> 31) << 43;
    machine.deviceEntry(device, q0, q1, (long) (guestLevels - 4) << 54);
  }

  /** A zeroed page for a table of the guest; returns what the guest calls it. */
  public long table() {
    long spa = machine.table();
    if (mode == 0) {
      return spa;
    }
    long gpa = nextGpa;
    nextGpa += 4096;
    hostEntry(gpa, 1, HOST_RW | spa);
    tables.put(gpa, spa);
    if (asid != 0) {
      makePrivate(gpa, spa);
    }
    return gpa;
  }

  private void makePrivate(long gpa, long spa) {
    RmpInstructions cpu = new RmpInstructions(machine.rmp(Machine.MEMORY_BYTES));
    assertEquals(0, cpu.rmpUpdate(spa, gpa, RmpState.assigned(asid, false, false)));
  }

  /** Gives the device with its tables, made private, to a guest; requests are trusted then. */
  public void trust(int newAsid, long vTom, boolean giov) {
    asid = newAsid;
    tables.forEach(this::makePrivate);
    TdiBinding binding =
        TdiBinding.of(Machine.DOMAIN)
            .withTables(new TdiBinding.GuestTables(gcr3, gcr3Levels, guestLevels, giov));
    machine.attach(hostRoot, mode);
    machine.trust(Machine.DEVICE, machine.guest(asid), asid, binding, 0, vTom);
    machine.trusted = true;
  }

  /** Where an entry of the host table for a guest physical address is; builds the way to it. */
  public long hostSlot(long gpa, int level) {
    long table = hostRoot;
    for (int now = mode; now > level; now--) {
      long at = table + Machine.index(gpa, now) * 8L;
      long entry = machine.memory.getLong(at);
      if (entry == 0) {
        entry = 0x6000_0000_0000_0001L | (long) (now - 1) << 9 | machine.table();
        machine.memory.setLong(at, entry);
      }
      table = entry & 0xf_ffff_ffff_f000L;
    }
    return table + Machine.index(gpa, level) * 8L;
  }

  public void hostEntry(long gpa, int level, long entry) {
    machine.memory.setLong(hostSlot(gpa, level), entry);
  }

  /** Where a page of the guest's tables really is. */
  public long spaOf(long gpa) {
    return mode == 0
        ? gpa
        : (machine.memory.getLong(hostSlot(gpa, 1)) & 0xf_ffff_ffff_f000L) | (gpa & 0xfff);
  }

  /** Writes an entry of one of the guest's tables. */
  public void entry(long table, int index, long entry) {
    machine.memory.setLong(spaOf(table) + index * 8L, entry);
  }

  public long entryOf(long table, int index) {
    return machine.memory.getLong(spaOf(table) + index * 8L);
  }

  /** The GCR3 table of the last level for a PASID; builds the way to it. */
  public long gcr3Table(int pasid) {
    long table = gcr3;
    for (int level = gcr3Levels; level > 1; level--) {
      int index = (pasid >>> (9 * (level - 1))) & 0x1ff;
      if (entryOf(table, index) == 0) {
        entry(table, index, table() | 1);
      }
      table = entryOf(table, index) & 0xf_ffff_ffff_f000L;
    }
    return table;
  }

  /** The top of a PASID's table, which there is from then on. */
  public long top(int pasid) {
    long table = gcr3Table(pasid);
    if (entryOf(table, pasid & 0x1ff) == 0) {
      entry(table, pasid & 0x1ff, table() | 1);
    }
    return entryOf(table, pasid & 0x1ff) & 0xf_ffff_ffff_f000L;
  }

  /** The guest's table of a level for an address; builds the way to it, all rights, A set. */
  public long path(int pasid, long gva, int level) {
    long table = top(pasid);
    for (int now = guestLevels; now > level; now--) {
      int index = Machine.index(gva, now);
      if (entryOf(table, index) == 0) {
        entry(table, index, table() | DIRECTORY);
      }
      table = entryOf(table, index) & 0xf_ffff_ffff_f000L;
    }
    return table;
  }

  /** Maps a page of a PASID; returns the table its leaf is in. */
  public long map(int pasid, long gva, int level, long entry) {
    long table = path(pasid, gva, level);
    entry(table, Machine.index(gva, level), entry);
    return table;
  }

  public long read(int pasid, long gva) {
    return machine.iommu.translate(Machine.DEVICE, pasid, gva, trust());
  }

  public long write(int pasid, long gva) {
    return machine.iommu.translate(Machine.DEVICE, pasid, gva, Request.WRITE | trust());
  }

  private int trust() {
    return machine.trusted ? Request.TRUSTED : 0;
  }

  /** INVALIDATE_IOMMU_PAGES with GN of the domain. */
  public void flush(int pasid, long q1) {
    machine.command(3L << 60 | (long) Machine.DOMAIN << 32 | pasid, q1 | 4);
  }
}
