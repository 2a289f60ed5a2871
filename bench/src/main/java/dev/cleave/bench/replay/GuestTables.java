package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import dev.cleave.bench.machine.Window;
import dev.cleave.bench.trace.AddressSpace;
import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.rmp.FollowedMemory;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * All tables that map the replayed guest's memory, each with an I/O address space of its own: an
 * IOMMU table for each space of the log, and perhaps a nested one. That is no second table of one
 * of these spaces, since it has what any of them maps, once, and with access of its own. An event
 * changes them together or not at all.
 *
 * <p>Not thread-safe.
 */
final class GuestTables implements IotlbFlush, AutoCloseable {
  /** A batch that takes more commands is flushed by one, of the smallest block around it. */
  private static final int MOST_BATCH_COMMANDS = 8;

  private final List<ReplayedSpace> spaces = new ArrayList<>();
  private final @Nullable GuestTable nested;
  private final List<GuestTable> all = new ArrayList<>();
  private @Nullable Hardware hardware;
  private Consumer<Window> look = _ -> {};
  private long peakBytes;
  private long peakMappedBytes;
  private long peakPinnedBytes;

  GuestTables(ReplayOptions options, long pageSizes) {
    for (AddressSpace space : options.spaces()) {
      GuestTable table = GuestTable.iommu(options, pageSizes, spaces.size(), this);
      spaces.add(new ReplayedSpace(space, table));
      all.add(table);
    }
    nested = options.hasNestedTable() ? GuestTable.nested(options, pageSizes, this) : null;
    if (nested != null) {
      all.add(nested);
    }
    if (options.flushEntries() > 0) {
      all.forEach(table -> table.deferFlushes(options.flushEntries(), this::flushBatch));
    }
  }

  /**
   * Says who is to be told of flushes.
   *
   * @param flush gets those of IOMMU tables, or null
   * @param looker is called before and after each flush
   */
  void onFlush(@Nullable Hardware flush, Consumer<Window> looker) {
    hardware = flush;
    look = looker;
  }

  /** The address spaces; the first one is what files and reports show where they show one. */
  List<ReplayedSpace> spaces() {
    return spaces;
  }

  /** The space of an event; the first, if it says none. */
  ReplayedSpace space(AddressSpace name) {
    for (ReplayedSpace space : spaces) {
      if (space.name().equals(name)) {
        return space;
      }
    }
    return spaces.getFirst();
  }

  @Nullable GuestTable nested() {
    return nested;
  }

  List<GuestTable> all() {
    return all;
  }

  /** The memory of each table. */
  List<TableMemory> memories() {
    return all.stream().map(GuestTable::memory).toList();
  }

  /** A watch over each table. */
  List<RmpWatch> watches() {
    return all.stream().map(table -> new RmpWatch(table.table(), table.sharedMemory())).toList();
  }

  /** All of guest memory, wherever it is mapped, as a follower takes it. */
  List<FollowedMemory> followed(RmpBitmap known) {
    List<FollowedMemory> followed = new ArrayList<>();
    for (GuestTable table : all) {
      for (int time = 0; time < table.times(); time++) {
        followed.add(table.followed(known, time));
      }
    }
    return followed;
  }

  /** From now on all leaves are as large as a bitmap allows. */
  void obey(RmpBitmap known) {
    all.forEach(table -> table.obey(known));
  }

  /** From now on a page lies where shared pages lie if a bitmap says that it is one. */
  void liesBy(RmpBitmap states) {
    for (GuestTable table : all) {
      if (table.sharedMemory() != null) {
        table.sharedMemory().liesBy(states);
      }
    }
  }

  /** Maps a range in a space, and in the nested table what is not there yet; or in none. */
  void map(ReplayedSpace space, long iova, long paddr, long length, int access) {
    GuestTable iommu = space.table();
    iommu.mapGuest(iova, paddr, length, access);
    if (nested == null) {
      return;
    }
    List<Run> added = new ArrayList<>();
    try {
      for (Run hole : holes(nested, iova, iova + length - 1)) {
        nested.mapGuest(hole.gpa, paddr + (hole.gpa - iova), hole.length, access);
        added.add(hole);
      }
    } catch (PageTableException e) {
      added.forEach(run -> nested.forget(run.gpa, run.length));
      iommu.forget(iova, length);
      throw e;
    }
  }

