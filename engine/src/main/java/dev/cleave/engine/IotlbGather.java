package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.memory.TablePages.NONE;

import com.google.errorprone.annotations.CheckReturnValue;
import dev.cleave.engine.memory.TablePages;

/**
 * What is owed after translations changed: the ranges to flush from the IOTLB, and the table pages
 * that may be reused once that is done.
 *
 * <h2>The protocol</h2>
 *
 * <ol>
 *   <li><em>Gather.</em> One or more operations of one writer put into it what they owe.
 *   <li><em>Flush.</em> Flush commands are issued for every range, with cached directories when
 *       {@link #hasTables} says so. From here until step 3 no operation may be given this gather;
 *       {@link #seal} makes sure of it. The writer goes on with another one: any number of gathers
 *       of a table may be under way, also for the same range.
 *   <li><em>Complete.</em> When all of its flush commands have completed, {@link #complete} is
 *       called, by any thread, beside whatever the writers do meanwhile, and in any order among
 *       gathers.
 *   <li><em>Free.</em> {@code complete} gives the pages back to the pool and makes the gather empty
 *       again.
 * </ol>
 *
 * <p>Each gather pays for its own pages: they are out of the tree before its flush begins, so
 * nothing but that flush is needed to reuse them. What a caller concludes of <em>translations</em>
 * needs more: a flush names leaves as they were when it was gathered, and a larger leaf that was
 * split before may still be cached because of an earlier gather whose flush has not been issued. So
 * flush commands are to be issued in the order of the operations, as a command queue does by
 * itself. An address is out of use, or a page that was read as dirty is being watched again, when
 * the flushes of its own operation and of all earlier ones have completed.
 *
 * <h2>Late status bits</h2>
 *
 * <p>A hardware walker may set accessed and dirty bits in a table that a merge has replaced, until
 * the flush completes; {@code complete} carries them over to the leaves around the same addresses
 * that lead to the same memory by then, larger or smaller. They are dropped where that memory has
 * been unmapped. What is read of dirty bits between the merge and {@code complete} lacks them: they
 * come with the next pass, and with them, once more, bits that stood in the replaced table before
 * the merge. So the last pass of all is to be made when every gather has been completed.
 *
 * <h2>Ranges</h2>
 *
 * <p>Every range is made of whole old leaves: an aligned power-of-two piece of it never cuts one in
 * two when the piece cannot be made larger, so {@link #forEachBlock} names flush commands that are
 * never smaller than the leaf that was there before. A gather remembers up to {@value #MAX_RANGES}
 * ranges; beyond that it joins those that lie closest, which flushes more than it must.
 *
 * <p>Belongs to one thread at a time. Sealing it hands it over to the thread that completes it, and
 * completing it hands it back, with all that was written before; without {@code seal} the caller
 * orders that. The table that made it refuses to be closed silently while it owes anything.
 */
@CheckReturnValue
public final class IotlbGather {
  /** Ranges remembered exactly. */
  public static final int MAX_RANGES = 32;

  private final TablePages pages;
  private final WaitingTables waitingTables;
  private final StatusCarrier status;

  /** What the operations of its writer need for themselves. */
  final Workspace workspace;

  private final long[] first = new long[MAX_RANGES];
  private final long[] last = new long[MAX_RANGES];
  private int ranges;

  /** The range added to last: leaves come slot by slot, and must not be divided among ranges. */
  private int latest;

  /** The range that begins last of all. */
  private int highest;

  /** Pages whose leaves became one leaf, or part of one: a list with links in one direction. */
  private long merged = NONE;

  private long mergedPages;

  /** Tables that were taken out, and may be taken back by anybody. */
  final WaitingList tables;

  /**
   * Whether its flush is under way: written last by who hands it over, read first by who gets it.
   */
  private volatile boolean isSealed;

  /** Entries that were written to tables that became leaves, for {@link TableStatistics}. */
  private long stores;

  /** Whether ranges beyond the most become one, rather than join the closest. */
  private final boolean isCoarse;

