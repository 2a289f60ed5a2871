package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.machine.DeviceKind;
import dev.cleave.bench.machine.DmaResult;
import dev.cleave.bench.machine.GuestFrames;
import dev.cleave.bench.machine.GuestRam;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.TableStatistics;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * One policy's tables, and what has been done to it. An event that is refused changes nothing.
 *
 * <p>Not thread-safe.
 */
public final class PolicyRun implements AutoCloseable {
  /** So many address spaces can be replayed at once. */
  public static final int MOST_SPACES = GuestTable.MOST_SPACES;

  /** No paddr lies there or above. */
  static final long END_OF_MEMORY = 1L << 52;

  private static final long PAGE_SIZE_4K = 1L << 12;

  private final Policy policy;
  private final ReplayOptions options;
  private final GuestTables tables;
  private final PageTable table;
  private final SimulatedRmp rmp;
  private final PolicyActions actions;
  private final @Nullable Hardware hardware;
  private final boolean isWatching;
  private long peakBackingBytes;
  private long peakDuplicateBytes;

  /** Why the next event cannot be carried out; null if it can be tried. */
  private @Nullable PageTableException unprepared;

  /**
   * Makes empty tables.
   *
   * @param policy how they follow the RMP
   * @param options what they are like
   * @param isWatching whether to compare leaves and RMP after every step, which takes time
   * @param ram the memory that devices are to move through the hardware model, or null for none
   */
  public PolicyRun(
      Policy policy, ReplayOptions options, boolean isWatching, @Nullable GuestRam ram) {
    this.options = options;
    if (policy.isSharedBacked() && !options.servesSharedBacked()) {
      throw new IllegalArgumentException(
          policy.word() + " needs page states, a shared backing and no nested table");
    }
    this.policy = policy;
    this.isWatching = isWatching;
    long pageSizes = policy.hasSmallLeaves() ? PAGE_SIZE_4K : options.pageSizes();
    tables = new GuestTables(options, pageSizes);
    table = tables.spaces().getFirst().table().table();
    boolean hasLarge = options.followsRmp() && policy.hasLargeRmpEntries();
    GuestFrames frames = new GuestFrames();
    RmpBitmap states = new RmpBitmap(options.guestBytes());
    hardware =
        ram == null
            ? null
            : new Hardware(ram, tables, frames, options, states, !policy.isSharedBacked());
    rmp =
        new SimulatedRmp(
            states,
            hasLarge,
            frames,
            tables.all().stream().map(GuestTable::table).toList(),
            isWatching && options.followsRmp() ? tables.watches() : List.of(),
            hardware);
    tables.onFlush(hardware, rmp::look);
    actions = actions(policy);
  }

  private PolicyActions actions(Policy policy) {
    if (!options.followsRmp()) {
      return new IgnoreActions(tables, rmp, options);
    }
    return switch (policy) {
      case FOLLOW -> new FollowActions(tables, rmp, options, false);
      case FOLLOW_LAZY -> new FollowActions(tables, rmp, options, true);
      case ALL_4K -> new IgnoreActions(tables, rmp, options);
      case REMAP -> new RemapActions(tables, rmp, options);
      case SHARED_ONLY_4K -> new SharedPageActions(tables, rmp);
      case SHARED_ONLY -> new SharedOnlyActions(tables, rmp, false);
      case SHARED_ONLY_LAZY -> new SharedOnlyActions(tables, rmp, true);
      case STATIC -> new StaticActions(tables, rmp);
    };
  }

  /**
   * What has to be known before an event, and is no part of carrying it out. If that cannot be
   * done, the event will be refused.
   */
  public void prepare(TraceEvent event) {
    unprepared = null;
    try {
      populateBefore(event);
    } catch (PageTableException e) {
      unprepared = e;
    }
  }

