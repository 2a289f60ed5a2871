package dev.cleave.engine.rmp;

import static dev.cleave.engine.format.Geometry.REGION_LOG2;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES_LOG2;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.tableLog2;

import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.recording.FlushEvent;
import dev.cleave.engine.recording.Recording;
import dev.cleave.engine.recording.ShareEvent;
import dev.cleave.engine.recording.UnshareEvent;
import java.lang.foreign.Arena;

/**
 * Keeps a page table in step with the RMP while a guest shares and unshares pages.
 *
 * <ol>
 *   <li>The bitmap takes the new state, and with it the rule which leaves are legal.
 *   <li>The table: leaves that the rule forbids now are split, what may merge is merged, and the
 *       IOTLB is flushed. The RMP: 2 MiB entries that become mixed are smashed, pages are
 *       unassigned or assigned. The {@link Order} says which of the two comes first.
 *   <li>Where all of a region is private again the port is asked to unsmash it; only when it agrees
 *       are its leaves merged, and with them the larger leaves around it that this makes possible.
 * </ol>
 *
 * <p>A lazy follower splits at once but only notes where it could merge, and leaves that for {@link
 * #mergeQuiet}.
 *
 * <p>One thread at a time, which is then also the writer of the table. Source: {@code spec/rmp.md}
 * §3, §4.
 */
public final class RmpFollower implements AutoCloseable {
  private static final long REGION_BYTES = 1L << REGION_LOG2;
  private static final long REGION_MASK = REGION_BYTES - 1;

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
  private final boolean isLazy;
  private final Arena arena = Arena.ofShared();
  private final QuietRegions changed;
  private final IotlbGather gather;
  private final LeafCursor cursor;

  /** The change under way: its range, and what the RMP needs for it. */
  private long first;

  private long length;
  private boolean shares;
  private boolean smashesFirstRegion;
  private boolean smashesLastRegion;
  private final Runnable both = this::changeBoth;

  /** The region under way that is private again. */
  private long unsmashed;

  private final Runnable unsmashThenMerge = this::unsmashThenMerge;

  /**
   * A follower of one table.
   *
   * @param table whose iovas are guest physical addresses
   * @param bitmap what is known of the RMP; the follower keeps it up to date from now on
   * @param port what changes the RMP
   * @param flush what flushes the IOTLB
   * @param order what comes first
   * @param isLazy whether merges are left for {@link #mergeQuiet}
   */
  public RmpFollower(
      PageTable table,
      RmpBitmap bitmap,
      RmpPort port,
      IotlbFlush flush,
      Order order,
      boolean isLazy) {
    this.table = table;
    this.bitmap = bitmap;
    this.port = port;
    this.flush = flush;
    this.order = order;
    this.isLazy = isLazy;
    this.changed = new QuietRegions(regionOf(bitmap.guestBytes() - 1) + 1, arena);
    this.gather = table.newGather();
    this.cursor = table.leaves();
  }

  /**
   * The guest shares pages. Those that are shared already stay so.
   *
   * @param gpa first address, a multiple of 4096
   * @param bytes a positive multiple of 4096
   * @throws IllegalArgumentException if the range is misaligned or not all guest memory
   * @throws PageTableException OUT_OF_TABLE_MEMORY; bitmap, table and RMP are as they were
   */
  public void share(long gpa, long bytes) {
    ShareEvent event = Recording.ofShares() ? new ShareEvent() : null;
    begin(gpa, bytes, true);
    long lastRegion = regionStart(gpa + bytes - 1);
    smashesFirstRegion = !isWholeRegion(regionStart(gpa)) && bitmap.isLarge(gpa);
    smashesLastRegion =
        lastRegion != regionStart(gpa) && !isWholeRegion(lastRegion) && bitmap.isLarge(lastRegion);
    bitmap.share(gpa, bytes);
    change();
    if (event != null) {
      event.done(gpa, bytes);
    }
  }

