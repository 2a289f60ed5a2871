package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES_LOG2;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.tableLog2;
import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.format.Geometry;
import dev.cleave.engine.memory.TablePages;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The tables of one page table as its writers see them: how a table is found, locked, published and
 * taken out.
 *
 * <ol>
 *   <li>The entries of a table are written by who holds its lock, and by hardware.
 *   <li>An operation locks its <em>home</em> first: the lowest table that has the whole range. From
 *       there it locks downward and from left to right, a table only while it holds the one above.
 *       So no two operations ever wait for each other. {@link CleanTables} looks at leaf tables
 *       without their locks.
 *   <li>A new table is locked from the moment it is taken until it has been published. One that is
 *       published before it is filled stays locked until it is; whoever filled it needs no lock
 *       above it, for nobody unlinks a table that is locked.
 *   <li>A table that became empty is taken out first, then unlocked, and only then unlinked from
 *       the table above, whose lock is taken alone. Whoever finds a table that has been taken out
 *       looks again from the top; whoever holds the table above may unlink it in passing. What
 *       becomes of it is told at {@link WaitingTables}.
 *   <li>A top that somebody has asked for may be in a device table entry. When another is put above
 *       it, it is held: it stays where it is, empty or not, until the caller says that the entry
 *       has been exchanged.
 * </ol>
 *
 * <p>A home is carried in one word: the table's paddr, its level in the low bits, and whether it is
 * a top that does not reach the range. Thread-safe.
 */
final class TableTree {
  /** No table. */
  static final long NONE = -1;

  private static final long RETRY = -2;

  /** Seconds, by the pauses between them. */
  private static final int MOST_ATTEMPTS = 1 << 14;

  private static final int LEVEL_BITS = 3;
  private static final long LEVEL_MASK = (1L << LEVEL_BITS) - 1;
  private static final long TOO_LOW = 1L << LEVEL_BITS;

  /** Of the top: somebody has asked for it. */
  private static final long KNOWN = 1L << 4;

  /** Of the top, empty and not known: it is about to get another level. */
  private static final long FROZEN = 1L << 5;

  private static final VarHandle TOP;