  private void populateBefore(TraceEvent event) {
    if (event instanceof TraceEvent.Map map && options.followsRmp()) {
      long paddr = map.paddrOr(options.paddrBase());
      boolean isOfPages = ((map.iova() | paddr | map.length()) & (PAGE_BYTES - 1)) == 0;
      boolean isMemory =
          Long.compareUnsigned(paddr, END_OF_MEMORY) < 0
              && Long.compareUnsigned(map.length(), END_OF_MEMORY - paddr) <= 0;
      // What will be refused gives the guest nothing.
      if (isOfPages
          && isMemory
          && map.length() > 0
          && actions.isFree(space(map), map.iova(), map.length())) {
        tables.flushOwed(map.iova(), map.iova() + map.length() - 1);
        try {
          actions.populate(map.iova(), paddr, map.length());
        } catch (PageTableException e) {
          if (!tables.flushOwed()) {
            throw e;
          }
          actions.populate(map.iova(), paddr, map.length());
        }
      }
    }
  }

  /** Lets devices work, if there are any, until those of each kind have made so many accesses. */
  void runDevices(long... accesses) {
    if (hardware != null) {
      hardware.attach();
      hardware.runUntil(accesses);
    }
  }

  /** What devices met; null without any. */
  public @Nullable DmaResult dma() {
    return hardware == null ? null : hardware.result();
  }

  /** The same by kind of device, with what their tables have come to; none without any. */
  public List<DeviceResult> deviceResults() {
    DmaResult dma = dma();
    if (dma == null) {
      return List.of();
    }
    List<DeviceResult> results = new ArrayList<>();
    for (DmaResult.OfKind met : dma.kinds()) {
      long bytes = 0;
      long illegal = 0;
      for (ReplayedSpace space : tables.spaces()) {
        GuestTable iommu = space.table();
        long last = met.kind() == DeviceKind.VTOM ? -1 : iommu.firstLast();
        TableEnd end = new TableEnd(iommu, rmp, options.followsRmp());
        bytes += last == -1 ? iommu.usedBytes() : end.tableBytes(last);
        illegal += end.illegalLeaves(last);
      }
      results.add(new DeviceResult(met, bytes, illegal));
    }
    return results;
  }

  /**
   * Memory that lies in the shared backing at this moment: a shared page's, and where all guest
   * memory is mapped through it, a private page's too.
   */
  public long backingBytes() {
    if (options.isSharedInPlace()) {
      return 0;
    }
    return policy == Policy.STATIC
        ? tables.spaces().stream().mapToLong(space -> space.table().pinnedBytes()).max().orElse(0)
        : rmp.actual().sharedPages() * PAGE_BYTES + undiscardedBytes();
  }

  /** Pages that are private again, whose shared memory is discarded once they are flushed. */
  private long undiscardedBytes() {
    if (!policy.isSharedBacked()) {
      return 0;
    }
    long end = options.guestBytes();
    BitSet pages = new BitSet();
    for (ReplayedSpace space : tables.spaces()) {
      OwedFlushes owed = space.table().owed();
      if (owed != null) {
        for (Extent extent : owed.unflushed()) {
          if (Long.compareUnsigned(extent.first(), end) < 0) {
            GuestTables.runs(rmp.actual(), extent.first(), Math.min(extent.last() + 1, end), false)
                .forEach(run -> pages.set(page(run.gpa()), page(run.gpa() + run.length())));
          }
        }
      }
    }
    return (long) pages.cardinality() * PAGE_BYTES;
  }

  private static int page(long gpa) {
    return (int) (gpa / PAGE_BYTES);
  }

  /** The most that did. */
  long peakBackingBytes() {
    return peakBackingBytes;
  }

  /** The most of it that belonged to private pages. */
  long peakDuplicateBytes() {
    return peakDuplicateBytes;
  }

  /** Changes of table and RMP in one step of the hardware. */
  long exchanges() {
    return rmp.exchanges();
  }

