package dev.cleave.engine.rmp;

import static dev.cleave.engine.format.Geometry.REGION_LOG2;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES_LOG2;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.tableLog2;

import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;

/**
 * Keeps a page table in step with the RMP while a guest shares and unshares pages.
 *
 * <p><em>Share.</em> A region that becomes mixed is split in the table, down to the largest leaves
 * that are still legal, and its 2 MiB RMP entry is smashed; then the pages are unassigned. The
 * {@link Order} says which of the two comes first.
 *
 * <p><em>Unshare.</em> The pages are assigned to the guest. When all of a region is private again
 * the port is asked to unsmash it, and only when it agrees are the region's leaves merged, and with
 * them the larger leaves around it that this makes possible.
 *
 * <p>A lazy follower notes the merges and leaves them for {@link #mergeQuiet}.
 *
 * <p>One thread at a time, which is then also a writer of the table. Source: {@code spec/rmp.md}
 * §3, §4.
 */
public final class RmpFollower {
  private static final long REGION_BYTES = 1L << REGION_LOG2;

  /** What comes first when a region's leaves and its RMP entry have to change. */
  public enum Order {
    /** Split, flush, then smash: in between, small leaves meet a 2 MiB RMP entry. */
    TABLE_FIRST,
    /** Smash, then split and flush: in between, a large leaf meets 4 KiB RMP entries. */
    RMP_FIRST,
    /** Both while DMA is stalled. */
    ATOMIC
  }

  private final PageTable table;
  private final RmpBitmap bitmap;
  private final RmpPort port;
  private final IotlbFlush flush;
  private final Order order;
  private final QuietRegions quiet;
  private final boolean lazy;
  private final IotlbGather gather;
  private final LeafCursor cursor;

  /** The range of the operation under way, for {@link #exchange}. */
  private long gpa;

  private long length;
  private final Runnable exchange = this::splitAndSmash;

  /**
   * A follower that merges as soon as it is legal.
   *
   * @param table whose iovas are guest physical addresses
   * @param bitmap what is known of the RMP; the follower keeps it from now on
   * @param port what changes the RMP
   * @param flush what flushes the IOTLB
   * @param order what comes first
   * @return a follower
   */
  public static RmpFollower eager(
      PageTable table, RmpBitmap bitmap, RmpPort port, IotlbFlush flush, Order order) {
    return new RmpFollower(table, bitmap, port, flush, order, false);
  }

  /**
   * A follower that merges only what {@link #mergeQuiet} finds quiet.
   *
   * @param table whose iovas are guest physical addresses
   * @param bitmap what is known of the RMP; the follower keeps it from now on
   * @param port what changes the RMP
   * @param flush what flushes the IOTLB
   * @param order what comes first
   * @return a follower
   */
  public static RmpFollower lazy(
      PageTable table, RmpBitmap bitmap, RmpPort port, IotlbFlush flush, Order order) {
    return new RmpFollower(table, bitmap, port, flush, order, true);
  }

  private RmpFollower(
      PageTable table,
      RmpBitmap bitmap,
      RmpPort port,
      IotlbFlush flush,
      Order order,
      boolean lazy) {
    this.table = table;
    this.bitmap = bitmap;
    this.port = port;
    this.flush = flush;
    this.order = order;
    this.lazy = lazy;
    this.quiet = new QuietRegions();
    this.gather = table.newGather();
    this.cursor = table.leaves();
  }

  /**
   * The guest shares pages.
   *
   * @param from first gpa, a multiple of 4096
   * @param bytes a positive multiple of 4096
   * @throws IllegalArgumentException if the range is misaligned or not all guest memory
   * @throws dev.cleave.engine.PageTableException OUT_OF_TABLE_MEMORY; bitmap, table and RMP are as
   *     before
   */
  public void share(long from, long bytes) {
    change(from, bytes, true);
  }
}
