package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

/**
 * Software's side of the migration engine: a ring of 256 entries at a 2 MiB boundary, and a list of
 * as many pages as are asked for behind it.
 */
@SuppressWarnings("doclint") // public for the tests of other packages, not an API
public final class PsmashRing {
  private final Machine machine;
  private final MigrationEngine engine;
  public final long ring;
  public final long list;
  private int head;

  /** With the ring at a number of 4 KiB pages. */
  public PsmashRing(Machine machine, long page) {
    this.machine = machine;
    this.engine = machine.iommu.migration();
    this.ring = page << 12;
    this.list = ring + 0x2000;
    engine.writeRegister(0x0c, 1);
    engine.writeRegister(0x10, (int) ring);
    engine.writeRegister(0x14, (int) (ring >>> 32));
    engine.writeRegister(0x00, 2);
    assertEquals(3, engine.readRegister(0x1c) & 0x7fff_ffff);
  }

  /** Writes the list's entry of a page. */
  public void page(int index, long spa, long table, long slot, long last) {
    long at = list + index * 32L;
    machine.memory.setLong(at, spa);
    machine.memory.setLong(at + 8, table);
    machine.memory.setLong(at + 16, slot);
    machine.memory.setLong(at + 24, last);
  }

  /** The last word of a page's entry. */
  public long result(int index) {
    return machine.memory.getLong(list + index * 32L + 24);
  }

  /** Appends an entry and rings the bell; returns its status. */
  public int command(long address, long q1) {
    long at = ring + head * 16L;
    machine.memory.setLong(at, address);
    machine.memory.setLong(at + 8, q1);
    head = (head + 1) & 0xff;
    engine.writeRegister(0x08, head);
    assertEquals(head, engine.readRegister(0x04));
    return (int) (machine.memory.getLong(at + 8) >>> 32);
  }

  /** PSMASH_IO of one page; returns its status. */
  public int psmash(long spa, long table, long slot, long gctx) {
    page(0, spa, table, slot, gctx);
    int status = command(list, 0x1_0005L);
    assertEquals(status, (int) result(0) & 0xff);
    return status;
  }
}