  /** The parts of a range that a table does not map. */
  private static List<Run> holes(GuestTable table, long first, long last) {
    List<Run> holes = new ArrayList<>();
    LeafCursor leaves = table.table().leaves().over(first, last);
    long at = first;
    boolean isDone = false;
    while (!isDone && leaves.advance()) {
      if (Long.compareUnsigned(leaves.iova(), at) > 0) {
        holes.add(new Run(at, leaves.iova() - at));
      }
      at = leaves.iova() + (1L << leaves.sizeLog2());
      isDone = at == 0;
    }
    if (!isDone && Long.compareUnsigned(at, last) <= 0) {
      holes.add(new Run(at, last + 1 - at));
    }
    return holes;
  }

  /**
   * Unmaps a range in a space, and in the nested table what no other space maps; or in none.
   *
   * @return how many bytes the space mapped
   */
  long unmap(ReplayedSpace space, long iova, long length) {
    GuestTable iommu = space.table();
    long bytes;
    try {
      if (nested != null) {
        for (Run run : onlyIn(space, iova, iova + length - 1)) {
          var _ = nested.takeOut(run.gpa, run.length);
        }
      }
      bytes = iommu.unmap(iova, length);
    } catch (PageTableException e) {
      if (nested != null) {
        var _ = nested.flushOwed();
        restore(nested, space, iova, iova + length - 1);
      }
      throw e;
    }
    if (iommu.sharedMemory() != null) {
      iommu.sharedMemory().remove(iova, length);
      if (nested != null) {
        onlyIn(space, iova, iova + length - 1)
            .forEach(run -> nested.sharedMemory().remove(run.gpa, run.length));
      }
    }
    return bytes;
  }

  /** The parts of a range that no other space maps. */
  private List<Run> onlyIn(ReplayedSpace space, long first, long last) {
    List<Run> parts = List.of(new Run(first, last + 1 - first));
    for (ReplayedSpace other : spaces) {
      if (other != space) {
        List<Run> left = new ArrayList<>();
        for (Run part : parts) {
          left.addAll(holes(other.table(), part.gpa, part.gpa + part.length - 1));
        }
        parts = left;
      }
    }
    return parts;
  }

  /** Maps in a table what a space maps and the table lacks; its pages for that are free. */
  private static void restore(GuestTable table, ReplayedSpace space, long first, long last) {
    LeafCursor leaves = space.table().table().leaves();
    for (Run hole : holes(table, first, last)) {
      if (table.sharedMemory() != null) {
        table.mapAgain(hole.gpa, hole.length);
        continue;
      }
      long end = hole.gpa + hole.length - 1;
      leaves.over(hole.gpa, end);
      while (leaves.advance()) {
        long cut = Math.max(0, hole.gpa - leaves.iova());
        long iova = leaves.iova() + cut;
        long to = Math.min(leaves.iova() + (1L << leaves.sizeLog2()) - 1, end);
        table.map(iova, leaves.paddr() + cut, to + 1 - iova, leaves.access());
      }
    }
  }

