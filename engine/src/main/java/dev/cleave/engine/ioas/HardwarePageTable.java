package dev.cleave.engine.ioas;

import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbFlushQueue;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.recording.FlushEvent;
import dev.cleave.engine.recording.Recording;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A page table that shows an {@link IoAddressSpace} to hardware (iommufd's HWPT): of either format,
 * with its own leaf sizes, levels and memory, and with its own way to be flushed.
 *
 * <p>It is made on its own and is empty until it is {@linkplain IoAddressSpace#attach attached};
 * from then on it holds all areas of the space, and changes with it. Its {@link #table} is there to
 * be given to hardware and to be read; who changes it otherwise than through the space breaks the
 * space.
 *
 * <p>Thread-safe as {@link PageTable} is.
 */
public final class HardwarePageTable implements AutoCloseable {
  private final PageTable table;
  private final IotlbFlush flush;

  /** Those that no operation has; guarded by itself. */
  private final List<TableTools> spare = new ArrayList<>();

  /** Who may attach it, or has done so. */
  private final AtomicReference<@Nullable IoAddressSpace> space = new AtomicReference<>();

  /** The iovas that it does not decode, while it is attached; by who holds the space's lock. */
  private @Nullable IovaReservation beyond;

  /** Puts flushes of unmaps off, if there is one. */
  private volatile @Nullable IotlbFlushQueue queue;

  /** Takes what can wait, if its owner flushes lazily. */
  private volatile @Nullable IotlbFlushQueue lazy;

  private HardwarePageTable(PageTable table, IotlbFlush flush) {
    this.table = table;
    this.flush = flush;
  }

  /**
   * Makes an empty table.
   *
   * @param memory where its pages come from; tables may share it
   * @param config its format, leaf sizes, levels and widths
   * @param flush flushes what hardware remembers of it; called by the thread that changes the
   *     space, possibly by several at once, and must not call the space
   * @return a table that is attached to nothing
   * @throws IllegalArgumentException if its iovas are sign-extended: a space is one piece
   * @throws dev.cleave.engine.PageTableException OUT_OF_TABLE_MEMORY if there is no page for the
   *     top
   */
  public static HardwarePageTable create(
      TableMemory memory, PageTableConfig config, IotlbFlush flush) {
    if (config.signExtended()) {
      throw new IllegalArgumentException(
          "the iovas of a table of a space must not be sign-extended, config=" + config);
    }
    return new HardwarePageTable(PageTable.create(memory, config), flush);
  }

  /**
   * The table itself, to be read and to be given to hardware.
   *
   * @return always the same
   */
  public PageTable table() {
    return table;
  }

  /**
   * The space that it shows.
   *
   * @return null while it is attached to none
   */
  public @Nullable IoAddressSpace space() {
    return space.get();
  }

  /** Keeps other spaces from attaching it. */
  boolean claim(IoAddressSpace claimant) {
    return space.compareAndSet(null, claimant);
  }

  void release() {
    space.set(null);
  }

  void setBeyond(IovaReservation reservation) {
    beyond = reservation;
  }

  IovaReservation takeBeyond() {
    IovaReservation taken = Objects.requireNonNull(beyond);
    beyond = null;
    return taken;
  }

  /** Every address and length in it is a multiple of this, a power of two. */
  long granule() {
    return Long.lowestOneBit(table.config().pageSizes());
  }

  // ---- tools ---------------------------------------------------------------------------------

  TableTools takeTools() {
    synchronized (spare) {
      return spare.isEmpty() ? new TableTools(this) : spare.removeLast();
    }
  }

  void giveTools(TableTools tools) {
    synchronized (spare) {
      spare.addLast(tools);
    }
  }

  // ---- flush ---------------------------------------------------------------------------------

  /**
   * Leaves flushes that can wait to the caller, those of {@link IoAddressSpace#unmap} and of {@link
   * SpaceTables#merge}: they return with what they owe this table in a queue, as with a driver that
   * flushes lazily by itself. The space knows nothing of it and counts iovas as free at once, so
   * that it is for the caller to flush the queue before an iova is used for anything else than
   * before, and before the table is detached. What his flush throws when an unmap has to make room
   * reaches the caller of the unmap, which is done all the same. While a space {@linkplain
   * IoAddressSpace#deferFlushes puts flushes off} itself, its unmaps go into its own queue.
   *
   * <p>To be called while nothing is under way in the space.
   *
   * @param queue a queue of this table, or null to flush at once from now on
   */
  public void flushLazily(@Nullable IotlbFlushQueue queue) {
    lazy = queue;
  }

  /** Puts the flushes of unmaps off, as long as it is attached; by who has the space alone. */
  void deferFlushes(
      int unmaps, int batches, long maxDelayNanos, IotlbFlushQueue.FreedRange flushed) {
    queue = new IotlbFlushQueue(table, flush, unmaps, batches, maxDelayNanos, flushed);
  }

  /** Ends that, when all is flushed; likewise. */
  void flushAtOnce() {
    IotlbFlushQueue deferring = queue;
    if (deferring != null) {
      deferring.close();
      queue = null;
    }
  }

  /** Whether its owner flushes it lazily. */
  boolean isLazy() {
    return lazy != null;
  }

  /**
   * Unmaps a range, whose flush a lazy owner takes.
   *
   * @param gather takes it else
   * @return what the owner's flush threw that had to make room: the unmap is done
   */
  @Nullable RuntimeException unmap(long iova, long length, IotlbGather gather) {
    IotlbFlushQueue taker = lazy;
    if (taker == null) {
      var _ = table.unmap(iova, length, gather);
      return null;
    }
    try {
      var _ = taker.unmap(iova, length);
      return null;
    } catch (PageTableException e) {
      throw e;
    } catch (RuntimeException e) {
      if (table.leaves().over(iova, iova + length - 1).advance()) {
        throw e; // it had to make room before
      }
      return e;
    }
  }

  /** Unmaps a range, and flushes it later. */
  void unmapLater(long iova, long length) {
    var _ = Objects.requireNonNull(queue).unmap(iova, length);
  }

  void flushDeferred() {
    IotlbFlushQueue deferring = queue;
    if (deferring != null) {
      deferring.flush();
    }
  }

  void flushIfDue() {
    IotlbFlushQueue deferring = queue;
    if (deferring != null) {
      deferring.flushIfDue();
    }
  }

  /** Flushes what a gather holds, and ends its debt. */
  void settle(IotlbGather gather) {
    if (!gather.isEmpty()) {
      FlushEvent event = Recording.ofFlushes() ? new FlushEvent() : null;
      flush.flush(table, gather);
      if (event != null) {
        event.done(
            gather.rangeCount() == 0 ? 0 : gather.rangeFirst(0),
            gather.rangeCount(),
            gather.tablePages());
      }
      gather.complete();
    }
  }

  // ---- map -----------------------------------------------------------------------------------

  /**
   * Maps what an operation has; {@link Operation#mappedBytes} says how far it came.
   *
   * @param rule what leaves are allowed, null for all
   */
  void map(Operation operation, @Nullable SizeRule rule) {
    Pieces pieces = operation.pieces;
    long iova = operation.mapFirst;
    operation.mappedBytes = 0;
    for (int i = 0; i < pieces.count(); i++) {
      long length = pieces.length(i);
      map(operation, iova, length, pieces.backing(i), pieces.offset(i), pieces.isWritten(i), rule);
      iova += length;
    }
  }

  /** Maps one area, run by run. */
  void map(
      Operation operation,
      long iova,
      long length,
      Backing backing,
      long offset,
      boolean isWritten,
      @Nullable SizeRule rule) {
    if (backing == PhysicalBacking.INSTANCE) {
      mapRun(iova, offset, length, operation.access, rule);
      operation.mappedBytes += length;
      return;
    }
    for (long done = 0; done != length; ) {
      long paddr = backing.paddr(offset + done, isWritten);
      if (paddr == Backing.NONE) {
        throw new IoasException(
            backing.refusal(),
            iova + done,
            "memory must be there%s behind every byte of an area, iova=0x%x, offset=0x%x"
                .formatted(isWritten ? ", and writable," : "", iova + done, offset + done));
      }
      long run = backing.contiguous(offset + done, length - done);
      mapRun(iova + done, paddr, run, operation.access, rule);
      done += run;
      operation.mappedBytes += run;
    }
  }

  void mapRun(long iova, long paddr, long length, int access, @Nullable SizeRule rule) {
    if (rule == null) {
      table.map(iova, paddr, length, access);
    } else {
      table.map(iova, paddr, length, access, rule);
    }
  }

  // ---- merge ---------------------------------------------------------------------------------

  /**
   * Merges a range and nothing around it; a lazy owner takes the flush.
   *
   * @param gather takes it else
   */
  void mergeInside(long iova, long length, SizeRule rule, IotlbGather gather) {
    IotlbFlushQueue taker = lazy;
    if (taker == null) {
      table.mergeToFit(iova, length, rule, gather);
      return;
    }
    IotlbGather owed = taker.gather();
    try {
      table.mergeToFit(iova, length, rule, owed);
    } finally {
      taker.owes(iova, 0);
    }
  }

  /**
   * Says that no device begins its walk at an earlier top any more, as {@link
   * PageTable#topExchanged} does, and flushes what that owes.
   *
   * @param top what {@link PageTable#top} returned
   */
  public void topExchanged(long top) {
    TableTools tools = takeTools();
    try {
      table.topExchanged(top, tools.gather());
      settle(tools.gather());
    } finally {
      tools.giveBack();
    }
  }

  /**
   * Gives all table pages back.
   *
   * @throws IllegalStateException while it is attached
   */
  @Override
  public void close() {
    if (space.get() != null) {
      throw new IllegalStateException("a table must be detached before it is closed");
    }
    table.close();
  }
}
