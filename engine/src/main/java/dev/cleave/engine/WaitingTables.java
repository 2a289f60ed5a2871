package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.tableLog2;
import static dev.cleave.engine.memory.TableEntries.slotAt;
import static dev.cleave.engine.memory.TablePages.NONE;

import dev.cleave.engine.memory.TablePages;
import java.util.Arrays;
import java.util.function.IntFunction;

/**
 * The tables that an unmap has emptied and whose flush is outstanding. Until then a device may
 * remember the directory that led to one of them, and looks for the addresses of its span in it and
 * nowhere else.
 *
 * <ol>
 *   <li>A table that became empty is <em>taken out</em> under its lock: it gets a tag instead of
 *       its place, so that nobody finds it where it was, and is strung to the gather that owes the
 *       flush.
 *   <li>Its directory becomes a <em>remnant</em> under the lock of the table that it stands in, its
 *       parent: a hole for hardware that still names the page.
 *   <li>Who needs a table where a remnant is takes back that very page, empty: so devices that
 *       remember it are right again, and the gather does not wait for it any more.
 *   <li>Who puts a larger leaf over a remnant fills the waiting table with leaves that translate
 *       alike. It is a <em>shadow</em> from then on: it goes on waiting, and bits that hardware
 *       sets in it are carried to the larger leaf.
 *   <li>When the flush has completed the remnant is erased, under the parent's lock again, and the
 *       page put back.
 * </ol>
 *
 * <p>A table that is taken out with all that is below it stays as it is. What it shows was unmapped
 * and has not been flushed, so that a device may see it still; only where it had holes it has to be
 * filled or taken back. What its directories lead to has tags, but is not strung: it goes where the
 * table above goes (that, and no list, is what keeps an unmap of 2 GiB at 19 ns a table: benchmark
 * {@code BulkRange}). Before such a table changes, it is <em>parted</em>: what is right below it is
 * strung, and waits for itself. So in a waiting table a directory leads to what goes with it, and a
 * remnant to what waits for itself.
 *
 * <p>A waiting table is reached only through its parent, so whoever has locked the parent has it. A
 * list of waiting tables has a lock of its own, for which nobody waits while holding another such
 * lock; in it nobody waits for anything. Thread-safe.
 */
final class WaitingTables {
  /** Three ones, which no place ends in; the level follows, and the first address. */
  private static final long TAG = 7;

  /** The tag of a table that waits no more: of no level, as no other is. */
  static final long NOWHERE = TAG;

  private static final int TAG_LEVEL_SHIFT = 3;
  private static final int TAG_LEVEL_MASK = 7;

  private final TableTree tree;
  private final TablePages pages;
  private final EntryMasks masks;

  /** By their numbers, so that a page need not remember more. */
  private volatile IotlbGather[] gathers = {};

  WaitingTables(TableTree tree) {
    this.tree = tree;
    this.pages = tree.pages;
    this.masks = tree.masks;
  }

  // ---- gathers -------------------------------------------------------------------------------

  /** Makes a gather, which is known by its number from then on. */
  synchronized IotlbGather add(IntFunction<IotlbGather> make) {
    IotlbGather[] all = Arrays.copyOf(gathers, gathers.length + 1);
    IotlbGather gather = make.apply(gathers.length);
    all[gathers.length] = gather;
    gathers = all;
    return gather;
  }

  /** All gathers of the table, of which some may owe nothing. */
  IotlbGather[] gathers() {
    return gathers;
  }

  /** Pages that wait for flushes of this table, for a person to read. */
  long pages() {
    long waiting = 0;
    for (IotlbGather gather : gathers) {
      waiting += gather.tablePages();
    }
    return waiting;
  }

  // ---- tags ----------------------------------------------------------------------------------

  /** What a detached table is found by. */
  static long tag(long iova, int level) {
    int log2 = tableLog2(level);
    long first = log2 < Long.SIZE ? iova & -1L << log2 : 0;
    return first | (long) level << TAG_LEVEL_SHIFT | TAG;
  }

  static int tagLevel(long tag) {
    return (int) (tag >>> TAG_LEVEL_SHIFT) & TAG_LEVEL_MASK;
  }

  static long tagFirst(long tag) {
    return tag & -(long) PAGE_BYTES;
  }

  // ---- taking out ----------------------------------------------------------------------------

  /**
   * Takes out a locked table, and unlocks it. Its directory is still to be {@linkplain #unlink
   * unlinked}.
   *
   * @param parent the table that it stands in, or {@link TablePages#NONE}
   */
  void takeOut(long table, int level, long iova, long parent, IotlbGather gather) {
    gather.tables.string(table, parent);
    gather.tables.publish();
    abandon(table, level, iova, 0);
  }

  /**
   * As {@link #takeOut}, together with what is below; {@link WaitingList#publish} is to follow
   * before others can see it.
   *
   * @param below pages that go with it
   */
  void takeOutWhole(long table, int level, long iova, long parent, long below, IotlbGather gather) {
    gather.tables.string(table, parent);
    abandon(table, level, iova, below);
  }