  IotlbGather(
      int number, TableTree tree, StatusCarrier status, Workspace.Parts parts, boolean isCoarse) {
    this.isCoarse = isCoarse;
    this.pages = tree.pages;
    this.waitingTables = tree.waiting;
    this.status = status;
    this.tables = new WaitingList(number, tree, status);
    this.workspace = new Workspace(parts, this);
  }

  /** Whether this gather takes the debts of a table. */
  boolean isOf(WaitingTables tables) {
    return waitingTables == tables;
  }

  /** Takes an aligned block, such as one flush command can name. */
  @FunctionalInterface
  public interface BlockVisitor {
    /**
     * One block.
     *
     * @param iova its first address, aligned to its size
     * @param sizeLog2 logarithm of its bytes, 12 to 64
     */
    void visit(long iova, int sizeLog2);
  }

  /** Records that leaves in a range changed; both ends are ends of old leaves, or of holes. */
  void add(long from, long to) {
    if (ranges > 0) {
      long follows = last[latest] + 1; // 0 behind the end of all addresses, where nothing follows
      boolean touches =
          (follows == 0 || Long.compareUnsigned(from, follows) <= 0)
              && (to == -1L || Long.compareUnsigned(to + 1, first[latest]) >= 0);
      if (touches) {
        widen(latest, from, to);
        return;
      }
    }
    if (ranges == MAX_RANGES) {
      if (!isCoarse) {
        widenClosest(from, to);
        return;
      }
      joinAll();
      add(from, to);
      return;
    }
    latest = ranges++;
    first[latest] = from;
    last[latest] = to;
    if (latest == 0 || Long.compareUnsigned(from, first[highest]) > 0) {
      highest = latest;
    }
  }

  /** Records that 4 KiB pages changed, one for each bit, the lowest for the one at an address. */
  void addPages(long iova, long pages) {
    if (ranges == MAX_RANGES && !isCoarse && latest == highest && isBehindAll(iova)) {
      // each would join this range: one pass over memory comes in order (DirtySweep, 10 % dirty)
      last[highest] = pageAt(iova, Long.SIZE - Long.numberOfLeadingZeros(pages)) - 1;
      return;
    }
    long left = pages;
    while (left != 0) {
      int from = Long.numberOfTrailingZeros(left);
      int run = Long.numberOfTrailingZeros(~(left >>> from));
      add(pageAt(iova, from), pageAt(iova, from + run) - 1);
      left &= ~(-1L >>> (Long.SIZE - run) << from);
    }
  }

  private static long pageAt(long iova, int pages) {
    return iova + ((long) pages << PAGE_LOG2);
  }

  /** Whether what begins at an address joins the range that begins last of all. */
  private boolean isBehindAll(long from) {
    return Long.compareUnsigned(from, last[highest]) > 0;
  }

  /**
   * What comes next may well lie inside, which costs two comparisons and not {@value #MAX_RANGES}.
   */
  private void joinAll() {
    for (int i = 1; i < MAX_RANGES; i++) {
      first[0] = Unsigned.min(first[0], first[i]);
      last[0] = Unsigned.max(last[0], last[i]);
    }
    ranges = 1;
    latest = 0;
    highest = 0;
  }

  private void widen(int range, long from, long to) {
    boolean isLower = Long.compareUnsigned(from, first[range]) < 0;
    first[range] = Unsigned.min(first[range], from);
    last[range] = Unsigned.max(last[range], to);
    if (isLower && range == highest) {
      highest = 0;
      for (int i = 1; i < ranges; i++) {
        highest = Long.compareUnsigned(first[i], first[highest]) > 0 ? i : highest;
      }
    }
  }

  private void widenClosest(long from, long to) {
    latest = closest(from, to);
    widen(latest, from, to);
  }

  private int closest(long from, long to) {
    // One pass over memory comes in order, and need not look at all (DirtySweep, 10 % dirty): what
    // begins behind all ranges, and ends there, is closest to the one that begins last.
    if (Long.compareUnsigned(from, first[highest]) >= 0
        && Long.compareUnsigned(to, last[highest]) >= 0) {
      return highest;
    }
    int closest = 0;
    long least = -1;
    for (int i = 0; i < ranges; i++) {
      long hull = Unsigned.max(last[i], to) - Unsigned.min(first[i], from);
      if (Long.compareUnsigned(hull, least) < 0) {
        least = hull;
        closest = i;
      }
    }
    return closest;
  }

