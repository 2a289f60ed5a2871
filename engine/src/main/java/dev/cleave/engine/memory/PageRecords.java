package dev.cleave.engine.memory;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import java.lang.invoke.VarHandle;

/**
 * A small record of each table page.
 *
 * <pre>
 *   0                        8                    16             20
 *  +------------------------+--------------------+--------------+------+
 *  |         state          |       place        |  free link   | zero |   free: place is 0
 *  +------------------------+--------------------+--------------+------+
 *  |         state          |       place        |                     |   in use
 *  +------------------------+--------------------+---------------------+
 *  |         state          |  tag (ends in 7)   |      next page      |   detached
 *  +------------------------+--------------------+---------------------+
 *
 *  state   63      16   13      12   10 9     0
 *         +----------+--------+--------+-------+
 *         |  stores  | locked | level  | live  |
 *         +----------+--------+--------+-------+
 * </pre>
 *
 * <p>The <em>place</em> says of which page table a table is a part, and where: it ends in the
 * table's level, 1 to 6. Whoever locks a page says which place it has in mind, so that a page that
 * was put back and used again elsewhere in the meantime is not mistaken for what it was. State and
 * place are written only under the lock; a stray lock of a page that is free, taken back at once,
 * does no harm.
 *
 * <p>Thread-safe.
 */
final class PageRecords implements AutoCloseable {
  static final int RECORD_BYTES = 24;

  /** What {@link #tryLock} returns for a page that stands elsewhere, or nowhere. */
  static final long GONE = -1;

  /** What it returns for a page that somebody else has locked. */
  static final long BUSY = -2;

  private static final int STATE = 0;
  private static final int PLACE = 8;
  private static final int NEXT = 16;

  private static final long LIVE_MASK = 0x3FF;
  private static final int LEVEL_SHIFT = 10;
  private static final long LEVEL_MASK = 7;
  private static final long LOCKED = 1L << 13;
  private static final int STORES_SHIFT = 16;

  /** Among the bits of {@link #NEXT}. */
  private static final long LINK_MASK = 0xFFFF_FFFFL;

  private static final long ZERO = 1L << 32;

  private final Words words;

  PageRecords(int pages) {
    words = Words.reserve(((long) pages * RECORD_BYTES + PAGE_BYTES - 1) & -(long) PAGE_BYTES);
  }

  private static long at(int page, int field) {
    return (long) page * RECORD_BYTES + field;
  }

  // ---- lock ----------------------------------------------------------------------------------

  /** Locks a page that stands at a place; {@link #GONE} or {@link #BUSY} if that cannot be. */
  long tryLock(int page, long place) {
    long state = words.getOpaque(at(page, STATE));
    if ((state & LOCKED) != 0 || !words.compareAndSet(at(page, STATE), state, state | LOCKED)) {
      return BUSY;
    }
    if (place(page) != place) {
      words.setRelease(at(page, STATE), state);
      return GONE;
    }
    return 0;
  }

  /** Counts, and unlocks. */
  void unlock(int page, int live, int stores) {
    long state = state(page) + live + ((long) stores << STORES_SHIFT);
    words.setRelease(at(page, STATE), state & ~LOCKED);
  }

  /** Counts, and unlocks unless no entry is left. */
  boolean unlockIfLive(int page, int live, int stores) {
    long state = state(page) + live + ((long) stores << STORES_SHIFT);
    boolean isLive = (state & LIVE_MASK) != 0;
    words.setRelease(at(page, STATE), isLive ? state & ~LOCKED : state);
    return isLive;
  }

  void unlock(int page) {
    words.setRelease(at(page, STATE), state(page) & ~LOCKED);
  }

  /** The page's lock holder reads and writes it without contention. */
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

  /** Ends a page's use. */
  void end(int page) {
    words.setRelease(at(page, PLACE), 0L);
    setZero(page, false);
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
    long change = live + ((long) stores << STORES_SHIFT);
    words.setOpaque(at(page, STATE), state(page) + change);
  }

  // ---- detached ------------------------------------------------------------------------------

  void link(int page, long next, long tag) {
    assert (tag & LEVEL_MASK) == LEVEL_MASK : "a tag must not look like a place, tag=" + tag;
    words.setRelease(at(page, PLACE), tag);
    words.setOpaque(at(page, NEXT), next);
  }

  long next(int page) {
    return words.getOpaque(at(page, NEXT));
  }

  // ---- free ----------------------------------------------------------------------------------

  int freeLink(int page) {
    return (int) words.getOpaque(at(page, NEXT));
  }

  void setFreeLink(int page, int link) {
    long flags = words.getOpaque(at(page, NEXT)) & ~LINK_MASK;
    words.setOpaque(at(page, NEXT), flags | (link & LINK_MASK));
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
