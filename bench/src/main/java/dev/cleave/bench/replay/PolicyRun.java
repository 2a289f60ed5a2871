package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import dev.cleave.bench.machine.DmaResult;
import dev.cleave.bench.machine.GuestRam;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.TableStatistics;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One policy's tables, and what has been done to it. An event that is refused changes nothing.
 *
 * <p>Not thread-safe.
 */
public final class PolicyRun implements AutoCloseable {
  private static final long PAGE_SIZE_4K = 1L << 12;

  private final ReplayOptions options;
  private final GuestTables tables;
  private final PageTable table;
  private final IotlbGather gather;
  private final LeafCursor cursor;
  private final SimulatedRmp rmp;
  private final PolicyActions actions;
  private final @Nullable Hardware hardware;

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
    long pageSizes = policy == Policy.ALL_4K ? PAGE_SIZE_4K : options.pageSizes();
    tables = new GuestTables(options, pageSizes);
    table = tables.iommu().table();
    gather = tables.iommu().gather();
    cursor = table.leaves();
    boolean hasLarge = options.followsRmp() && policy != Policy.ALL_4K;
    hardware =
        ram == null
            ? null
            : new Hardware(ram, tables.memories(), options.followsRmp(), options.seed());
    rmp =
        new SimulatedRmp(
            options.guestBytes(),
            hasLarge,
            table,
            isWatching && options.followsRmp() ? tables.watches() : List.of(),
            hardware);
    tables.onFlush(hardware, rmp::look);
    actions = actions(policy);
  }

  private PolicyActions actions(Policy policy) {
    if (!options.followsRmp()) {
      return new IgnoreActions(tables, rmp);
    }
    return switch (policy) {
      case FOLLOW -> new FollowActions(tables, rmp, options, false);
      case FOLLOW_LAZY -> new FollowActions(tables, rmp, options, true);
      case ALL_4K -> new IgnoreActions(tables, rmp);
      case REMAP -> new RemapActions(tables, rmp, options);
    };
  }

  /** What has to be known before an event, and is no part of carrying it out. */
  public void prepare(TraceEvent event) {
    if (event instanceof TraceEvent.Map map && options.followsRmp()) {
      actions.populate(map.iova(), map.paddrOr(options.paddrBase()), map.length());
    }
  }

  /** Lets devices work until there were so many accesses in all, if there are any. */
  void runDevices(long accesses) {
    if (hardware != null) {
      hardware.attach(table);
      hardware.runUntil(accesses);
    }
  }

  /** What devices met; null without any. */
  public @Nullable DmaResult dma() {
    return hardware == null ? null : hardware.result();
  }

  /** Carries out an event. */
  public Outcome apply(TraceEvent event) {
    try {
      return switch (event) {
        case TraceEvent.Map(long _, long iova, var _, long length, int access) -> {
          long paddr = ((TraceEvent.Map) event).paddrOr(options.paddrBase());
          tables.map(iova, paddr, length, access, actions.rule(), rmp.actual());
          yield Outcome.ok(length);
        }
        case TraceEvent.Unmap(long _, long iova, long length, boolean _) ->
            Outcome.ok(tables.unmap(iova, length, actions.rule()));
        case TraceEvent.Split(long _, long iova, long length, long largest) ->
            flushed(table.split(iova, length, sizeLog2(iova, largest), gather));
        case TraceEvent.Merge(long _, long iova, long length, long largest) ->
            flushed(table.merge(iova, length, sizeLog2(iova, largest), gather));
        case TraceEvent.Share(long _, long gpa, long length) -> {
          checkThenWatch(gpa, length);
          actions.share(gpa, length);
          yield Outcome.ok(length);
        }
        case TraceEvent.Unshare(long _, long gpa, long length) -> {
          checkThenWatch(gpa, length);
          actions.unshare(gpa, length);
          yield Outcome.ok(length);
        }
        case TraceEvent.Translate(long _, long iova) -> translate(iova);
        case TraceEvent.Dma(long _, long iova, long length, int access) ->
            dma(iova, length, access);
      };
    } catch (PageTableException e) {
      return Outcome.refused(e.reason());
    }
  }

  private Outcome flushed(long bytes) {
    tables.iommu().settle(tables);
    return Outcome.ok(bytes);
  }

  private static int sizeLog2(long iova, long bytes) {
    if (Long.bitCount(bytes) != 1) {
      throw new PageTableException(
          Reason.MISALIGNED, iova, "a leaf size must be a power of two, size=" + bytes);
    }
    return Long.numberOfTrailingZeros(bytes);
  }

  private void checkThenWatch(long gpa, long length) {
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
    rmp.beginWatch(gpa, length);
  }

  private Outcome translate(long iova) {
    long paddr = table.translate(iova);
    return paddr == PageTable.NOT_MAPPED ? Outcome.refused(Reason.NOT_MAPPED) : Outcome.ok(paddr);
  }

  /** A device's access succeeds when every byte of it is mapped and may be accessed so. */
  private Outcome dma(long iova, long length, int access) {
    long last = iova + length - 1;
    if (length == 0 || Long.compareUnsigned(last, iova) < 0) {
      return Outcome.refused(Reason.OUT_OF_RANGE);
    }
    for (long at = iova; ; ) {
      if (!table.leafAt(at, cursor) || (cursor.access() & access) != access) {
        return Outcome.refused(Reason.NOT_MAPPED);
      }
      long end = cursor.iova() + (1L << cursor.sizeLog2()) - 1;
      if (Long.compareUnsigned(end, last) >= 0) {
        return Outcome.ok(length);
      }
      at = end + 1;
    }
  }

  /** Does what the policy has put off until nothing changes for a while. */
  public void rest() {
    actions.rest();
  }

  /** The IOMMU table, to be looked at. */
  public PageTable table() {
    return table;
  }

  /** The memory that the IOMMU table lies in. */
  public TableMemory memory() {
    return tables.iommu().memory();
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

  /** What each table has come to, that of the IOMMU first. */
  public List<TableResult> tableResults() {
    return tables.all().stream()
        .map(table -> TableResult.of(new TableEnd(table, rmp, options.followsRmp())))
        .toList();
  }

  /** The page states as the RMP has them, to be looked at; null where no RMP is checked. */
  public @Nullable RmpBitmap pageStates() {
    return options.followsRmp() ? rmp.actual() : null;
  }

  /** Whether, since the last call, other regions than those of the events may have changed. */
  public boolean takeTidied() {
    return actions.takeTidied();
  }

  /** What the IOMMU table has done. */
  public TableStatistics statistics() {
    return table.statistics();
  }

  /** The flushes of the IOMMU table so far. */
  public FlushCounter flushes() {
    return tables.iommu().flushes();
  }

  /** Times that the IOMMU table's leaves and the RMP of a region disagreed during an event. */
  public long rmpFaults() {
    return rmp.mismatches(table);
  }

  @Override
  public void close() {
    actions.close();
    rmp.close();
    if (hardware != null) {
      hardware.close();
    }
    tables.close();
  }
}
