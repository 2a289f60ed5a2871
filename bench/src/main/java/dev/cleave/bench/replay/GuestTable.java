package dev.cleave.bench.replay;

import dev.cleave.bench.machine.ModelMachine;
import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import org.jspecify.annotations.Nullable;

/**
 * One of the tables that map the replayed guest's memory, in memory of its own, and what it has
 * come to. The processors' table lets the guest do everything, whatever its devices may.
 *
 * <p>Not thread-safe.
 */
final class GuestTable implements AutoCloseable {
  /** No table has more memory; the tables' memories lie so far apart. */
  static final int MOST_BYTES_LOG2 = 42;

  /** So many IOMMU tables have room below the end of all addresses, with the nested one. */
  static final int MOST_SPACES = 512;

  /** The nested table's memory lies at least so far above that of the first IOMMU table. */
  private static final long NESTED_OFFSET = 1L << 44;

  private static final int NESTED_LEVELS = 4;

  private final String name;
  private final boolean isNested;
  private final TableMemory memory;
  private final PageTable table;
  private final IotlbGather gather;
  private final LeafCursor cursor;
  private final @Nullable SharedMemory sharedMemory;
  private final FlushCounter flushes = new FlushCounter();
  private final KeptTables keptTables;
  private @Nullable OwedFlushes owed;
  private long gapBytes;
  private long mappedBytes;
  private long peakMappedBytes;
  private long peakPinnedBytes;
  private long mapCalls;
  private long unmapCalls;

  private GuestTable(
      String name, boolean isNested, long base, ReplayOptions options, PageTableConfig config) {
    this.name = name;
    this.isNested = isNested;
    sharedMemory = options.isSharedInPlace() ? null : new SharedMemory(options.sharedBase());
    memory = TableMemory.builder().capacityBytes(options.tableBytes()).base(base).build();
    table = PageTable.create(memory, config);
    gather = table.newGather();
    cursor = table.leaves();
    keptTables = new KeptTables(table);
  }

  /**
   * An empty IOMMU table.
   *
   * @param index number of its address space, from 0
   */
  static GuestTable iommu(ReplayOptions options, long pageSizes, int index) {
    return new GuestTable(
        "iommu",
        false,
        ModelMachine.TABLE_BASE + ((long) index << MOST_BYTES_LOG2),
        options,
        PageTableConfig.of(AmdV1.LINUX).withLevels(options.levels()).withPageSizes(pageSizes));
  }

  /** An empty nested table; of the sizes it has those that its format knows. */
  static GuestTable nested(ReplayOptions options, long pageSizes) {
    long above = (long) options.spaces().size() << MOST_BYTES_LOG2;
    return new GuestTable(
        "npt",
        true,
        ModelMachine.TABLE_BASE + Math.max(NESTED_OFFSET, above),
        options,
        PageTableConfig.of(X86.LINUX)
            .withLevels(NESTED_LEVELS)
            .withPageSizes(pageSizes & X86.LINUX.leafSizes()));
  }

  /** {@code iommu} or {@code npt}. */
  String name() {
    return name;
  }

  PageTable table() {
    return table;
  }

  TableMemory memory() {
    return memory;
  }

  IotlbGather gather() {
    return gather;
  }

  /** Where its shared pages lie; null if they stay where they are. */
  @Nullable SharedMemory sharedMemory() {
    return sharedMemory;
  }

  FlushCounter flushes() {
    return flushes;
  }

  /** From now on flushes that can wait are owed, and flushed in batches. */
  void deferFlushes(int entries, IotlbFlush flush) {
    owed = new OwedFlushes(table, entries, flush);
  }

  /** What waits for its flush; null if nothing ever does. */
  @Nullable OwedFlushes owed() {
    return owed;
  }

  /**
   * Maps a range. Where something was unmapped and may still be seen, it is mapped as it was
   * before.
   */
  void map(long iova, long paddr, long length, int access, SizeRule rule) {
    table.map(iova, paddr, length, isNested ? Access.READ_WRITE : access, rule);
    mapCalls++;
    mappedBytes += length;
    if (owed != null) {
      owed.mappedAgain(iova, length);
    }
  }

  /**
   * Unmaps a range, of which something is mapped; its flush can wait.
   *
   * @return how many bytes were mapped
   */
  long unmap(long iova, long length) {
    return unmapped(owed == null ? table.unmap(iova, length, gather) : owed.unmap(iova, length));
  }

