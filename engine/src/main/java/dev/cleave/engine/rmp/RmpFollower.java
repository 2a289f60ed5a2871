package dev.cleave.engine.rmp;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.recording.Recording;
import dev.cleave.engine.recording.ShareEvent;
import dev.cleave.engine.recording.UnshareEvent;
import java.lang.foreign.Arena;
import java.util.List;

/**
 * Keeps page tables in step with the RMP while a guest shares and unshares pages: its nested table,
 * the IOMMU tables of its devices, or all of them. What is legal is decided once; a region gets a 2
 * MiB entry only where every table can have a leaf for it.
 *
 * <ol>
 *   <li>The bitmap takes the new state, and with it the rule which leaves are legal.
 *   <li>The tables: leaves that the rule forbids now are split, what may merge is merged, and the
 *       IOTLB is flushed. Where a {@link PageBacking} says that the pages of the change lie
 *       elsewhere from now on, these pages, and no others, are taken out before the flush and
 *       mapped after it. The RMP: 2 MiB entries that become mixed are smashed, pages are unassigned
 *       or assigned. The {@link Order} says which of the two comes first.
 *   <li>Where all of a region is private again the port is asked to unsmash it; only when it agrees
 *       are its leaves merged, and with them the larger leaves around it that this makes possible.
 * </ol>
 *
 * <p>A lazy follower splits at once but only notes where it could merge, and leaves that for {@link
 * #mergeQuiet}.
 *
 * <p>One thread at a time, which is then also the writer of the table. Source: {@code
 * docs/spec/rmp.md} §3, §4.
 */
public final class RmpFollower implements AutoCloseable {
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

  private final FollowedMemory[] tables;
  private final RmpBitmap bitmap;
  private final RmpPort port;
  private final Order order;
  private final boolean isLazy;
  private final Arena arena = Arena.ofShared();
  private final QuietRegions changed;

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
   * A follower of tables that map the same guest memory.
   *
   * @param tables the tables, at least one
   * @param bitmap what is known of the RMP; the follower keeps it up to date from now on
   * @param port what changes the RMP
   * @param flush what flushes the IOTLB, or for a nested table the processors' TLBs
   * @param order what comes first
   * @param isLazy whether merges are left for {@link #mergeQuiet}
   * @throws IllegalArgumentException if there is no table, or guest memory does not fit where it is
   *     to lie in one
   */
  public RmpFollower(
      List<FollowedTable> tables,
      RmpBitmap bitmap,
      RmpPort port,
      IotlbFlush flush,
      Order order,
      boolean isLazy) {
    this(followers(tables, bitmap, flush), bitmap, port, order, isLazy);
  }

  private static FollowedMemory[] followers(
      List<FollowedTable> tables, RmpBitmap bitmap, IotlbFlush flush) {
    if (tables.isEmpty()) {
      throw new IllegalArgumentException("a follower needs at least one table");
    }
    return tables.stream()
        .map(table -> new TableFollower(table, bitmap, flush))
        .toArray(FollowedMemory[]::new);
  }

  /**
   * A follower of guest memory as a whole, such as an I/O address space with all its tables.
   *
   * @param memory what changes its leaves, and flushes
   * @param bitmap what is known of the RMP, whose rule the memory obeys; the follower keeps it up
   *     to date from now on
   * @param port what changes the RMP
   * @param order what comes first
   * @param isLazy whether merges are left for {@link #mergeQuiet}
   */
  public RmpFollower(
      FollowedMemory memory, RmpBitmap bitmap, RmpPort port, Order order, boolean isLazy) {
    this(new FollowedMemory[] {memory}, bitmap, port, order, isLazy);
  }

  private RmpFollower(
      FollowedMemory[] tables, RmpBitmap bitmap, RmpPort port, Order order, boolean isLazy) {
    this.tables = tables;
    this.bitmap = bitmap;
    this.port = port;
    this.order = order;
    this.isLazy = isLazy;
    this.changed = new QuietRegions(regionOf(bitmap.guestBytes() - 1) + 1, arena);
  }

  /**
   * A follower of one table whose iovas are guest physical addresses.
   *
   * @param table the table
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
    this(List.of(FollowedTable.of(table)), bitmap, port, flush, order, isLazy);
  }

  /**
   * The guest shares pages. Those that are shared already stay so.
   *
   * @param gpa first address, a multiple of 4096
   * @param bytes a positive multiple of 4096
   * @throws IllegalArgumentException if the range is misaligned or not all guest memory
   * @throws PageTableException OUT_OF_TABLE_MEMORY; bitmap, tables and RMP are as they were
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
   * @throws PageTableException OUT_OF_TABLE_MEMORY; bitmap, tables and RMP are as they were
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

  /** Whether leaves that are legal under a 2 MiB entry stand, or can be made, in all tables. */
  private boolean canHaveLargeLeaf(long region, boolean asItStands) {
    for (FollowedMemory table : tables) {
      if (!table.canHaveLargeLeaf(region, asItStands)) {
        return false;
      }
    }
    return true;
  }

  /** Brings tables and RMP to what the bitmap says now, or the bitmap back to what it said. */
  private void change() {
    boolean isTableFirst = order == Order.TABLE_FIRST;
    try {
      if (tables.length > 1 || !isTableFirst) { // one alone refuses before it changes
        for (FollowedMemory table : tables) {
          table.reserve(regionStart(first), regionBytes());
        }
      }
      if (isTableFirst) {
        changeTables();
      }
    } catch (PageTableException e) {
      for (FollowedMemory table : tables) {
        table.unreserve();
      }
      bitmap.restore(first, length);
      throw e;
    }
    switch (order) {
      case TABLE_FIRST -> changeRmp();
      case RMP_FIRST -> {
        changeRmp();
        changeTables();
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
    changeTables();
    changeRmp();
  }

  private void changeTables() {
    for (FollowedMemory table : tables) {
      table.split(regionStart(first), regionBytes());
      table.moved(first, length, shares);
    }
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

  private void mergeAround(long gpa, long bytes) {
    for (FollowedMemory table : tables) {
      table.mergeAround(gpa, bytes);
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

  /** Frees what the follower keeps; tables, bitmap and port stay the caller's. */
  @Override
  public void close() {
    for (FollowedMemory table : tables) {
      table.close();
    }
    arena.close();
  }
}
