package dev.cleave.bench.machine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import dev.cleave.bench.extent.Extent;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.Gcr3Entry;
import dev.cleave.engine.format.X86;
import dev.cleave.engine.memory.NativePages;
import dev.cleave.hwmodel.iommu.TdiBinding;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The guest's own table for its devices, as it manages it behind a secure virtual IOMMU: each page
 * at its own address, by leaves as large as they can be, with the C-bit while it is private. It
 * lies in private pages of the guest, behind the one page of its GCR3 table; what an address in it
 * means is the host table's to say.
 *
 * <p>Not thread-safe. Source: {@code docs/spec/tee-io.md} §3.
 */
final class GuestDeviceTable implements AutoCloseable {
  /** What a guest can map lies below this: bits of an address that all guests agree on. */
  static final long LAST_IOVA = (1L << 47) - 1;

  private static final int LEVELS = 4;
  private static final int C_BIT = 51;
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final long gcr3;
  private final TableMemory tables;
  private final PageTable table;
  private final IotlbGather gather;
  private final LeafCursor cursor;
  private final IotlbGather.BlockVisitor invalidate;

  /**
   * An empty table.
   *
   * @param place gpa and paddr of the pages that it may use, two at least
   * @param memory gets these pages
   * @param invalidate is told what the IOTLB has to forget of it
   */
  GuestDeviceTable(
      Extent place, PhysicalMemory memory, Arena arena, IotlbGather.BlockVisitor invalidate) {
    MemorySegment pages = NativePages.reserve(place.length(), arena);
    memory.add(place.paddr(), pages);
    gcr3 = place.first();
    tables = TableMemory.over(pages.asSlice(PAGE_BYTES), gcr3 + PAGE_BYTES);
    table =
        PageTable.create(
            tables, PageTableConfig.of(X86.LINUX.withEncryptionBit(C_BIT)).withLevels(LEVELS));
    pages.set(LONG, 0, Gcr3Entry.of(table.root()));
    gather = table.newGather();
    cursor = table.leaves();
    this.invalidate = invalidate;
  }

  /** What the firmware is told of it when a device is bound. */
  TdiBinding.GuestTables description() {
    return new TdiBinding.GuestTables(gcr3, 1, LEVELS, true);
  }

  /** Maps pages of one state that are not mapped. */
  void show(Extent run, boolean isShared) {
    if (Long.compareUnsigned(run.last(), LAST_IOVA) > 0) {
      return;
    }
    int access = run.access() | (isShared ? 0 : Access.ENCRYPTED);
    table.map(run.first(), run.first(), run.length(), access);
    for (long region = run.first() & -REGION_BYTES; region <= run.last(); region += REGION_BYTES) {
      var _ = table.merge(region, REGION_BYTES, REGION_LOG2, gather);
    }
    settle();
  }

  /** Unmaps whatever is mapped of a range. */
  void hide(long first, long last) {
    if (cursor.over(first, last).advance()) {
      long end = Long.compareUnsigned(last, LAST_IOVA) > 0 ? LAST_IOVA : last;
      var _ = table.unmap(first, end - first + 1, gather);
      settle();
    }
  }

  private void settle() {
    if (!gather.isEmpty()) {
      gather.forEachBlock(invalidate);
      gather.complete();
    }
  }

  @Override
  public void close() {
    table.close();
    tables.close();
  }
}