  /** Takes out a locked table that stands in one which is taken out whole, and unlocks it. */
  void takeAlong(long table, int level, long iova, long below, IotlbGather gather) {
    gather.tables.takeAlong(table);
    abandon(table, level, iova, below);
  }

  private void abandon(long table, int level, long iova, long below) {
    if (level > 1) {
      pages.setBelow(table, below);
    }
    pages.abandon(table, tag(iova, level));
  }

  /** Makes a remnant of a directory whose table has been taken out; its parent is locked. */
  void unlink(long parent, long slot, long directory) {
    long table = masks.tablePaddr(directory);
    pages.setHolder(table, pages.gather(table), parent);
    pages.storeRelease(slot, masks.remnant(directory));
    pages.count(parent, -1, 1);
  }

  /** Whether a table that a locked parent points at has been taken out. */
  boolean isWaiting(long table, long iova, int level) {
    return pages.place(table) == tag(iova, level);
  }

  // ---- remnants ------------------------------------------------------------------------------

  /** Whether an entry of a waiting or of a locked table in use leads to a waiting table. */
  boolean leadsToWaiting(long entry, int level, boolean inWaiting) {
    return level > 1
        && (masks.isPresent(entry)
            ? inWaiting && !masks.isLeaf(entry, level)
            : masks.isRemnant(entry));
  }

  /**
   * Locks what waits below a range of a locked table, but for leaf tables, which nobody touches
   * without the lock of their parent. {@link #unlockBelow} is to follow, for what has not been
   * taken back or overlaid.
   */
  void lockBelow(long table, int level, long first, long last, boolean inWaiting) {
    if (isBlank(table, level, first, last)) {
      return;
    }
    long mask = offsetMask(entryLog2(level));
    for (long at = first; ; at = (at | mask) + 1) {
      long end = Unsigned.min(at | mask, last);
      long entry = pages.loadAcquire(slotAt(table, index(at, level)));
      if (leadsToWaiting(entry, level, inWaiting)) {
        long child = masks.tablePaddr(entry);
        lock(child, at, level - 1);
        lockBelow(child, level - 1, at, end, true);
      }
      if (end == last) {
        return;
      }
    }
  }

  /** Unlocks what {@link #lockBelow} has locked. */
  void unlockBelow(long table, int level, long first, long last, boolean inWaiting) {
    if (isBlank(table, level, first, last)) {
      return;
    }
    long mask = offsetMask(entryLog2(level));
    for (long at = first; ; at = (at | mask) + 1) {
      long end = Unsigned.min(at | mask, last);
      long entry = pages.loadAcquire(slotAt(table, index(at, level)));
      if (leadsToWaiting(entry, level, inWaiting)) {
        long child = masks.tablePaddr(entry);
        unlockBelow(child, level - 1, at, end, true);
        pages.unlock(child);
      }
      if (end == last) {
        return;
      }
    }
  }

  /** Whether nothing in a range can lead to a table that needs a lock. */
  private boolean isBlank(long table, int level, long first, long last) {
    int from = index(first, level);
    return level < 3 || !pages.anyHas(table, from, index(last, level) - from + 1, -1L);
  }

  private void lock(long table, long iova, int level) {
    boolean isThere = pages.lock(table, tag(iova, level));
    assert isThere : "a remnant leads to a table that does not wait, table=" + table;
  }

  // ---- taking back ---------------------------------------------------------------------------

  /**
   * Takes a table back for the use that it had. Its parent is locked, and so is the table if {@link
   * #lockBelow} reached it. It is locked then, has no entries, and is still to be published.
   *
   * @param remnant what stands in its slot
   * @param level of the table
   * @param isFilled whether all of a leaf table is going to be written anyhow
   * @return its physical address
   */
  long takeBack(long remnant, long iova, int level, boolean isFilled) {
    long table = masks.tablePaddr(remnant);
    if (level == 1) {
      lock(table, iova, 1);
    }
    part(table, level);
    gathers[pages.gather(table)].tables.unstring(table);
    if (pages.live(table) != 0 && !(level == 1 && isFilled)) {
      empty(table, level);
    }
    pages.reuse(table, tree.place(iova, level));
    return table;
  }

  /** Makes holes of what was taken out as it stood; the tables below it wait on. */
  private void empty(long table, int level) {
    if (level == 1) {
      pages.zero(table, 0, TABLE_ENTRIES);
      return;
    }
    for (int i = 0; i < TABLE_ENTRIES; i++) {
      long slot = slotAt(table, i);
      long entry = pages.loadAcquire(slot);
      if (masks.isPresent(entry)) {
        pages.storeRelease(slot, masks.isLeaf(entry, level) ? 0 : masks.remnant(entry));
      }
    }
  }

