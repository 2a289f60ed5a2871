package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import dev.cleave.bench.io.WorkFailed;
import dev.cleave.bench.machine.ModelMachine;
import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import java.util.Arrays;
import java.util.function.IntToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * One of the tables that map the replayed guest's memory, in memory of its own, and what it has
 * come to. Where devices go by vTOM an IOMMU table maps everything twice, and whatever is done to
 * it is done twice. The processors' table lets the guest do everything, whatever its devices may.
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

  /** Where guest memory begins in it: at 0, and if it is mapped twice at vTOM. */
  private final long[] bases;

  /** One for each of these. */
  private final IotlbGather[] gathers;

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
    long vTom = isNested ? 0 : options.devices().vTom();
    bases = vTom == 0 ? new long[] {0} : new long[] {0, vTom};
    gathers = new IotlbGather[bases.length];
    Arrays.setAll(gathers, _ -> table.newGather());
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

  /** How often it maps guest memory. */
  int times() {
    return bases.length;
  }

  /** Where guest memory begins for the first or the second time. */
  long base(int time) {
    return bases[time];
  }

  /** The last address at which guest memory can be mapped for the first time. */
  long firstLast() {
    return bases.length == 1 ? -1 : bases[1] - 1;
  }

  /** The gpa of an address of the table. */
  long gpa(long iova) {
    return bases.length == 1 || Long.compareUnsigned(iova, bases[1]) < 0 ? iova : iova - bases[1];
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
   * Maps a range, as often as guest memory is mapped; or not at all. Where something was unmapped
   * and may still be seen, it is mapped as it was before.
   */
  void map(long iova, long paddr, long length, int access, SizeRule rule) {
    mapOnce(iova, paddr, length, access, rule);
    if (bases.length > 1) {
      try {
        mapOnce(bases[1] + iova, paddr, length, access, rule(rule, 1));
      } catch (PageTableException e) {
        var _ = table.unmap(iova, length, gathers[0]);
        gathers[0].complete(); // nobody has seen it
        mapCalls--;
        mappedBytes -= length;
        throw e;
      }
    }
  }

  /** Maps a range of addresses of the table. */
  void mapOnce(long iova, long paddr, long length, int access, SizeRule rule) {
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
    return eachTime(iova, length, this::unmapOnce);
  }

  private long unmapOnce(int time, long iova, long length) {
    return unmapped(
        owed == null ? table.unmap(iova, length, gathers[time]) : owed.unmap(iova, length));
  }

  private long unmapAtOnce(int time, long iova, long length) {
    return unmapped(table.unmap(iova, length, gathers[time]));
  }

  /** Changes a range of addresses of the table, and says how many bytes of it were mapped. */
  private interface Change {
    long of(int time, long iova, long length);
  }

  /** Unmaps the same wherever guest memory is mapped; returns how many bytes it was there. */
  private long eachTime(long iova, long length, Change change) {
    if (Long.compareUnsigned(iova, firstLast()) > 0) {
      throw new PageTableException(
          Reason.NOT_MAPPED, iova, "nothing is mapped, iova=0x%x".formatted(iova));
    }
    boolean isCut = Long.compareUnsigned(length - 1, firstLast() - iova) > 0;
    long cut = isCut && length % PAGE_BYTES == 0 ? firstLast() - iova + 1 : length;
    return eachTime(time -> change.of(time, bases[time] + iova, cut));
  }

  /** Does the same wherever guest memory is mapped; returns what it returned. */
  private long eachTime(IntToLongFunction change) {
    long bytes = change.applyAsLong(0);
    for (int time = 1; time < bases.length; time++) {
      try {
        bytes = change.applyAsLong(time);
      } catch (PageTableException e) {
        throw new WorkFailed(
            "guest memory is mapped twice and could be changed but once, give more --table-memory: "
                + e.getMessage());
      }
    }
    return bytes;
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
    return isMapped(iova, length) ? eachTime(iova, length, this::unmapAtOnce) : 0;
  }

  private boolean isMapped(long iova, long length) {
    return cursor.over(iova, iova + length - 1).advance();
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

  /** Replaces larger leaves; returns how many bytes were mapped. */
  long split(long iova, long length, int sizeLog2) {
    return eachTime(time -> table.split(bases[time] + iova, length, sizeLog2, gathers[time]));
  }

  /**
   * Replaces smaller leaves where larger ones are possible, whose flush can wait; returns how many
   * bytes were mapped.
   */
  long merge(long iova, long length, int sizeLog2) {
    return eachTime(time ->
        owed == null
            ? table.merge(bases[time] + iova, length, sizeLog2, gathers[time])
            : owed.merge(bases[time] + iova, length, sizeLog2));
  }

  /** Makes leaves legal. */
  void fit(long iova, long length, SizeRule rule) {
    var _ =
        eachTime(time -> {
          table.fit(bases[time] + iova, length, rule(rule, time), gathers[time]);
          return 0;
        });
  }

  /** Whether there is memory to do that; throws if not. */
  void checkFit(long iova, long length, SizeRule rule) {
    if (bases.length == 1) {
      table.checkFit(iova, length, rule, gathers[0]);
      return;
    }
    table.reserveToFit(iova, length, rule, gathers[0]);
    try {
      table.checkFit(bases[1] + iova, length, rule(rule, 1), gathers[1]);
    } finally {
      table.unreserve(gathers[0]);
    }
  }

  private SizeRule rule(SizeRule rule, int time) {
    return time == 0 ? rule : new ShiftedRule(rule, bases[time]);
  }

  /** Bytes that are mapped of a range, for the first time. */
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

  /** Bytes that are mapped, each as often as it is. */
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
   * Bytes that are pinned, since devices can reach them or may still, once however often they are
   * mapped: processors reach theirs without.
   */
  long pinnedBytes() {
    return isNested ? 0 : (mappedBytes + owedBytes()) / bases.length;
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
    for (IotlbGather gather : gathers) {
      if (!gather.isEmpty()) {
        flush.flush(table, gather);
        gather.complete();
      }
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
