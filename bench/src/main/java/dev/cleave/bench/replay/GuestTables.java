package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.rmp.FollowedTable;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * All tables that map the replayed guest's memory: that of the IOMMU, and perhaps a nested one.
 * They are mapped and unmapped together or not at all.
 *
 * <p>Not thread-safe.
 */
final class GuestTables implements IotlbFlush, AutoCloseable {
  private final GuestTable iommu;
  private final @Nullable GuestTable nested;
  private final List<GuestTable> all;
  private final @Nullable SharedMemory sharedMemory;
  private final LeafCursor cursor;
  private @Nullable IotlbFlush hardware;
  private Runnable look = () -> {};

  GuestTables(ReplayOptions options, long pageSizes) {
    iommu = GuestTable.iommu(options, pageSizes);
    nested = options.hasNestedTable() ? GuestTable.nested(options, pageSizes) : null;
    all = nested == null ? List.of(iommu) : List.of(iommu, nested);
    sharedMemory = options.isSharedInPlace() ? null : new SharedMemory(options.sharedBase());
    cursor = iommu.table().leaves();
  }

  /**
   * Says who is to be told of flushes.
   *
   * @param flush gets those of the IOMMU table, or null
   * @param looker is called before and after each flush
   */
  void onFlush(@Nullable IotlbFlush flush, Runnable looker) {
    hardware = flush;
    look = looker;
  }

  GuestTable iommu() {
    return iommu;
  }

  @Nullable GuestTable nested() {
    return nested;
  }

  List<GuestTable> all() {
    return all;
  }

  /** Where shared pages lie; null if they stay where they are. */
  @Nullable SharedMemory sharedMemory() {
    return sharedMemory;
  }

  /** The memory of each table. */
  List<TableMemory> memories() {
    return all.stream().map(GuestTable::memory).toList();
  }

  /** A watch over each table. */
  List<RmpWatch> watches() {
    return all.stream().map(table -> new RmpWatch(table.table(), sharedMemory)).toList();
  }

  /** The tables as a follower takes them. */
  List<FollowedTable> followed() {
    List<FollowedTable> followed = new ArrayList<>();
    for (GuestTable table : all) {
      followed.add(
          new FollowedTable(
              table.table(), 0, sharedMemory == null ? null : sharedMemory.backing(table)));
    }
    return followed;
  }

  /**
   * Maps a range in all tables, or in none.
   *
   * @param states the page states of the guest
   */
  void map(long iova, long paddr, long length, int access, SizeRule rule, RmpBitmap states) {
    iommu.map(iova, paddr, length, access, rule);
    if (nested != null) {
      try {
        nested.map(iova, paddr, length, access, rule);
      } catch (PageTableException e) {
        var _ = iommu.takeOut(iova, length);
        iommu.settle(this);
        throw e;
      }
    }
    if (sharedMemory != null && iova >= 0 && iova < states.guestBytes()) {
      long inside = Math.min(length, states.guestBytes() - iova);
      sharedMemory.add(iova, paddr, inside, access);
      move(runs(states, iova, iova + inside, true), true, rule);
    }
  }

  /** Unmaps a range in all tables, or in none; returns how many bytes were mapped. */
  long unmap(long iova, long length, SizeRule rule) {
    if (nested != null) {
      var _ = nested.table().unmap(iova, length, nested.gather());
      nested.settle(this);
    }
    long bytes;
    try {
      bytes = iommu.table().unmap(iova, length, iommu.gather());
    } catch (PageTableException e) {
      if (nested != null) {
        restore(nested, iova, iova + length - 1, rule);
      }
      throw e;
    }
    iommu.settle(this);
    if (sharedMemory != null) {
      sharedMemory.remove(iova, length);
    }
    return bytes;
  }

  /** Maps in a table what the IOMMU table maps; its pages for that are free. */
  private void restore(GuestTable table, long first, long last, SizeRule rule) {
    cursor.over(first, last);
    while (cursor.advance()) {
      long cut = Math.max(0, first - cursor.iova());
      long iova = cursor.iova() + cut;
      long end = Math.min(cursor.iova() + (1L << cursor.sizeLog2()) - 1, last);
      table.map(iova, cursor.paddr() + cut, end + 1 - iova, cursor.access(), rule);
    }
  }

  /** Pages of one state. */
  record Run(long gpa, long length) {}

  /** The runs of pages in a range that are shared, or those that are private. */
  static List<Run> runs(RmpBitmap states, long from, long end, boolean areShared) {
    List<Run> runs = new ArrayList<>();
    for (long at = from; at < end; at += PAGE_BYTES) {
      long start = at;
      while (at < end && states.isShared(at) == areShared) {
        at += PAGE_BYTES;
      }
      if (at > start) {
        runs.add(new Run(start, at - start));
      }
    }
    return runs;
  }

  /** Moves pages in all tables to where they lie from now on; not if they stay where they are. */
  void move(List<Run> runs, boolean areShared, SizeRule rule) {
    if (sharedMemory == null || runs.isEmpty()) {
      return;
    }
    for (GuestTable table : all) {
      for (Run run : runs) {
        var _ = table.takeOut(run.gpa, run.length);
      }
      table.settle(this);
      for (Run run : runs) {
        sharedMemory.map(table, run.gpa, run.length, areShared, rule);
      }
    }
  }

  @Override
  public void flush(PageTable table, IotlbGather gather) {
    GuestTable owner = table == iommu.table() || nested == null ? iommu : nested;
    owner.flushes().add(gather);
    look.run(); // what the IOTLB still holds
    if (hardware != null && owner == iommu) {
      hardware.flush(table, gather);
    }
    look.run();
  }

  @Override
  public void close() {
    all.forEach(GuestTable::close);
  }
}