  /** Bytes that the IOMMU tables map at this moment, each as often as it is. */
  public long mappedBytes() {
    return sum(GuestTable::mappedBytes);
  }

  /** Carries out an event. */
  public Outcome apply(TraceEvent event) {
    ReplayedSpace space = space(event);
    if (hardware != null) {
      hardware.before(event, space);
    }
    Outcome outcome = apply(event, space);
    if (outcome.isRefusedFor(Reason.OUT_OF_TABLE_MEMORY) && tables.flushOwed()) {
      outcome = apply(event, space); // pages that waited for a flush are free now
    }
    if (hardware != null) {
      hardware.after(event, space, outcome.isOk());
    }
    tables.noteEnd();
    if (isWatching) { // which takes time
      long backing = backingBytes();
      peakBackingBytes = Math.max(peakBackingBytes, backing);
      long needed = Math.min(backing, rmp.actual().sharedPages() * PAGE_BYTES);
      peakDuplicateBytes = Math.max(peakDuplicateBytes, backing - needed);
    }
    return outcome;
  }

  private Outcome apply(TraceEvent event, ReplayedSpace space) {
    if (unprepared != null) {
      return Outcome.refused(unprepared.reason());
    }
    try {
      return switch (event) {
        case TraceEvent.Map map -> {
          flushBefore(map.iova(), map.length());
          actions.map(
              space, map.iova(), map.paddrOr(options.paddrBase()), map.length(), map.access());
          yield Outcome.ok(map.length());
        }
        case TraceEvent.Unmap(long _, var _, long iova, long length, boolean _) ->
            Outcome.ok(actions.unmap(space, iova, length));
        case TraceEvent.Clear(long _, var _, long first, long last) ->
            Outcome.ok(actions.clear(space, first, last));
        case TraceEvent.Split(long _, var _, long iova, long length, long largest) ->
            Outcome.ok(space.split(iova, length, largest));
        case TraceEvent.Merge(long _, var _, long iova, long length, long largest) ->
            Outcome.ok(space.merge(iova, length, largest));
        case TraceEvent.Share(long _, long gpa, long length) -> {
          check(gpa, length);
          change(gpa, length, () -> actions.share(gpa, length));
          yield Outcome.ok(length);
        }
        case TraceEvent.Unshare(long _, long gpa, long length) -> {
          check(gpa, length);
          change(gpa, length, () -> actions.unshare(gpa, length));
          yield Outcome.ok(length);
        }
        case TraceEvent.Translate(long _, var _, long iova) -> space.translate(iova);
        case TraceEvent.Dma(long _, var _, long iova, long length, int access) ->
            space.dma(iova, length, access);
      };
    } catch (PageTableException e) {
      return Outcome.refused(e.reason());
    }
  }

  /** An iova is not used anew before what it led to has been flushed. */
  private void flushBefore(long iova, long length) {
    if (length != 0 && Long.compareUnsigned(iova + (length - 1), iova) >= 0) {
      tables.flushOwed(iova, iova + (length - 1));
    }
  }

  /**
   * No RMP entry changes under a leaf that a device may still see. Where shared pages have memory
   * of their own the leaves lead there, and the entries that change are of other memory.
   */
  private void change(long gpa, long length, Runnable states) {
    if (!policy.isSharedBacked()) {
      tables.flushOwed(gpa & -REGION_BYTES, gpa + length - 1 | (REGION_BYTES - 1));
    }
    rmp.beginWatch(gpa, length);
    try {
      states.run();
    } finally {
      rmp.endWatch();
    }
  }

  private void check(long gpa, long length) {
    if (gpa % PAGE_BYTES != 0 || length == 0 || length % PAGE_BYTES != 0) {
      throw new PageTableException(
          Reason.MISALIGNED, gpa, "pages are shared whole, gpa=0x%x".formatted(gpa));
    }
    if (gpa < 0 || length < 0 || gpa > options.guestBytes() - length) {
      throw new PageTableException(
          Reason.OUT_OF_RANGE,
          gpa,
          "guest memory ends at 0x%x, gpa=0x%x".formatted(options.guestBytes(), gpa));
    }
  }

