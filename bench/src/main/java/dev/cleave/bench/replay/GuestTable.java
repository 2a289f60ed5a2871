package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.io.WorkFailed;
import dev.cleave.bench.machine.ModelMachine;
import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import dev.cleave.engine.ioas.Backing;
import dev.cleave.engine.rmp.FollowedMemory;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.List;
import java.util.function.IntToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * One of the tables that map the replayed guest's memory, in memory of its own, with the I/O
 * address space that it shows, and what it has come to. Where devices go by vTOM the space of an
 * IOMMU table has everything twice, and whatever is done to it is done twice. The processors' table
 * lets the guest do everything, whatever its devices may.
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
  private final TableSpace space;
  private final PageTable table;

  /** Where guest memory begins in it: at 0, and if it is mapped twice at vTOM. */
  private final long[] bases;

  private final LeafCursor cursor;
  private final @Nullable SharedMemory sharedMemory;
  private final FlushCounter flushes = new FlushCounter();
  private final KeptTables keptTables;
  private long gapBytes;
  private long mappedBytes;
  private long peakMappedBytes;
  private long peakPinnedBytes;
  private long mapCalls;
  private long unmapCalls;

  private GuestTable(
      String name,
      boolean isNested,
      long base,
      ReplayOptions options,
      PageTableConfig config,
      IotlbFlush flush) {
    this.name = name;
    this.isNested = isNested;
    sharedMemory = options.isSharedInPlace() ? null : new SharedMemory(options.sharedBase());
    memory = TableMemory.builder().capacityBytes(options.tableBytes()).base(base).build();
    space = new TableSpace(memory, config, options.followsRmp(), flush);
    table = space.table().table();
    long vTom = isNested ? 0 : options.devices().vTom();
    bases = vTom == 0 ? new long[] {0} : new long[] {0, vTom};
    cursor = table.leaves();
    keptTables = new KeptTables(table);
  }

  /**
   * An empty IOMMU table.
   *
   * @param index number of its address space, from 0
   * @param flush flushes it
   */
  static GuestTable iommu(ReplayOptions options, long pageSizes, int index, IotlbFlush flush) {
    return new GuestTable(
        "iommu",
        false,
        ModelMachine.TABLE_BASE + ((long) index << MOST_BYTES_LOG2),
        options,
        PageTableConfig.of(AmdV1.LINUX).withLevels(options.levels()).withPageSizes(pageSizes),
        flush);
  }

  /**
   * An empty nested table; of the sizes it has those that its format knows.
   *
   * @param flush flushes it
   */
  static GuestTable nested(ReplayOptions options, long pageSizes, IotlbFlush flush) {
    long above = (long) options.spaces().size() << MOST_BYTES_LOG2;
    return new GuestTable(
        "npt",
        true,
        ModelMachine.TABLE_BASE + Math.max(NESTED_OFFSET, above),
        options,
        PageTableConfig.of(X86.LINUX)
            .withLevels(NESTED_LEVELS)
            .withPageSizes(pageSizes & X86.LINUX.leafSizes()),
        flush);
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
    space.deferFlushes(entries, flush);
  }

  /** What waits for its flush; null if nothing ever does. */
  @Nullable OwedFlushes owed() {
    return space.owed();
  }

  // ---- rules ---------------------------------------------------------------------------------

  /** From now on leaves are as large as a bitmap allows. */
  void obey(RmpBitmap known) {
    for (long base : bases) {
      space.addRule(known.ruleAt(-base));
    }
  }

  /** The same, kept up to date by who follows that memory, which is there so many times. */
  FollowedMemory followed(RmpBitmap known, int time) {
    FollowedMemory memoryOfTime = space.follow(known, bases[time]);
    return sharedMemory == null
        ? memoryOfTime
        : new MovedMemory(memoryOfTime, known, this::countMoved);
  }

  // ---- map -----------------------------------------------------------------------------------

  /**
   * Maps a range, as often as guest memory is mapped; or not at all. Where something was unmapped
   * and may still be seen, it is mapped as it was before.
   */
  void map(long iova, long paddr, long length, int access) {
    map(iova, Backing.physical(), paddr, paddr, length, access);
    mapCalls += bases.length;
  }

  private void map(long iova, Backing from, long offset, long paddr, long length, int access) {
    mapOnce(iova, from, offset, paddr, length, access);
    if (bases.length > 1) {
      try {
        mapOnce(bases[1] + iova, from, offset, paddr, length, access);
      } catch (PageTableException e) {
        var _ = space.unmapAtOnce(iova, length); // nobody has used it
        mappedBytes -= length;
        throw e;
      }
    }
  }

  private void mapOnce(long iova, Backing from, long offset, long paddr, long length, int access) {
    space.map(iova, from, offset, paddr, length, allowed(access));
    mappedBytes += length;
  }

  private int allowed(int access) {
    return isNested ? Access.READ_WRITE : access;
  }

  /** Maps a range of guest memory as the log says, shared pages to where those lie. */
  void mapGuest(long gpa, long paddr, long length, int access) {
    if (sharedMemory == null) {
      map(gpa, paddr, length, access);
      return;
    }
    space.rules().checkRange(gpa, length);
    space.rules().checkMemory(gpa, paddr, length, allowed(access));
    if (!sharedMemory.isFree(gpa, length)) {
      throw new PageTableException(
          Reason.ALREADY_MAPPED, gpa, "something is mapped already, iova=0x%x".formatted(gpa));
    }
    sharedMemory.add(gpa, paddr, length, access);
    try {
      map(gpa, sharedMemory, gpa, paddr, length, access);
    } catch (PageTableException e) {
      var _ = sharedMemory.remove(gpa, length);
      throw e;
    }
    mapCalls += (long) sharedMemory.pieces(gpa, length) * bases.length;
  }

  /**
   * Maps what the log maps of a range, all of it to where shared pages lie.
   *
   * @return whether the log maps any of it
   */
  boolean mapShared(long gpa, long length) {
    List<Extent> runs = sharedMemory.sharedOver(gpa, gpa + length - 1);
    runs.forEach(run -> map(run.first(), run.paddr(), run.length(), run.access()));
    return !runs.isEmpty();
  }

  /** Maps again what the log maps of a range, which was taken out and not forgotten. */
  void mapAgain(long gpa, long length) {
    for (Extent extent : sharedMemory.over(gpa, gpa + length - 1)) {
      map(
          extent.first(),
          sharedMemory,
          extent.first(),
          extent.paddr(),
          extent.length(),
          extent.access());
    }
    mapCalls += (long) sharedMemory.pieces(gpa, length) * bases.length;
  }

  /** Takes out what {@link #mapGuest} mapped, as if the log had never said so. */
  void forget(long gpa, long length) {
    var _ = takeOut(gpa, length);
    if (sharedMemory != null) {
      var _ = sharedMemory.remove(gpa, length);
    }
  }

  /** Pages have come to lie elsewhere: they are taken out, and mapped where they lie now. */
  void renew(long gpa, long length) {
    if (isMapped(gpa, length)) {
      var _ =
          eachTime(time -> {
            space.renew(bases[time] + gpa, length);
            countMoved(gpa, length);
            return 0;
          });
    }
  }

  /** Pages were unmapped and mapped elsewhere, if the log maps them. */
  private void countMoved(long gpa, long length) {
    int pieces = sharedMemory.pieces(gpa, length);
    mapCalls += pieces;
    unmapCalls += pieces == 0 ? 0 : 1;
  }

  // ---- unmap ---------------------------------------------------------------------------------

  /**
   * Unmaps a range, of which something is mapped; its flush can wait.
   *
   * @return how many bytes were mapped
   */
  long unmap(long iova, long length) {
    return eachTime(iova, length, (at, bytes) -> unmapped(space.unmap(at, bytes)));
  }

  /** Changes a range of addresses of the table, and says how many bytes of it were mapped. */
  private interface Change {
    long of(long iova, long length);
  }

  /** Unmaps the same wherever guest memory is mapped; returns how many bytes it was there. */
  private long eachTime(long iova, long length, Change change) {
    if (Long.compareUnsigned(iova, firstLast()) > 0) {
      throw new PageTableException(
          Reason.NOT_MAPPED, iova, "nothing is mapped, iova=0x%x".formatted(iova));
    }
    boolean isCut =
        bases.length > 1
            && length != 0
            && length % PAGE_BYTES == 0
            && Long.compareUnsigned(length - 1, firstLast() - iova) > 0;
    long cut = isCut ? firstLast() - iova + 1 : length;
    return eachTime(time -> change.of(bases[time] + iova, cut));
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
    return isMapped(iova, length)
        ? eachTime(iova, length, (at, bytes) -> unmapped(space.unmapAtOnce(at, bytes)))
        : 0;
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

  // ---- leaves --------------------------------------------------------------------------------

  /** Replaces larger leaves; returns how many bytes were mapped. */
  long split(long iova, long length, int sizeLog2) {
    return eachTime(time -> space.split(bases[time] + iova, length, sizeLog2));
  }

  /**
   * Replaces smaller leaves where larger ones are possible, whose flush can wait; returns how many
   * bytes were mapped.
   */
  long merge(long iova, long length, int sizeLog2) {
    return eachTime(time -> space.merge(bases[time] + iova, length, sizeLog2));
  }

  /** Makes leaves legal. */
  void fit(long iova, long length) {
    var _ =
        eachTime(time -> {
          space.adjust(bases[time] + iova, length);
          return 0;
        });
  }

  /** Whether there is memory to do that, wherever guest memory is mapped; throws if not. */
  void checkFit(long iova, long length) {
    long end = bases[bases.length - 1] + iova + length; // between all is legal
    space.checkAdjust(iova, end - iova);
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
    OwedFlushes owed = space.owed();
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

  /** Bytes that should have stayed mapped did not translate for a moment. */
  void addGap(long bytes) {
    gapBytes += bytes;
  }

  long gapBytes() {
    return gapBytes;
  }

  /** Flushes what waits; returns whether anything did. */
  boolean flushOwed() {
    OwedFlushes owed = space.owed();
    return owed != null && owed.flush();
  }

  @Override
  public void close() {
    space.close();
    memory.close();
  }
}
