package dev.cleave.engine.memory;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import dev.cleave.engine.kernel.Kernels;
import dev.cleave.engine.kernel.TableKernels;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * A small record of each table page.
 *
 * <pre>
 *   0                8                16          20         24         28
 *  +----------------+----------------+-----------+----------+----------+----------+
 *  |     state      |     place      | free link |   zero   | (batch)  | (pages)  |   free: place is 0
 *  +----------------+----------------+-----------+----------+----------+----------+
 *  |     state      |     place      |                      |                     |   in use
 *  +----------------+----------------+-----------+----------+----------+----------+
 *  |     state      | tag, ends in 7 |   next    | previous |  gather  |  parent  |   detached
 *  +----------------+----------------+-----------+----------+----------+----------+
 *
 *  state   63      16   15     14       13      12   10 9     0
 *         +----------+------+--------+--------+--------+-------+
 *         |  stores  | held | shadow | locked | level  | live  |
 *         +----------+------+--------+--------+--------+-------+
 *          or below, of a detached table that is no leaf table: pages that go with it
 * </pre>
 *
 * <p>The <em>place</em> says of which page table a table is a part, and where: it ends in the
 * table's level, 1 to 6. Whoever locks a page says which place it has in mind, so that a page that
 * was put back and used again elsewhere in the meantime is not mistaken for what it was. State and
 * place are written only under the lock; a stray lock of a page that is free, taken back at once,
 * does no harm. The first page of a batch of free pages also has the first of the batch below it,
 * and how many pages are in its own. The links, the gather and the parent of a detached page belong
 * to who has its list. Pages are linked by their number plus 1; 0 is none.
 *
 * <p>Thread-safe.
 */
final class PageRecords implements AutoCloseable {
  static final int RECORD_BYTES = 32;

  /** What {@link #tryLock} returns for a page that stands elsewhere, or nowhere. */
  static final long GONE = -1;

  /** What it returns for a page that somebody else has locked. */
  static final long BUSY = -2;

  /** Why nothing is remembered of the pages of an image. */
  static final String READ_ONLY = "table memory attached to an image is read-only";

  private static final TableKernels KERNELS = Kernels.chosen();

  private static final int STATE = 0;
  private static final int PLACE = 8;
  private static final int NEXT = 16;
  private static final int HOLDER = 24;

  private static final long LIVE_MASK = 0x3FF;
  private static final int LEVEL_SHIFT = 10;
  private static final long LEVEL_MASK = 7;
  private static final long LOCKED = 1L << 13;
  private static final long SHADOW = 1L << 14;
  private static final long HELD = 1L << 15;
  private static final int STORES_SHIFT = 16;

  /** Among the bits of {@link #NEXT}. */
  private static final long LINK_MASK = 0xFFFF_FFFFL;

  private static final long ZERO = 1L << 32;

  private final Words words;

  private PageRecords(Words words) {
    this.words = words;
  }

  PageRecords(int pages) {
    this(Words.reserve(((long) pages * RECORD_BYTES + PAGE_BYTES - 1) & -(long) PAGE_BYTES));
  }

  /** Records of pages that nobody may use: each access to one throws IllegalStateException. */
  static PageRecords none() {
    return new PageRecords(Words.refused(READ_ONLY));
  }

  private static long at(int page, int field) {
    return (long) page * RECORD_BYTES + field;
  }

  /** Reads the records of some pages, or of as many as there are, for who will need them. */
  long fetch(int page, int count) {
    MemorySegment all = words.segment();
    long bytes = Math.min(at(count, 0), all.byteSize() - at(page, 0));
    return KERNELS.or(all, at(page, 0), (int) (bytes / Long.BYTES));
  }

  /** Where a record lies for several accesses. */
  private long locate(int page) {
    return words.locate(at(page, 0), RECORD_BYTES);
  }

  // ---- lock ----------------------------------------------------------------------------------

  /**
   * Locks a page that stands at a place. Returns the state that it had, never negative; {@link
   * #GONE} or {@link #BUSY} if that cannot be.
   */
  long tryLock(int page, long place) {
    long at = locate(page);
    long state = words.getOpaqueAt(at + STATE);
    if ((state & LOCKED) != 0 || !words.compareAndSetAt(at + STATE, state, state | LOCKED)) {
      return BUSY;
    }
    if (words.getAcquireAt(at + PLACE) != place) {
      words.setReleaseAt(at + STATE, state);
      return GONE;
    }
    return state;
  }

  /** What changes whenever a writer has had a page; {@link #BUSY} if it is locked. */
  long writes(int page) {
    long state = state(page);
    return (state & LOCKED) != 0 ? BUSY : state;
  }

  /** Locks a page if that has not changed. */
  boolean tryLockUnwritten(int page, long seen) {
    return words.compareAndSet(at(page, STATE), seen, seen | LOCKED);
  }

  /** Counts, and unlocks. */
  void unlock(int page, int live, int stores) {
    long at = locate(page);
    words.setReleaseAt(at + STATE, counted(words.getOpaqueAt(at + STATE), live, stores) & ~LOCKED);
  }

  /** Counts from the state that a page was locked in, and unlocks. */
  void unlock(int page, long state, int live, int stores) {
    words.setRelease(at(page, STATE), counted(state, live, stores));
  }

  /** Does so unless no entry is left. */
  boolean unlockIfLive(int page, long state, int live, int stores) {
    long now = counted(state, live, stores);
    boolean isLive = (now & LIVE_MASK) != 0;
    words.setRelease(at(page, STATE), isLive ? now : now | LOCKED);
    return isLive;
  }

  /** The stores are counted modulo 2^47, so that a state is never negative. */
  private static long counted(long state, int live, int stores) {
    return (state + live + ((long) stores << STORES_SHIFT)) & Long.MAX_VALUE;
  }