  /** The end: flushes what is still owed. */
  void flushOwed() {
    var _ = tables.flushOwed();
  }

  /** Does what the policy has put off until nothing changes for a while. */
  public void rest() {
    actions.rest();
  }

  /** The IOMMU table of the first address space, to be looked at. */
  public PageTable table() {
    return table;
  }

  /** Table memory that the IOMMU tables of all address spaces use. */
  public long iommuBytes() {
    return tables.iommuBytes();
  }

  /** Pages of the IOMMU table of the first address space at a level, with what is kept. */
  public long tablePages(int level) {
    GuestTable first = tables.spaces().getFirst().table();
    return first.memory().pages(level) + first.keptTables().pages(level);
  }

  /** What devices of all address spaces can reach, or may still: it must stay in memory. */
  public long pinnedBytes() {
    return sum(GuestTable::pinnedBytes);
  }

  /** The memory that it lies in. */
  public TableMemory memory() {
    return tables.spaces().getFirst().table().memory();
  }

  /** The nested table, to be looked at; null if there is none. */
  public @Nullable PageTable nestedTable() {
    return tables.nested() == null ? null : tables.nested().table();
  }

  /** The memory that the nested table lies in; null if there is none. */
  public @Nullable TableMemory nestedMemory() {
    return tables.nested() == null ? null : tables.nested().memory();
  }

  /** The memory that the tables lie in. */
  List<TableMemory> memories() {
    return tables.memories();
  }

  /** The model beside the run; null if there is none. */
  @Nullable Hardware hardware() {
    return hardware;
  }

  /** The address space of an event. */
  ReplayedSpace space(TraceEvent event) {
    return tables.space(event.space());
  }

  /** The address spaces, each with its IOMMU table. */
  List<ReplayedSpace> spaces() {
    return tables.spaces();
  }

  /** What the IOMMU tables have come to together, then what the nested one has. */
  public List<TableResult> tableResults() {
    List<TableResult> results = new ArrayList<>();
    results.add(TableResult.sum("iommu", spaceResults(), tables));
    if (tables.nested() != null) {
      results.add(result(tables.nested()));
    }
    return results;
  }

  /** What the IOMMU table of each address space has come to. */
  List<TableResult> spaceResults() {
    return tables.spaces().stream().map(space -> result(space.table())).toList();
  }

  private TableResult result(GuestTable of) {
    return TableResult.of(new TableEnd(of, rmp, options.followsRmp()));
  }

  /** The page states as the RMP has them, to be looked at; null where no RMP is checked. */
  public @Nullable RmpBitmap pageStates() {
    return options.followsRmp() ? rmp.actual() : null;
  }

  /** Whether, since the last call, other regions than those of the events may have changed. */
  public boolean takeTidied() {
    return actions.takeTidied();
  }

  /** What the IOMMU table of the first address space has done. */
  public TableStatistics statistics() {
    return table.statistics();
  }

  /** Entries that the IOMMU tables of all address spaces have written so far. */
  public long entryStores() {
    return sum(iommu -> iommu.table().statistics().entryStores());
  }

  /** Commands that flushed them so far. */
  public long flushCommands() {
    return sum(iommu -> iommu.flushes().commands());
  }

  /** Times that their leaves and the RMP of a region disagreed during an event. */
  public long rmpFaults() {
    return sum(iommu -> rmp.mismatches(iommu.table()));
  }

  private long sum(ToLongFunction<GuestTable> figure) {
    return tables.spaces().stream().map(ReplayedSpace::table).mapToLong(figure).sum();
  }

  @Override
  public void close() {
    flushOwed();
    actions.close();
    rmp.close();
    if (hardware != null) {
      hardware.close();
    }
    tables.close();
  }
}
