package dev.cleave.bench.machine;

import dev.cleave.bench.io.WorkFailed;
import dev.cleave.hwmodel.iommu.MigrationCommand;
import dev.cleave.hwmodel.iommu.MigrationEngine;
import dev.cleave.hwmodel.iommu.MigrationRegister;
import dev.cleave.hwmodel.iommu.MigrationStatus;
import dev.cleave.hwmodel.iommu.PsmashEntry;
import dev.cleave.hwmodel.memory.PhysicalMemory;

/**
 * Software's side of the engine that carries out PSMASH_IO: a ring of one page, and a list of one
 * page beside it.
 *
 * <p>Not thread-safe. Source: {@code docs/spec/tee-io.md} §8.
 */
final class MigrationRing {
  private static final int PAGE_BYTES = 4096;
  private static final int ENTRIES = PAGE_BYTES / MigrationCommand.BYTES;
  private static final int USABLE =
      MigrationRegister.STATUS_READY | MigrationRegister.STATUS_INITIALISED;

  private final MigrationEngine engine;
  private final PhysicalMemory memory;
  private final long ring;
  private final long list;
  private int head;

  /**
   * A ring that is set up.
   *
   * @param ring where it lies, 2 MiB-aligned; the list lies in the page behind it
   */
  MigrationRing(MigrationEngine engine, PhysicalMemory memory, long ring) {
    this.engine = engine;
    this.memory = memory;
    this.ring = ring;
    this.list = ring + PAGE_BYTES;
    engine.writeRegister(MigrationRegister.RING_DATA, 1);
    engine.writeRegister(MigrationRegister.RING_LOW, (int) ring);
    engine.writeRegister(MigrationRegister.RING_HIGH, (int) (ring >>> Integer.SIZE));
    engine.writeRegister(MigrationRegister.CONTROL, MigrationRegister.CONTROL_INIT);
    int status = engine.readRegister(MigrationRegister.STATUS);
    if ((status & USABLE) != USABLE) {
      throw new WorkFailed(
          "the migration engine's model refused its ring, status 0x%x".formatted(status));
    }
  }

  /**
   * PSMASH_IO of a page.
   *
   * @param spa of the page, 2 MiB-aligned
   * @param table where the 512 leaves lie that shall translate it
   * @param slot where the leaf is that translates it
   * @param context of the guest that owns it
   * @throws WorkFailed if the engine refuses
   */
  void psmash(long spa, long table, long slot, long context) {
    memory.setLong(list, spa);
    memory.setLong(list + Long.BYTES, table);
    memory.setLong(list + 2 * Long.BYTES, slot);
    memory.setLong(list + 3 * Long.BYTES, context);
    long at = ring + (long) head * MigrationCommand.BYTES;
    memory.setLong(at, list);
    memory.setLong(at + Long.BYTES, MigrationCommand.secondWord(MigrationCommand.PSMASH_IO, 1));
    head = (head + 1) % ENTRIES;
    engine.writeRegister(MigrationRegister.HEAD, head);
    int status = MigrationCommand.status(memory.getLong(at + Long.BYTES));
    if (status != MigrationStatus.SUCCESS) {
      throw new WorkFailed(
          "PSMASH_IO of spa 0x%x was refused by the model with status 0x%02x, phase %d"
              .formatted(spa, status, PsmashEntry.phase(memory.getLong(list + 3 * Long.BYTES))));
    }
  }
}