  /** Unmaps whatever a space maps from one address to another; returns how many bytes that was. */
  long clear(ReplayedSpace space, long first, long last) {
    long bytes = 0;
    for (Run run : space.mapped(first, last)) {
      bytes += unmap(space, run.gpa, run.length);
    }
    return bytes;
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

  /** Pages have come to lie elsewhere, unless all stay where they are: so it is in all tables. */
  void renew(List<Run> runs) {
    if (isSharedElsewhere()) {
      all.forEach(table -> runs.forEach(run -> table.renew(run.gpa, run.length)));
    }
  }

  /** Whether shared pages lie elsewhere than while they were private. */
  boolean isSharedElsewhere() {
    return all.getFirst().sharedMemory() != null;
  }

  /** Whether a table maps nothing of a range. */
  boolean isFree(GuestTable table, long iova, long length) {
    return !table.table().leaves().over(iova, iova + length - 1).advance();
  }

  /**
   * Refuses what {@link #fit} could not do once regions have lost their 2 MiB entry.
   *
   * @param regions in ascending order
   * @param known whose rule it will be
   * @throws PageTableException OUT_OF_TABLE_MEMORY
   */
  void checkFit(List<Run> regions, RmpBitmap known) {
    if (regions.isEmpty()) {
      return;
    }
    long first = regions.getFirst().gpa;
    long bytes = regions.getLast().gpa + regions.getLast().length - first;
    regions.forEach(region -> known.setLarge(region.gpa, region.length, false));
    try {
      // all regions at once, since they take of the same memory
      all.forEach(table -> table.checkFit(first, bytes));
    } finally {
      regions.forEach(region -> known.setLarge(region.gpa, region.length, true));
    }
  }

  /** Makes leaves legal that an RMP entry no longer allows. */
  void fit(List<Run> runs) {
    all.forEach(table -> runs.forEach(run -> table.fit(run.gpa, run.length)));
  }

  /** Flushes at once, and before it what was owed earlier. */
  @Override
  public void flush(PageTable table, IotlbGather gather) {
    for (GuestTable owner : all) {
      if (owner.table() == table) {
        var _ = owner.flushOwed();
      }
    }
    flush(table, gather, Integer.MAX_VALUE);
  }

  private void flushBatch(PageTable table, IotlbGather gather) {
    flush(table, gather, MOST_BATCH_COMMANDS);
  }

  private void flush(PageTable table, IotlbGather gather, int mostCommands) {
    notePeak();
    for (GuestTable owner : all) {
      if (owner.table() == table) {
        owner.flushes().add(gather, mostCommands);
      }
    }
    look.accept(Window.BEFORE_FLUSH);
    if (hardware != null && (nested == null || table != nested.table())) {
      hardware.flush(table, gather, mostCommands);
    }
    look.accept(Window.AFTER_FLUSH);
  }

  /** Flushes what the tables owe; returns whether they owed anything. */
  boolean flushOwed() {
    boolean anyOwed = false;
    for (GuestTable table : all) {
      anyOwed |= table.flushOwed();
    }
    return anyOwed;
  }

  /**
   * Something is about to become of the pages between two addresses that devices must not see with
   * old eyes: tables that owe a flush of any of them flush.
   */
  void flushOwed(long first, long last) {
    for (GuestTable table : all) {
      OwedFlushes owed = table.owed();
      if (owed != null && owed.isOwed(first, last)) {
        var _ = owed.flush();
      }
    }
  }

  /** Memory that the IOMMU tables use together at this moment. */
  long iommuBytes() {
    long bytes = 0;
    for (ReplayedSpace space : spaces) {
      bytes += space.table().usedBytes();
    }
    return bytes;
  }

  private long sum(ToLongFunction<GuestTable> bytes) {
    return spaces.stream().map(ReplayedSpace::table).mapToLong(bytes).sum();
  }

  /** Takes note of how much that is. */
  void notePeak() {
    peakBytes = Math.max(peakBytes, iommuBytes());
  }

  /** Takes note of that, and of how much is mapped, after an event. */
  void noteEnd() {
    notePeak();
    peakMappedBytes = Math.max(peakMappedBytes, sum(GuestTable::mappedBytes));
    peakPinnedBytes = Math.max(peakPinnedBytes, sum(GuestTable::pinnedBytes));
    all.forEach(GuestTable::notePeak);
  }

  /** The most memory that the IOMMU tables used together. */
  long peakBytes() {
    return spaces.size() == 1 ? spaces.getFirst().table().peakBytes() : peakBytes;
  }

  /** The most that the IOMMU tables mapped together, after any event. */
  long peakMappedBytes() {
    return peakMappedBytes;
  }

  /** The most that they kept pinned. */
  long peakPinnedBytes() {
    return peakPinnedBytes;
  }

  /** What devices remember of the tables no longer matters. */
  @Override
  public void close() {
    onFlush(null, _ -> {});
    all.forEach(GuestTable::close);
  }
}