  /** Takes a page whose leaves became one leaf, or part of one; it has its tag. */
  void detachMerged(long page) {
    stores += pages.stores(page);
    pages.setLinks(page, merged, NONE);
    merged = page;
    mergedPages++;
  }

  /** {@return whether nothing is owed: true for a new gather and after {@link #complete}} */
  public boolean isEmpty() {
    return ranges == 0 && !hasTables();
  }

  /**
   * {@return number of ranges to flush, 0 to {@value #MAX_RANGES}} They may overlap and come in no
   * order.
   */
  public int rangeCount() {
    return ranges;
  }

  /**
   * First address of a range.
   *
   * @param range 0 to {@link #rangeCount} - 1
   * @return an iova
   */
  public long rangeFirst(int range) {
    return first[checked(range)];
  }

  /**
   * Last address of a range, inclusive.
   *
   * @param range 0 to {@link #rangeCount} - 1
   * @return an iova
   */
  public long rangeLast(int range) {
    return last[checked(range)];
  }

  private int checked(int range) {
    if (range < 0 || range >= ranges) {
      throw new IndexOutOfBoundsException(
          "a range is numbered 0 to %d, range=%d".formatted(ranges - 1, range));
    }
    return range;
  }

  /**
   * {@return whether tables were unlinked, so that the flush must name cached directories as well}
   */
  public boolean hasTables() {
    return merged != NONE || tables.pages() != 0;
  }

  /** {@return number of table pages that wait for the flush} */
  public long tablePages() {
    return mergedPages + tables.pages();
  }

  /**
   * Cuts the ranges into the fewest aligned power-of-two blocks.
   *
   * @param visitor called for each block
   */
  public void forEachBlock(BlockVisitor visitor) {
    for (int i = 0; i < ranges; i++) {
      long at = first[i];
      while (true) {
        int sizeLog2 = LeafSizes.covering(at, at, last[i], 0, -1L);
        if (at == 0 && last[i] == -1L) {
          sizeLog2 = Long.SIZE;
        }
        visitor.visit(at, sizeLog2);
        long end = sizeLog2 == Long.SIZE ? -1L : at + (1L << sizeLog2) - 1;
        if (end == last[i]) {
          break;
        }
        at = end + 1;
      }
    }
  }

  /**
   * Says that the flush begins: until {@link #complete} every operation that is given this gather
   * is refused. A caller who flushes and completes before the next operation needs no seal.
   */
  public void seal() {
    isSealed = true;
  }

  /**
   * {@return whether its flush is under way: true between {@link #seal} and the end of {@link
   * #complete}}
   */
  public boolean isSealed() {
    return isSealed;
  }

  /**
   * Ends what was owed: to be called when the flush of all ranges has completed. Accessed and dirty
   * bits that arrived in merged tables are carried over, and the pages go back to the pool.
   */
  public void complete() {
    boolean wasSealed = isSealed;
    if (hasTables()) {
      releasePages();
    }
    ranges = 0;
    if (wasSealed) {
      isSealed = false;
    }
  }

  private void releasePages() {
    for (long page = merged; page != NONE; page = pages.next(page)) {
      status.carry(page, pages.place(page));
    }
    pages.reclaim();
    if (merged != NONE) {
      pages.releaseAll(merged);
    }
    merged = NONE;
    mergedPages = 0;
    tables.release();
  }

  /** {@return for a person: the ranges to flush, the pages that wait, whether it is sealed} */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("IotlbGather[");
    for (int i = 0; i < ranges; i++) {
      text.append("0x%x..0x%x, ".formatted(first[i], last[i]));
    }
    return text.append("%d pages waiting%s]".formatted(tablePages(), isSealed ? ", sealed" : ""))
        .toString();
  }

  /** Entries that were written to tables that it has taken so far. */
  long stores() {
    return stores + tables.stores();
  }
}