  /**
   * The guest takes pages back. Those that are private already stay so.
   *
   * @param gpa first address, a multiple of 4096
   * @param bytes a positive multiple of 4096
   * @throws IllegalArgumentException if the range is misaligned or not all guest memory
   * @throws PageTableException OUT_OF_TABLE_MEMORY; bitmap, table and RMP are as they were
   */
  public void unshare(long gpa, long bytes) {
    UnshareEvent event = Recording.ofUnshares() ? new UnshareEvent() : null;
    begin(gpa, bytes, false);
    smashesFirstRegion = false;
    smashesLastRegion = false;
    bitmap.unshare(gpa, bytes);
    chooseLarge();
    change();
    unsmash(regionStart(gpa), regionStart(gpa + bytes - 1));
    if (event != null) {
      event.done(gpa, bytes);
    }
  }

  private void begin(long gpa, long bytes, boolean isShare) {
    bitmap.save(gpa, bytes);
    first = gpa;
    length = bytes;
    shares = isShare;
    changed.tick();
  }

  /**
   * Which regions get 2 MiB entries at once: those that were all shared. Where a page was private
   * before it has an entry of its own, which stays.
   */
  private void chooseLarge() {
    long end = first + length;
    for (long at = first, runEnd; at < end; at = runEnd) {
      runEnd = bitmap.savedRunEnd(at, end);
      for (long region = regionStart(at + REGION_MASK);
          bitmap.wasShared(at) && region + REGION_BYTES <= runEnd;
          region += REGION_BYTES) {
        if (canHaveLargeLeaf(region, isLazy) && port.canBeLarge(region, REGION_BYTES)) {
          bitmap.setLarge(region, REGION_BYTES, true);
        }
      }
    }
  }

  /**
   * Whether leaves that are legal under a 2 MiB entry stand in a region, or can be made there. What
   * maps only a part of the region, or in pieces, needs entries of 4 KiB.
   */
  private boolean canHaveLargeLeaf(long region, boolean asItStands) {
    boolean isMapped = cursor.over(region, region + REGION_MASK).advance();
    return !isMapped
        || cursor.sizeLog2() >= REGION_LOG2
        || (!asItStands && table.isMergeable(region, gather));
  }

  /** Brings table and RMP to what the bitmap says now, or the bitmap back to what it said. */
  private void change() {
    try {
      table.reserveToFit(regionStart(first), regionBytes(), bitmap.rule(), gather);
      if (order == Order.TABLE_FIRST) {
        changeTable();
      }
    } catch (PageTableException e) {
      bitmap.restore(first, length);
      throw e;
    }
    switch (order) {
      case TABLE_FIRST -> changeRmp();
      case RMP_FIRST -> {
        changeRmp();
        changeTable();
      }
      case ATOMIC -> port.stalled(both);
    }
    if (isLazy) {
      note(regionStart(first), regionStart(first + length - 1));
    } else if (anyAllowsLarge()) {
      mergeAround(first, length);
    }
  }

  /** Whether a region of the change may have become part of a larger leaf. */
  private boolean anyAllowsLarge() {
    long last = first + length - 1;
    return bitmap.allowsLarge(first) || bitmap.rule().segmentLast(first, last) != last;
  }

  /** Bytes of all the regions that the change touches. */
  private long regionBytes() {
    return regionStart(first + length - 1) - regionStart(first) + REGION_BYTES;
  }

  private void changeBoth() {
    changeTable();
    changeRmp();
  }

  private void changeTable() {
    table.splitToFit(regionStart(first), regionBytes(), bitmap.rule(), gather);
    settle();
  }

  private void changeRmp() {
    if (smashesFirstRegion) {
      port.smash(regionStart(first));
    }
    if (smashesLastRegion) {
      port.smash(regionStart(first + length - 1));
    }
    long end = first + length;
    for (long at = first, runEnd; at < end; at = runEnd) {
      runEnd = bitmap.savedRunEnd(at, end);
      if (bitmap.wasShared(at) == shares) {
        continue; // as it should be; an RMPUPDATE would take the guest's validation away
      }
      if (shares) {
        port.unassign(at, runEnd - at);
      } else {
        assign(at, runEnd);
      }
    }
  }

