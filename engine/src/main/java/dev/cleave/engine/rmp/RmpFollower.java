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
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

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
 * <h2>What throws</h2>
 *
 * <p>The port, the flush and a backing may throw, and a table may refuse. The contract is the same
 * at every step and in every order:
 *
 * <ul>
 *   <li>What has thrown has done nothing: that is asked of {@link RmpPort}, {@link IotlbFlush} and
 *       {@link PageBacking}. Of {@link RmpPort#stalled} it is asked that it lets DMA go on, whether
 *       the change throws or not; of {@link FollowedMemory}, that it goes on where it stood.
 *   <li>If nothing but the bitmap had been changed by then, the bitmap is put back: bitmap, tables
 *       and RMP are as they were, and any call may follow. So it is with a table that is out of
 *       table memory, a port that cannot say whether an entry can be large, and the first of all
 *       instructions where the RMP comes first.
 *   <li>Else the call is <em>{@linkplain #isUnfinished unfinished}</em>. The bitmap has the new
 *       state, what was done stays done, and what is owed stays owed. The same call, made again
 *       with the same arguments, does what is missing, beginning with what threw, and nothing
 *       twice; it may throw again. Until it has returned every other call is refused.
 * </ul>
 *
 * <p>So a caller that repeats a call until it returns comes to where it would have come without a
 * failure, by the same calls of the port, in the same order.
 *
 * <p>One thread at a time, which is then also the writer of the table. Source: {@code
 * docs/spec/rmp.md} §3, §4.
 */
public final class RmpFollower implements AutoCloseable {
  private static final long NONE = -1;

  /** What comes first when a region's leaves and its RMP entry have to change. */
  public enum Order {
    /** Split, flush, then smash: in between, small leaves meet a 2 MiB RMP entry. */
    TABLE_FIRST,
    /** Smash, then split and flush: in between, a large leaf meets 4 KiB RMP entries. */
    RMP_FIRST,
    /**
     * Both while DMA is stalled: where one table is followed by {@link RmpPort#exchange}, if the
     * port can, and what is left in {@link RmpPort#stalled}.
     */
    ATOMIC
  }

  /** A call that may have to be made again. */
  private enum Call {
    SHARE("share(gpa=0x%x, bytes=0x%x)"),
    UNSHARE("unshare(gpa=0x%x, bytes=0x%x)"),
    MERGE_QUIET("mergeQuiet(changes=%d)");

    private final String format;

    Call(String format) {
      this.format = format;
    }
  }

  private final FollowedTables tables;
  private final RmpBitmap bitmap;
  private final boolean isLazy;
  private final Arena arena = Arena.ofShared();
  private final QuietRegions changed;
  private final PageStateChange change;
  private final RegionUnsmash unsmash;

  /** What is under way, or was when something threw; null when all is done. */
  private @Nullable Call unfinished;

  private long argument;
  private long bytesArgument;

  /**
   * The region of a merge under way, or -1; whether it has been unsmashed; how many were before.
   */
  private long quiet = NONE;

  private boolean isUnsmashed;
  private long quietCount;
  private boolean isClosed;

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
    this(FollowedTables.of(tables, bitmap, flush), bitmap, port, order, isLazy);
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
    this(List.of(memory), bitmap, port, order, isLazy);
  }

  /**
   * A follower of guest memory that is there several times, such as in several I/O address spaces.
   *
   * @param memories each changes its leaves, and flushes; at least one
   * @param bitmap what is known of the RMP, whose rule each of them obeys; the follower keeps it up
   *     to date from now on
   * @param port what changes the RMP
   * @param order what comes first
   * @param isLazy whether merges are left for {@link #mergeQuiet}
   * @throws IllegalArgumentException if there is none
   */
  public RmpFollower(
      List<FollowedMemory> memories, RmpBitmap bitmap, RmpPort port, Order order, boolean isLazy) {
    this(FollowedTables.of(memories), bitmap, port, order, isLazy);
  }

  private RmpFollower(
      FollowedTables tables, RmpBitmap bitmap, RmpPort port, Order order, boolean isLazy) {
    Objects.requireNonNull(port, "port must not be null");
    Objects.requireNonNull(order, "order must not be null");
    this.tables = tables;
    this.bitmap = bitmap;
    this.isLazy = isLazy;
    this.changed = new QuietRegions(regionOf(bitmap.guestBytes() - 1) + 1, arena);
    this.unsmash = new RegionUnsmash(this.tables, bitmap, port, order);
    this.change = new PageStateChange(this.tables, bitmap, port, order, isLazy, unsmash);
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
   * @throws IllegalStateException if another call is unfinished, or the follower is closed
   * @throws PageTableException OUT_OF_TABLE_MEMORY; bitmap, tables and RMP are as they were
   */
  public void share(long gpa, long bytes) {
    ShareEvent event = Recording.ofShares() ? new ShareEvent() : null;
    if (isNew(Call.SHARE, gpa, bytes)) {
      change.beginShare(gpa, bytes);
      unfinished = Call.SHARE;
    }
    runChange();
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
   * @throws IllegalStateException if another call is unfinished, or the follower is closed
   * @throws PageTableException OUT_OF_TABLE_MEMORY; bitmap, tables and RMP are as they were
   */
  public void unshare(long gpa, long bytes) {
    UnshareEvent event = Recording.ofUnshares() ? new UnshareEvent() : null;
    if (isNew(Call.UNSHARE, gpa, bytes)) {
      change.beginUnshare(gpa, bytes);
      unfinished = Call.UNSHARE;
    }
    runChange();
    if (event != null) {
      event.done(gpa, bytes);
    }
  }

  /**
   * Whether a call is to begin, not to go on.
   *
   * @throws IllegalStateException if another one is unfinished
   */
  private boolean isNew(Call call, long first, long second) {
    if (isClosed) {
      throw new IllegalStateException("the RMP follower is closed");
    }
    if (unfinished == null) {
      argument = first;
      bytesArgument = second;
      return true;
    }
    if (unfinished != call || argument != first || bytesArgument != second) {
      throw new IllegalStateException(
          unfinishedCall() + " is unfinished: the same call is to be made again before any other");
    }
    return false;
  }

  private void runChange() {
    try {
      change.run();
    } catch (RuntimeException | Error e) {
      if (change.canBeTakenBack()) {
        change.takeBack();
        unfinished = null;
      }
      throw e;
    }
    unfinished = null;
    changed.tick();
    if (isLazy) {
      long last = regionOf(argument + bytesArgument - 1);
      for (long region = regionOf(argument); region <= last; region++) {
        changed.note(region);
      }
    }
  }

  /**
   * Merges what has been quiet for a while.
   *
   * @param changes how many calls of {@link #share} and {@link #unshare} ago a region must have
   *     changed last
   * @return number of regions looked at
   * @throws IllegalStateException if another call is unfinished, or the follower is closed
   */
  public long mergeQuiet(long changes) {
    if (isNew(Call.MERGE_QUIET, changes, 0)) {
      quietCount = 0;
      quiet = changed.takeQuiet(changes);
    }
    unfinished = Call.MERGE_QUIET;
    while (quiet != NONE) {
      long gpa = quiet << REGION_LOG2;
      if (!isUnsmashed) {
        unsmash.run(gpa);
        isUnsmashed = true;
      }
      tables.mergeAround(gpa, REGION_BYTES);
      isUnsmashed = false;
      quietCount++;
      quiet = changed.takeQuiet(changes);
    }
    unfinished = null;
    return quietCount;
  }

  /**
   * {@return whether the last call threw when something had been changed already, so that it is to
   * be made again}
   */
  public boolean isUnfinished() {
    return unfinished != null;
  }

  private String unfinishedCall() {
    return unfinished == null
        ? ""
        : String.format(Locale.ROOT, unfinished.format, argument, bytesArgument);
  }

  private static long regionOf(long gpa) {
    return gpa >>> REGION_LOG2;
  }

  /** {@return for a person: what is followed, and what is unfinished} */
  @Override
  public String toString() {
    return "RmpFollower[%s%s%s]"
        .formatted(
            bitmap,
            isClosed ? ", closed" : "",
            unfinished == null ? "" : ", unfinished " + unfinishedCall());
  }

  /**
   * Flushes what is still owed and frees what the follower keeps; tables, bitmap and port stay the
   * caller's. What is unfinished stays so for ever. Closing it again flushes what was owed when the
   * flush threw, and else does nothing.
   */
  @Override
  public void close() {
    if (!isClosed) {
      isClosed = true;
      arena.close();
    }
    tables.close();
  }
}