  void unlock(int page) {
    words.setRelease(at(page, STATE), unlocked(page));
  }

  /** What {@link #writes} returns once a locked page is unlocked. */
  long unlocked(int page) {
    return state(page) & ~LOCKED;
  }

  /** The page's lock holder reads and writes it without contention; others order it. */
  private long state(int page) {
    return words.getOpaque(at(page, STATE));
  }

  /** Begins a page's use: it is locked, and has no entries. */
  void begin(int page, int level, long place) {
    long state;
    do {
      state = state(page) & ~LOCKED; // a stray lock is given back at once
    } while (!words.compareAndSet(at(page, STATE), state, (long) level << LEVEL_SHIFT | LOCKED));
    words.setRelease(at(page, PLACE), place);
    VarHandle.releaseFence(); // who sees what is written to the page sees that it was put back
  }

  /** Ends a page's use: it holds anything, and is linked to a free page. */
  void end(int page, int link) {
    assert place(page) != 0 : "a page is put back twice, page=" + page;
    words.setRelease(at(page, PLACE), 0L);
    words.setOpaque(at(page, NEXT), link & LINK_MASK);
  }

  // ---- in use --------------------------------------------------------------------------------

  long place(int page) {
    return words.getAcquire(at(page, PLACE));
  }

  void setPlace(int page, long place) {
    words.setRelease(at(page, PLACE), place);
  }

  int live(int page) {
    return (int) (state(page) & LIVE_MASK);
  }

  int level(int page) {
    return (int) (state(page) >>> LEVEL_SHIFT & LEVEL_MASK);
  }

  void setLevel(int page, int level) {
    long state = state(page) & ~(LEVEL_MASK << LEVEL_SHIFT);
    words.setOpaque(at(page, STATE), state | (long) level << LEVEL_SHIFT);
  }

  long stores(int page) {
    return state(page) >>> STORES_SHIFT;
  }

  void count(int page, int live, int stores) {
    words.setOpaque(at(page, STATE), counted(state(page), live, stores));
  }

  // ---- detached ------------------------------------------------------------------------------

  /** Makes a detached table one of its place again: no entries, no stores, no flags. */
  void reuse(int page, long place) {
    long level = state(page) & (LEVEL_MASK << LEVEL_SHIFT);
    words.setOpaque(at(page, STATE), level | LOCKED);
    words.setRelease(at(page, PLACE), place);
  }

  /** Pages below a detached table of level 2 and more that are put back together with it. */
  long below(int page) {
    return state(page) >>> STORES_SHIFT;
  }

  /** Notes them, in place of the count of stores. */
  void setBelow(int page, long pages) {
    long state = state(page) & ((1L << STORES_SHIFT) - 1);
    words.setOpaque(at(page, STATE), state | pages << STORES_SHIFT);
  }

  boolean isShadow(int page) {
    return (state(page) & SHADOW) != 0;
  }

  /** Notes that a detached table is full of leaves that hardware may mark: none is below it. */
  void setShadow(int page) {
    long state = state(page) & (LEVEL_MASK << LEVEL_SHIFT | LOCKED);
    words.setOpaque(at(page, STATE), state | SHADOW);
  }

  boolean isHeld(int page) {
    return (state(page) & HELD) != 0;
  }

  /** Whether a page has no entries and is not held. */
  boolean isVacant(int page) {
    return (state(page) & (LIVE_MASK | HELD)) == 0;
  }

  void setHeld(int page, boolean value) {
    long state = state(page);
    words.setOpaque(at(page, STATE), value ? state | HELD : state & ~HELD);
  }

  int next(int page) {
    return (int) words.getOpaque(at(page, NEXT)) - 1;
  }

  int previous(int page) {
    return (int) (words.getOpaque(at(page, NEXT)) >>> Integer.SIZE) - 1;
  }

  void setLinks(int page, int next, int previous) {
    words.setOpaque(at(page, NEXT), pair(next + 1, previous + 1));
  }

  int gather(int page) {
    return (int) words.getOpaque(at(page, HOLDER));
  }

  int parent(int page) {
    return (int) (words.getOpaque(at(page, HOLDER)) >>> Integer.SIZE) - 1;
  }

  void setHolder(int page, int gather, int parent) {
    words.setOpaque(at(page, HOLDER), pair(gather, parent + 1));
  }

  private static long pair(int low, int high) {
    return (low & LINK_MASK) | ((long) high << Integer.SIZE);
  }

  // ---- free ----------------------------------------------------------------------------------

  int freeLink(int page) {
    return (int) words.getOpaque(at(page, NEXT));
  }

  void setFreeLink(int page, int link) {
    long flags = words.getOpaque(at(page, NEXT)) & ~LINK_MASK;
    words.setOpaque(at(page, NEXT), flags | (link & LINK_MASK));
  }

  /** The first page of the batch below that which a page is the first of; -1 if there is none. */
  int batchBelow(int page) {
    return (int) words.getOpaque(at(page, HOLDER)) - 1;
  }

  /** Pages in the batch that a page is the first of. */
  int batchPages(int page) {
    return (int) (words.getOpaque(at(page, HOLDER)) >>> Integer.SIZE);
  }

  void setBatch(int page, int below, int pages) {
    words.setOpaque(at(page, HOLDER), pair(below + 1, pages));
  }

  boolean isZero(int page) {
    return (words.getOpaque(at(page, NEXT)) & ZERO) != 0;
  }

  void setZero(int page, boolean value) {
    words.setOpaque(at(page, NEXT), value ? ZERO : 0);
  }

  @Override
  public void close() {
    words.close();
  }
}