  static {
    try {
      TOP = MethodHandles.lookup().findVarHandle(TableTree.class, "top", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  final TablePages pages;
  final EntryFormat format;
  final EntryMasks masks;
  final IovaSpace space;
  final WaitingTables waiting;

  /** What tells the places of this tree from those of others, above the level. */
  private final long owner;

  private final RecentTables recent;

  /**
   * The top table's paddr and, in the low bits, its level and what is known of it: they change
   * together. 0 when closed.
   */
  private volatile long top;

  private TableTree(TablePages pages, PageTableConfig config, int owner, long top) {
    this.pages = pages;
    this.format = config.format();
    this.masks = new EntryMasks(format);
    this.space = new IovaSpace(config);
    this.owner = (long) owner << LEVEL_BITS;
    this.recent = new RecentTables(pages);
    this.waiting = new WaitingTables(this);
    this.top = top;
  }

  /** A tree with an empty top. Its page has been reserved. */
  static TableTree create(TablePages pages, PageTableConfig config) {
    TableTree tree = new TableTree(pages, config, pages.takeOwner(), 0);
    int levels = config.levels();
    long root = pages.take(levels, true, tree.place(0, levels));
    pages.unlock(root);
    tree.top = root | levels;
    return tree;
  }

  /** A tree to be read only. */
  static TableTree open(TablePages pages, PageTableConfig config, long root) {
    return new TableTree(pages, config, 0, root | config.levels());
  }

  /** The top; 0 when closed. */
  long top() {
    return top;
  }

  long openTop() {
    long now = top;
    if (now == 0) {
      throw Refusals.closed();
    }
    return now;
  }

  /** The top, for who may tell a device of it; waits for one that is about to change. */
  long askTop() {
    for (int attempts = 0; ; attempts++) {
      long now = openTop();
      if ((now & FROZEN) != 0) {
        pages.pause(attempts);
      } else if ((now & KNOWN) != 0 || TOP.compareAndSet(this, now, now | KNOWN)) {
        return table(now) | level(now);
      }
    }
  }

  /**
   * Sees to it that a locked top which is too low and empty gets another level instead of a top
   * above it, if nobody knows it: nobody will until then.
   *
   * @return the home, {@linkplain #isFrozen frozen} or as it was
   */
  long freezeIfUnknown(long home) {
    if (!isTooLow(home) || pages.live(table(home)) != 0) {
      return home;
    }
    long now = top;
    boolean isFrozen = (now & KNOWN) == 0 && TOP.compareAndSet(this, now, now | FROZEN);
    return isFrozen ? home | FROZEN : home;
  }

  /**
   * The home of a range that begins at address 0 with a leaf which only a higher table can have: it
   * gets the level of that if it is the top, empty and not known.
   *
   * @return the home, {@linkplain #isFrozen frozen} or as it was
   */
  long freezeForLeaf(long home, int leafLevel) {
    if (isTooLow(home) || leafLevel <= level(home) || !format.canGrow() || !isTop(table(home))) {
      return home;
    }
    long frozen = freezeIfUnknown(home | TOO_LOW);
    return isFrozen(frozen) ? frozen : home;
  }

  /** Whether a home is a top that is going to get another level. */
  static boolean isFrozen(long home) {
    return (home & FROZEN) != 0;
  }

  /** Ends what {@link #freezeIfUnknown} began, without a change. */
  void thawTop() {
    TOP.setVolatile(this, top & ~FROZEN);
  }

  /**
   * Makes a new top known to all who walk. The caller holds the locks of the old one and of the new
   * one.
   *
   * @return whether somebody has asked for the old one
   */
  boolean setTop(long now) {
    long old = (long) TOP.getAndSet(this, now);
    return (old & KNOWN) != 0;
  }

  /** Whether a table is the top. */
  boolean isTop(long table) {
    return table == table(top);
  }

  /** Ends the tree: nobody finds anything any more. */
  long close() {
    long last = top;
    top = 0;
    return last;
  }

  void releaseOwner() {
    pages.releaseOwner((int) (owner >>> LEVEL_BITS));
  }

  /** The table of a home or of a top. */
  static long table(long home) {
    return home & -(long) PAGE_BYTES;
  }

  /** The level of a home or of a top. */
  static int level(long home) {
    return (int) (home & LEVEL_MASK);
  }

  /** Whether a home decodes an address of its range. */
  static boolean reaches(long home, long iova) {
    return !isTooLow(home) || Geometry.reaches(level(home), iova);
  }

  /** The last address of a home's range that it decodes; it reaches the first. */
  static long clip(long home, long last) {
    int level = level(home);
    return Geometry.reaches(level, last) || !isTooLow(home) ? last : offsetMask(tableLog2(level));
  }

  /**
   * Whether a home is a top that does not reach the range: what a map has to do something about.
   */
  static boolean isTooLow(long home) {
    return (home & TOO_LOW) != 0;
  }

  /** Where the table stands that decodes an address at a level. */
  long place(long iova, int level) {
    int log2 = tableLog2(level);
    long base = log2 < Long.SIZE ? space.decoded(iova) & -1L << log2 : 0;
    return base | owner | level;
  }

  // ---- locks ---------------------------------------------------------------------------------

  /**
   * Locks the lowest table that has a whole range: where the range takes several entries, or one
   * entry whole, or a part of an entry that is no directory. It is the top when the top does not
   * reach the range.
   *
   * @return the home: see {@link #table}, {@link #level} and {@link #isTooLow}
   */
  long lockHome(long first, long last) {
    return lockLowest(first, last, false);
  }

  /**
   * Locks the lowest table that decodes a whole range, for what takes no table out and puts no leaf
   * in the place of one: it is the home, but for a range that is one directory's, which has the
   * table below that.
   *
   * @return as {@link #lockHome}
   */
  long lockInnermost(long first, long last) {
    return lockLowest(first, last, true);
  }

  private long lockLowest(long first, long last, boolean isWholeInside) {
    int level = lowestLevel(first, last, isWholeInside);
    long table = lockRecent(first, level);
    return table != NONE ? table | level : walkLowest(first, last, isWholeInside);
  }

  /** The level of the lowest table that can be the one to lock for a range. */
  private static int lowestLevel(long first, long last, boolean isWholeInside) {
    int bits = Long.SIZE - Long.numberOfLeadingZeros(first ^ last);
    int level = (bits - PAGE_LOG2 + TABLE_ENTRIES_LOG2 - 1) / TABLE_ENTRIES_LOG2;
    boolean isWhole = last - first == offsetMask(tableLog2(level));
    return level == 0 || (isWhole && !isWholeInside) ? level + 1 : level;
  }

  private long walkLowest(long first, long last, boolean isWholeInside) {
    for (int attempts = 0; ; attempts++) {
      try {
        long home = tryLockLowest(first, last, isWholeInside);
        if (home != NONE) {
          return home;
        }
      } catch (IndexOutOfBoundsException _) {
        // an entry was read from a page that has been reused
      }
      lookAgain(attempts, first);
    }
  }

  private long tryLockLowest(long first, long last, boolean isWholeInside) {
    long now = openTop();
    long home = find(now, first, last, isWholeInside);
    long table = table(home);
    boolean isTop = table == table(now);
    if (!pages.lock(table, place(isTop ? 0 : first, level(home)))) {
      return NONE;
    }
    if ((isTop && !isTop(table)) || !isLowest(home, first, last, isWholeInside)) {
      pages.unlock(table);
      return NONE;
    }
    if (!isTooLow(home)) {
      recent.note(first, level(home), table);
    }
    return home;
  }

  /** Lets time pass for who is about to unlink a table; that never takes long. */
  private void lookAgain(int attempts, long iova) {
    if (attempts == MOST_ATTEMPTS) {
      throw new IllegalStateException(
          "table memory is corrupt: a directory above iova=0x%x points at a page that is no table there"
              .formatted(iova));
    }
    pages.pause(attempts);
  }

  /** Locks the top. */
  long lockTop() {
    for (int attempts = 0; ; attempts++) {
      long now = openTop();
      if (pages.lock(table(now), place(0, level(now)))) {
        if (isTop(table(now))) {
          return table(now) | level(now) | TOO_LOW;
        }
        pages.unlock(table(now));
      }
      pages.pause(attempts);
    }
  }

  /** What it reads may come from a page that is reused meanwhile: then no place will agree. */
  private long find(long now, long first, long last, boolean isWholeInside) {
    long table = table(now);
    int level = level(now);
    if (!space.reaches(level, last)) {
      return table | level | TOO_LOW;
    }
    while (isInside(level, first, last, isWholeInside)) {
      long entry = pages.loadOpaque(slotAt(table, index(first, level)));
      if (!masks.isDirectory(entry, level)) {
        break;
      }
      table = masks.tablePaddr(entry);
      level--;
    }
    return table | level;
  }

  /** Whether a table, now that it is locked, still is the lowest that has the range. */
  private boolean isLowest(long home, long first, long last, boolean isWholeInside) {
    int level = level(home);
    if (isTooLow(home) || !isInside(level, first, last, isWholeInside)) {
      return true;
    }
    long entry = pages.loadAcquire(slotAt(table(home), index(first, level)));
    return !masks.isDirectory(entry, level);
  }

  /**
   * Locks the table that decodes an address at a level, if it was found lately and still is that.
   * It is tried before it is looked at, since the guess is right as a rule (benchmark {@code
   * SinglePage}: map 12.1 against 11.5 ns, unmap 14.2 against 12.0).
   *
   * @return the table, or {@link #NONE}
   */
  long lockRecent(long iova, int level) {
    long table = recent.find(iova, level);
    long place = place(iova, level);
    if (pages.tryLock(table, place) >= 0) {
      return table;
    }
    return pages.place(table) == place && pages.lock(table, place) ? table : NONE;
  }

  /** A table that was found lately and may be the one that decodes an address at a level. */
  long guess(long iova, int level) {
    return recent.find(iova, level);
  }

  /**
   * Locks a table if it decodes an address at a level and nobody has it.
   *
   * @return as {@link TablePages#tryLock}
   */
  long tryLock(long table, long iova, int level) {
    return pages.tryLock(table, place(iova, level));
  }

  private static boolean isInside(int level, long first, long last, boolean isWholeInside) {
    long mask = offsetMask(entryLog2(level));
    return (first ^ last) >>> entryLog2(level) == 0 && (isWholeInside || last - first != mask);
  }

  /**
   * Locks the table below a directory. The caller has locked the table that the directory stands
   * in. If the table below has been taken out, it is unlinked in passing.
   *
   * @param entry the directory
   * @return the table below, or {@link #NONE} if there is a hole now
   */
  long lockChild(long table, int level, long iova, long entry) {
    long child = masks.tablePaddr(entry);
    if (pages.lock(child, place(iova, level - 1))) {
      return child;
    }
    waiting.unlink(table, slotAt(table, index(iova, level)), entry);
    return NONE;
  }

  void unlock(long table) {
    pages.unlock(table);
  }

  /** Takes a page that was reserved, for the table that decodes an address at a level. */
  long take(long iova, int level, boolean zeroed) {
    return pages.take(level, zeroed, place(iova, level));
  }

  /** Stores the directory that makes a filled table reachable. Both tables are locked. */
  void publish(long table, long slot, long child, int childLevel) {
    pages.storeRelease(slot, masks.directory(child, childLevel));
    pages.count(table, 1, 1);
  }

  /**
   * Locks the table above one that has been taken out.
   *
   * @return {@link #NONE} if it is gone, which can only be when nothing in it points at the other
   *     any more
   */
  long lockAbove(long iova, int level) {
    for (int attempts = 0; ; attempts++) {
      try {
        long table = tryLockAbove(iova, level);
        if (table != RETRY) {
          return table;
        }
      } catch (IndexOutOfBoundsException _) {
        // an entry was read from a page that has been reused
      }
      lookAgain(attempts, iova);
    }
  }

  private long tryLockAbove(long iova, int level) {
    long now = openTop();
    long table = table(now);
    int at = level(now);
    while (at > level + 1) {
      long entry = pages.loadAcquire(slotAt(table, index(iova, at)));
      if (!masks.isDirectory(entry, at)) {
        return NONE;
      }
      table = masks.tablePaddr(entry);
      at--;
    }
    return pages.lock(table, place(iova, at)) ? table : RETRY;
  }
}