  /** Assigns pages that were shared, by runs of regions that get 2 MiB entries and of others. */
  private void assign(long from, long end) {
    for (long at = from, next; at < end; at = next) {
      boolean isLarge = bitmap.isLarge(at);
      next = at;
      while (next < end && bitmap.isLarge(next) == isLarge) {
        next = Math.min(regionStart(next) + REGION_BYTES, end);
      }
      port.assign(at, next - at, isLarge);
    }
  }

  /** Asks for 2 MiB entries where a change left regions that are private and do not have one. */
  private void unsmash(long firstRegion, long lastRegion) {
    if (isLazy) {
      return;
    }
    for (long region = firstRegion; region <= lastRegion; region += REGION_BYTES) {
      if (canUnsmash(region)) {
        unsmashAndMerge(region);
      }
    }
  }

  private boolean canUnsmash(long region) {
    return region + REGION_BYTES <= bitmap.guestBytes()
        && bitmap.isPrivate(region)
        && !bitmap.isLarge(region)
        && canHaveLargeLeaf(region, false)
        && port.canBeLarge(region, REGION_BYTES);
  }

  private void unsmashAndMerge(long region) {
    unsmashed = region;
    if (order == Order.ATOMIC) {
      port.stalled(unsmashThenMerge);
    } else {
      unsmashThenMerge();
    }
  }

  private void unsmashThenMerge() {
    if (port.unsmash(unsmashed)) {
      bitmap.setLarge(unsmashed, REGION_BYTES, true);
      mergeAround(unsmashed, REGION_BYTES);
    }
  }

  /**
   * Merges what has been quiet for a while.
   *
   * @param changes how many calls of {@link #share} and {@link #unshare} ago a region must have
   *     changed last
   * @return number of regions looked at
   */
  public long mergeQuiet(long changes) {
    long count = 0;
    for (long region = changed.takeQuiet(changes);
        region >= 0;
        region = changed.takeQuiet(changes)) {
      long gpa = region << REGION_LOG2;
      if (canUnsmash(gpa)) {
        unsmashAndMerge(gpa);
      }
      mergeAround(gpa, REGION_BYTES);
      count++;
    }
    return count;
  }

  private void note(long firstRegion, long lastRegion) {
    for (long region = regionOf(firstRegion); region <= regionOf(lastRegion); region++) {
      changed.note(region);
    }
  }

  /**
   * Merges a range, and then what lies around it as long as that can have become part of something
   * larger: first the gigabytes it lies in, then the tables of gigabytes, and so on.
   */
  private void mergeAround(long gpa, long bytes) {
    long last = gpa + bytes - 1;
    int most = Math.min(tableLog2(table.levels()), Long.SIZE - 1);
    long iovaLast = offsetMask(Math.min(table.config().iovaBits(), Long.SIZE - 1));
    for (int log2 = REGION_LOG2; log2 <= most; log2 += TABLE_ENTRIES_LOG2) {
      long from = gpa & ~offsetMask(log2);
      long to = Math.min(last | offsetMask(log2), iovaLast);
      table.mergeToFit(from, to - from + 1, bitmap.rule(), gather);
      if (leafLog2(gpa) < log2 && leafLog2(last) < log2) {
        break;
      }
    }
    settle();
  }

  private int leafLog2(long iova) {
    return table.leafAt(iova, cursor) ? cursor.sizeLog2() : 0;
  }

  private void settle() {
    if (!gather.isEmpty()) {
      FlushEvent event = Recording.ofFlushes() ? new FlushEvent() : null;
      flush.flush(table, gather);
      if (event != null) {
        event.done(gather);
      }
      gather.complete();
    }
  }

  private boolean isWholeRegion(long region) {
    return region >= first && region + REGION_BYTES <= first + length;
  }

  private static long regionOf(long gpa) {
    return gpa >>> REGION_LOG2;
  }

  private static long regionStart(long gpa) {
    return gpa & ~REGION_MASK;
  }

  /** Frees what the follower keeps; table, bitmap and port stay the caller's. */
  @Override
  public void close() {
    settle();
    arena.close();
  }
}