  /** Has all that goes with a locked waiting table, and stands in it, wait for itself. */
  private void part(long table, int level) {
    if (level == 1 || pages.below(table) == 0) {
      return;
    }
    int gather = pages.gather(table);
    long head = NONE;
    long tail = NONE;
    for (int i = 0; i < TABLE_ENTRIES; i++) {
      long entry = pages.loadAcquire(slotAt(table, i));
      if (masks.isDirectory(entry, level)) {
        long child = masks.tablePaddr(entry);
        pages.setHolder(child, gather, table);
        pages.setLinks(child, head, NONE);
        if (head == NONE) {
          tail = child;
        } else {
          pages.setLinks(head, pages.next(head), child);
        }
        head = child;
      }
    }
    if (head != NONE) {
      gathers[gather].tables.insert(head, tail);
    }
  }

  /**
   * Links what goes with a table that nobody can reach any more in front of a list of pages to put
   * back.
   *
   * @return the first of the list
   */
  long listBelow(long table, int level, long list) {
    long first = list;
    long left = level == 1 ? 0 : pages.below(table);
    for (int i = 0; left > 0; i++) {
      long entry = pages.loadAcquire(slotAt(table, i));
      if (masks.isDirectory(entry, level)) {
        long child = masks.tablePaddr(entry);
        if (level > 2) {
          left -= pages.below(child);
          first = listBelow(child, level - 1, first);
        }
        pages.setLinks(child, first, NONE);
        first = child;
        left--;
      }
    }
    return first;
  }

  // ---- shadows -------------------------------------------------------------------------------

  /**
   * Fills the tables that wait in slots of a locked table with what leaves over these slots say.
   *
   * @param leaf the first of the leaves, which is going to stand in the first slot
   * @param sizeLog2 logarithm of the size of each
   */
  void overlay(long table, int level, long iova, int from, int slots, long leaf, int sizeLog2) {
    if (level == 1 || !pages.anyHas(table, from, slots, -1L)) {
      return;
    }
    long paddr = masks.leafPaddr(leaf, level);
    long attributes = masks.attributesOf(leaf);
    for (int i = 0; i < slots; i++) {
      long entry = pages.loadAcquire(slotAt(table, from + i));
      if (masks.isRemnant(entry)) {
        long offset = (long) i << entryLog2(level);
        long child = masks.tablePaddr(entry);
        shadow(child, level - 1, iova + offset, paddr + offset, attributes);
      }
    }
  }

  private void shadow(long table, int level, long iova, long paddr, long attributes) {
    if (level == 1) {
      lock(table, iova, 1);
      if (pages.live(table) != TABLE_ENTRIES) {
        fill(table, 1, paddr, attributes);
      }
    } else {
      part(table, level);
      for (int i = 0; i < TABLE_ENTRIES; i++) {
        long entry = pages.loadAcquire(slotAt(table, i));
        if (leadsToWaiting(entry, level, true)) {
          long offset = (long) i << entryLog2(level);
          shadow(masks.tablePaddr(entry), level - 1, iova + offset, paddr + offset, attributes);
        }
      }
      fill(table, level, paddr, attributes);
    }
    pages.unlock(table);
  }

  private void fill(long table, int level, long paddr, long attributes) {
    int log2 = entryLog2(level);
    pages.fill(table, 0, TABLE_ENTRIES, masks.leaf(paddr, log2, attributes), 1L << log2, 0);
    pages.setShadow(table);
  }

  // ---- the end of waiting --------------------------------------------------------------------

  /**
   * Locks the table that a waiting one stood in, wherever it is by now.
   *
   * @return the parent; NONE if nothing there can lead to the table any more
   */
  long lockParent(long table) {
    long parent = pages.parent(table);
    if (parent == NONE) {
      return NONE;
    }
    long tag = pages.place(table);
    int level = tagLevel(tag) + 1;
    long place = tree.place(tagFirst(tag), level);
    long waiting = tag(tagFirst(tag), level);
    while (true) {
      long now = pages.place(parent);
      if (now != place && now != waiting) {
        return NONE;
      }
      if (pages.lock(parent, now)) {
        return parent;
      }
    }
  }

  /** Whether {@link #lockParent} will find nothing. */
  boolean isParentGone(long table) {
    long parent = pages.parent(table);
    if (parent == NONE) {
      return true;
    }
    long tag = pages.place(table);
    int level = tagLevel(tag) + 1;
    long now = pages.place(parent);
    return now != tree.place(tagFirst(tag), level) && now != tag(tagFirst(tag), level);
  }

  /** Erases what a locked parent still says of a table whose flush has completed. */
  void erase(long parent, long table) {
    long tag = pages.place(table);
    int level = tagLevel(tag);
    long slot = slotAt(parent, index(tagFirst(tag), level + 1));
    long entry = pages.loadAcquire(slot);
    boolean isLeaf = masks.isPresent(entry) && masks.isLeaf(entry, level + 1);
    if (entry != 0 && !isLeaf && masks.tablePaddr(entry) == table) {
      pages.storeRelease(slot, 0);
    }
  }
}
