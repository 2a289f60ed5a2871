package dev.cleave.bench.migrate;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.machine.GuestFrames;
import dev.cleave.bench.machine.ModelMachine;
import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.hwmodel.iommu.Statistics;
import org.jspecify.annotations.Nullable;

/**
 * The host that a guest leaves: a machine of the hardware model, whose IOMMU sets A and D, and the
 * table that maps the guest for its devices, in memory of its own.
 *
 * <p>Not thread-safe.
 */
final class SourceHost implements AutoCloseable {
  private static final int FIRST_LEVELS = 3;
  private static final long TABLE_BYTES = 64L << 30;

  /** Guest memory that an RMP can have a bitmap of. */
  private static final long MOST_RMP_BYTES = 1L << 46;

  private final TableMemory tables;
  private final PageTable table;
  private final IotlbGather gather;
  private final ModelMachine machine;
  private final @Nullable GuestRmp rmp;
  private final SizeRule rule;
  private long flushCommands;
  private long engineNanos;
  private int owedCommands;

  /**
   * A host that has mapped a guest with the largest leaves that are legal.
   *
   * @param hasRmp whether an RMP is checked, in which private pages are the guest's
   * @param pageSizes leaf sizes of the table
   * @param fault what table memory breaks, if it does
   * @throws BadInput if the guest's memory is not such as an RMP allows
   */
  SourceHost(GuestMemory memory, boolean hasRmp, long pageSizes, Fault fault) {
    GuestFrames frames = frames(memory, hasRmp);
    tables = fault.memory(TABLE_BYTES, ModelMachine.TABLE_BASE);
    table =
        PageTable.create(
            tables,
            PageTableConfig.of(AmdV1.LINUX).withLevels(FIRST_LEVELS).withPageSizes(pageSizes));
    gather = table.newGather();
    machine = ModelMachine.marking(memory.paddrEnd(), frames, tables, hasRmp);
    rmp =
        hasRmp
            ? new GuestRmp(memory, frames, machine.rmp(), (pageSizes & REGION_BYTES) != 0)
            : null;
    rule = rmp == null ? SizeRule.atMost(Long.SIZE - 1) : rmp.rule();
    for (Extent extent : memory.extents()) {
      table.map(extent.first(), extent.paddr(), extent.length(), extent.access(), rule);
    }
    machine.attach(table);
  }

  private static GuestFrames frames(GuestMemory memory, boolean hasRmp) {
    GuestFrames frames = new GuestFrames();
    for (Extent extent : memory.extents()) {
      frames.place(extent.first(), extent.paddr(), extent.length());
    }
    if (hasRmp) {
      for (Extent extent : memory.extents()) {
        if (!frames.isAt(extent.first(), extent.paddr(), extent.length())) {
          throw new BadInput(
              "with an RMP a page of memory is one page of the guest, and iova %s leads to one that"
                      .formatted(Numbers.hex(extent.first()))
                  + " another iova leads to as well; give --rmp off");
        }
      }
      if (memory.iovaEnd() > MOST_RMP_BYTES) {
        throw new BadInput(
            "with an RMP guest memory must end at or below 64T, it ends at %s; give --rmp off"
                .formatted(Numbers.hex(memory.iovaEnd())));
      }
    }
    return frames;
  }

  PageTable table() {
    return table;
  }

  /** Where a device's access goes: a physical address, or a negative outcome of the IOMMU. */
  long translate(long iova, boolean isWrite) {
    return machine.translate(iova, isWrite);
  }

  /** Forgets what the IOMMU has logged. */
  void drainEvents() {
    machine.drainEvents();
  }

  /** What the IOMMU counts. */
  Statistics iommu() {
    return machine.iommu().statistics();
  }

  /** What the engine took so far, on the clock: not the model, nor what is done about an RMP. */
  long engineNanos() {
    return engineNanos;
  }

  /** Flush commands so far. */
  long flushCommands() {
    return flushCommands;
  }

  /** Table memory in use, with pages that wait for a flush. */
  long tableBytes() {
    return tables.usedBytes();
  }

  /** The most table memory that was. */
  long tableBytesPeak() {
    return tables.peakBytes();
  }

  // ---- dirty bits ----------------------------------------------------------------------------

  /** Reads what is dirty in a range into a bitmap, and makes it clean. */
  void readAndClearDirty(long first, long length, DirtyBitmap into) {
    long start = System.nanoTime();
    var _ = table.readAndClearDirty(first, length, into, gather);
    engineNanos += System.nanoTime() - start;
  }

  /** Reads what is dirty in a range into a bitmap. */
  void readDirty(long first, long length, DirtyBitmap into) {
    long start = System.nanoTime();
    var _ = table.readDirty(first, length, into);
    engineNanos += System.nanoTime() - start;
  }

  // ---- leaf sizes ----------------------------------------------------------------------------

  /**
   * Begins to track a range by pages of 4 KiB: {@code PageTable.startDirtyTracking}. RMP entries
   * that forbid such leaves are smashed; devices must stand still until the flush then.
   *
   * @return whether they must
   */
  boolean startTracking(long first, long length) {
    boolean isStalled = rmp != null && rmp.smash(first, length);
    long start = System.nanoTime();
    var _ = table.startDirtyTracking(first, length, PAGE_LOG2, gather);
    engineNanos += System.nanoTime() - start;
    return isStalled;
  }

  /**
   * Splits what is mapped of a range. RMP entries that forbid it are smashed; devices must stand
   * still until the flush then.
   *
   * @return whether they must
   */
  boolean split(long first, long length, int largestLog2) {
    boolean isStalled = largestLog2 < REGION_LOG2 && rmp != null && rmp.smash(first, length);
    long start = System.nanoTime();
    var _ = table.split(first, length, largestLog2, gather);
    engineNanos += System.nanoTime() - start;
    return isStalled;
  }

  /**
   * Makes leaves of a range as large as they may be. RMP entries are joined first; devices must
   * stand still until the flush.
   *
   * @return whether they must
   */
  boolean merge(long first, long length) {
    boolean isStalled = rmp != null && rmp.unsmash(first, length);
    long start = System.nanoTime();
    table.mergeToFit(first, length, rule, gather);
    engineNanos += System.nanoTime() - start;
    return isStalled;
  }

  // ---- flushes -------------------------------------------------------------------------------

  /** How many commands a flush of what is owed takes, beside the one that waits for them. */
  int owedCommands() {
    owedCommands = 0;
    gather.forEachBlock((_, _) -> owedCommands++);
    return owedCommands;
  }

  /** Flushes what is owed, by commands of the model. */
  void flush() {
    if (!gather.isEmpty()) {
      flushCommands += owedCommands();
      machine.flush(table, gather);
    }
  }

  /** Ends what was owed. */
  void complete() {
    long start = System.nanoTime();
    gather.complete();
    engineNanos += System.nanoTime() - start;
  }

  @Override
  public void close() {
    gather.complete();
    table.close();
    machine.close();
    if (rmp != null) {
      rmp.close();
    }
    tables.close();
  }
}