  private long unmapped(long bytes) {
    unmapCalls++;
    mappedBytes -= bytes;
    return bytes;
  }

  /** Takes out what is mapped of a range, whose flush can wait; returns how many bytes that was. */
  long takeOut(long iova, long length) {
    return isMapped(iova, length) ? unmap(iova, length) : 0;
  }

  /** The same where the flush is to be issued at once. */
  long takeOutAtOnce(long iova, long length) {
    return isMapped(iova, length) ? unmapped(table.unmap(iova, length, gather)) : 0;
  }

  private boolean isMapped(long iova, long length) {
    return cursor.over(iova, iova + length - 1).advance();
  }

  /** Replaces smaller leaves by larger ones; the flush can wait. */
  long merge(long iova, long length, int largestLog2) {
    return owed == null
        ? table.merge(iova, length, largestLog2, gather)
        : owed.merge(iova, length, largestLog2);
  }

  /** The same, as part of a call that is counted as {@link #addUnmapCalls} says. */
  long takeOutPart(long iova, long length) {
    long before = unmapCalls;
    long bytes = takeOut(iova, length);
    unmapCalls = before;
    return bytes;
  }

  /** So many unmap calls have been made, whatever was done for them. */
  void addUnmapCalls(long calls) {
    unmapCalls += calls;
  }

  /** Pages were unmapped, by who did not tell, before they were mapped elsewhere. */
  void moved(long bytes) {
    unmapCalls++;
    mappedBytes -= bytes;
  }

  /** Bytes that are mapped of a range. */
  long mappedBytes(long iova, long length) {
    long last = iova + length - 1;
    long bytes = 0;
    cursor.over(iova, last);
    while (cursor.advance()) {
      long leafLast = cursor.iova() + (1L << cursor.sizeLog2()) - 1;
      long from = Long.compareUnsigned(cursor.iova(), iova) < 0 ? iova : cursor.iova();
      bytes += (Long.compareUnsigned(leafLast, last) > 0 ? last : leafLast) - from + 1;
    }
    return bytes;
  }

  /** Bytes that are mapped. */
  long mappedBytes() {
    return mappedBytes;
  }

  /** Takes note of how many bytes are mapped, and how many are pinned. */
  void notePeak() {
    peakMappedBytes = Math.max(peakMappedBytes, mappedBytes);
    peakPinnedBytes = Math.max(peakPinnedBytes, pinnedBytes());
  }

  /** The most bytes that were, after any event. */
  long peakMappedBytes() {
    return peakMappedBytes;
  }

  /**
   * Bytes that are pinned, since devices can reach them or may still: processors reach theirs
   * without.
   */
  long pinnedBytes() {
    return isNested ? 0 : mappedBytes + owedBytes();
  }

  /** The most bytes that were, after any event. */
  long peakPinnedBytes() {
    return peakPinnedBytes;
  }

  /** Bytes that are unmapped, and whose flush waits. */
  long owedBytes() {
    return owed == null ? 0 : owed.bytes();
  }

  /** Map calls so far. */
  long mapCalls() {
    return mapCalls;
  }

  /** Unmap calls so far. */
  long unmapCalls() {
    return unmapCalls;
  }

  /** Tables that are kept without a use. */
  KeptTables keptTables() {
    return keptTables;
  }

  /** Table memory in use, with what is kept. */
  long usedBytes() {
    return memory.usedBytes() + keptTables.bytes();
  }

  /** The most table memory in use. What is kept is kept for ever, so its peak is the end. */
  long peakBytes() {
    return Math.max(memory.peakBytes(), usedBytes());
  }

  /**
   * Flushes what the gather owes, and frees what waited for it; and a batch of what can wait, if it
   * is full.
   */
  void settle(IotlbFlush flush) {
    if (owed != null) {
      owed.flushIfFull();
    }
    if (!gather.isEmpty()) {
      flush.flush(table, gather);
      gather.complete();
    }
  }

  /** Bytes that should have stayed mapped did not translate for a moment. */
  void addGap(long bytes) {
    gapBytes += bytes;
  }

  long gapBytes() {
    return gapBytes;
  }

  /** Flushes what waits; returns whether anything did. */
  boolean flushOwed() {
    return owed != null && owed.flush();
  }

  @Override
  public void close() {
    if (owed != null) {
      owed.close();
    }
    table.close();
    memory.close();
  }
}
