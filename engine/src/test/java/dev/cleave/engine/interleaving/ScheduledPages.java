package dev.cleave.engine.interleaving;

import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;

import dev.cleave.engine.interleaving.Schedule.Kind;
import dev.cleave.engine.kernel.GatheredBits;
import dev.cleave.engine.kernel.TableKernels;
import dev.cleave.engine.memory.TablePages;
import java.lang.foreign.MemorySegment;

/**
 * Table memory each of whose accesses is a step of a {@link Schedule}: single loads and stores of
 * entries, attempts to lock a table and releases of it, pages taken and put back, and the count of
 * reclaims. Bulk operations become single steps.
 */
public class ScheduledPages extends TablePages {
  /** Pages of such a memory: scenarios are small. */
  public static final int PAGES = 24;

  /** Guesses that are told apart: there are more, of which some share a number. */
  private static final int GUESSES = 16;

  /** Gathers that scenarios make at most. */
  private static final int LISTS = 8;

  static final int WORDS = PAGES * 512;
  static final int LOCKS = WORDS;
  static final int PLACES = LOCKS + PAGES;
  static final int RECLAIMS = PLACES + PAGES;
  static final int POOL = RECLAIMS + 1;
  static final int RECENT = POOL + 1;
  static final int LIST = RECENT + GUESSES;
  static final int SHARED = LIST + LISTS;
  static final int NAMES = SHARED + 8;

  private static final long BASE = 1L << 32;
  private static final long BYTES = PAGES * 4096L;

  private final Schedule schedule;

  /**
   * Memory for one run.
   *
   * @param schedule who decides when an access takes place
   * @param segment zeroed, of {@link #PAGES} pages
   */
  public ScheduledPages(Schedule schedule, MemorySegment segment) {
    super(TablePages.over(segment, BASE, true));
    this.schedule = schedule;
  }

  /** What an access is to, for a person. */
  static String name(int of) {
    if (of < LOCKS) {
      return "page " + of / 512 + " entry " + of % 512;
    } else if (of < PLACES) {
      return "lock of page " + (of - LOCKS);
    } else if (of < RECLAIMS) {
      return "place of page " + (of - PLACES);
    }
    return switch (of) {
      case RECLAIMS -> "count of reclaims";
      case POOL -> "pool";
      default ->
          of < LIST
              ? "guess " + (of - RECENT)
              : of < SHARED ? "list " + (of - LIST) : "shared " + (of - SHARED);
    };
  }

  private static int word(long slot) {
    return (int) ((slot - BASE) >>> 3);
  }

  private static int page(long table) {
    return (int) ((table - BASE) >>> 12);
  }

  // ---- what threads of a scenario share besides ----------------------------------------------

  /**
   * A step that reads something that a scenario's threads share.
   *
   * @param which 0 to 7
   */
  public void readShared(int which) {
    schedule.step(SHARED + which, Kind.READ);
  }

  /**
   * A step that writes it.
   *
   * @param which 0 to 7
   */
  public void writeShared(int which) {
    schedule.step(SHARED + which, Kind.WRITE);
  }

  /**
   * Waits for a lock that is no table's.
   *
   * @param which 0 to 7
   */
  public void lockShared(int which) {
    schedule.step(SHARED + which, Kind.LOCK);
    schedule.locked(SHARED + which, true);
  }

  /**
   * Releases it.
   *
   * @param which 0 to 7
   */
  public void unlockShared(int which) {
    schedule.step(SHARED + which, Kind.UNLOCK);
    schedule.locked(SHARED + which, false);
  }

  /**
   * Loads an entry without a step.
   *
   * @param slot physical address of the slot
   * @return its bits
   */
  public final long peek(long slot) {
    return super.loadAcquire(slot);
  }

  /**
   * Stores an entry without a step.
   *
   * @param slot physical address of the slot
   * @param bits its new bits
   */
  public final void poke(long slot, long bits) {
    super.storeRelease(slot, bits);
  }

  // ---- entries -------------------------------------------------------------------------------

  @Override
  public long loadAcquire(long slot) {
    schedule.step(word(slot), Kind.READ);
    return super.loadAcquire(slot);
  }

  @Override
  public long loadOpaque(long slot) {
    if (slot < BASE || slot >= BASE + BYTES) {
      throw new IndexOutOfBoundsException(Long.toHexString(slot)); // as the memory itself would
    }
    schedule.step(word(slot), Kind.READ);
    return super.loadAcquire(slot);
  }

  @Override
  public long loadPlain(long slot) {
    return loadOpaque(slot);
  }

  @Override
  public void storeRelease(long slot, long bits) {
    schedule.step(word(slot), Kind.WRITE);
    super.storeRelease(slot, bits);
  }

  @Override
  public long exchange(long slot, long bits) {
    schedule.step(word(slot), Kind.WRITE);
    return super.exchange(slot, bits);
  }

  @Override
  public boolean compareAndSet(long slot, long expected, long bits) {
    schedule.step(word(slot), Kind.WRITE);
    return super.compareAndSet(slot, expected, bits);
  }

  @Override
  public void or(long slot, long bits) {
    schedule.step(word(slot), Kind.WRITE);
    super.or(slot, bits);
  }

  @Override
  public void fill(long table, int index, int count, long first, long step, int replicasLog2) {
    for (int i = 0; i < count; i++) {
      storeRelease(slotAt(table, index + i), first + (i >> replicasLog2) * step);
    }
  }

  @Override
  public void zero(long table, int index, int count) {
    for (int i = 0; i < count; i++) {
      storeRelease(slotAt(table, index + i), 0);
    }
  }

  @Override
  public int countAny(long table, int index, int count, long mask) {
    int found = 0;
    for (int i = 0; i < count; i++) {
      found += (loadAcquire(slotAt(table, index + i)) & mask) != 0 ? 1 : 0;
    }
    return found;
  }

  @Override
  public void clear(long slot, long bits) {
    schedule.step(word(slot), Kind.WRITE);
    super.clear(slot, bits);
  }

  @Override
  public boolean anyHas(long table, int index, int count, long mask) {
    for (int i = 0; i < count; i++) {
      if ((loadAcquire(slotAt(table, index + i)) & mask) != 0) {
        return true;
      }
    }
    return false;
  }

  @Override
  public void gather(long table, int index, int count, long mask, GatheredBits found, int place) {
    for (int from = 0; from < count; from += Long.SIZE) {
      long bits = 0;
      for (int i = from; i < Math.min(from + Long.SIZE, count); i++) {
        bits |= (loadAcquire(slotAt(table, index + i)) & mask) != 0 ? 1L << i : 0;
      }
      found.set(place + from, bits);
    }
  }

  @Override
  public void gatherTables(
      long first,
      long second,
      int tables,
      long mask,
      GatheredBits found,
      int firstPlace,
      int secondPlace) {
    for (int i = 0; i < tables; i++) {
      int at = i * TABLE_ENTRIES;
      gather(first + i * 4096L, 0, TABLE_ENTRIES, mask, found, firstPlace + at);
      if (second != first) {
        gather(second + i * 4096L, 0, TABLE_ENTRIES, mask, found, secondPlace + at);
      }
    }
  }

  @Override
  public long progressionBits(
      long table, int index, int count, long first, long step, int replicasLog2, long ignored) {
    long bits = 0;
    for (int i = 0; i < count; i++) {
      long expected = first + (i >> replicasLog2) * step;
      long entry = loadAcquire(slotAt(table, index + i));
      if (((entry ^ expected) & ~ignored) != 0) {
        return TableKernels.NO_PROGRESSION;
      }
      bits |= entry & ignored;
    }
    return bits;
  }

  @Override
  public long orAll(long table) {
    long bits = 0;
    for (int i = 0; i < TABLE_ENTRIES; i++) {
      bits |= loadAcquire(slotAt(table, i));
    }
    return bits;
  }

  // ---- locks ---------------------------------------------------------------------------------

  @Override
  public long tryLock(long table, long place) {
    int page = page(table);
    schedule.step(LOCKS + page, Kind.LOCK);
    schedule.touch(PLACES + page, Kind.READ);
    long outcome = super.tryLock(table, place);
    if (outcome >= 0) {
      schedule.locked(LOCKS + page, true);
      if ((place & 7) == 1) {
        schedule.touch(RECENT, Kind.WRITE); // whoever has a leaf table for home notes it
      }
    }
    return outcome;
  }

  @Override
  public long place(long table) {
    schedule.step(PLACES + page(table), Kind.READ);
    return super.place(table);
  }

  @Override
  public void writes(long[] tables, int from, int to, long place, long[] writes) {
    for (int i = from; i < to; i++) {
      if (tables[i] != NONE) {
        schedule.step(LOCKS + page(tables[i]), Kind.READ);
        schedule.touch(PLACES + page(tables[i]), Kind.READ);
      }
      super.writes(tables, i, i + 1, place, writes);
    }
  }

  @Override
  public boolean tryLockUnwritten(long table, long seen) {
    int page = page(table);
    schedule.step(LOCKS + page, Kind.LOCK);
    boolean isLocked = super.tryLockUnwritten(table, seen);
    if (isLocked) {
      schedule.locked(LOCKS + page, true);
    }
    return isLocked;
  }

  @Override
  public long unwritten(long[] tables, int from, int to, long[] writes) {
    long unwritten = 0;
    for (int i = from; i < to; i++) {
      if (writes[i] >= 0) {
        schedule.step(LOCKS + page(tables[i]), Kind.READ);
      }
      unwritten |= super.unwritten(tables, i, i + 1, writes);
    }
    return unwritten;
  }

  private void release(long table, Runnable how) {
    int page = page(table);
    schedule.step(LOCKS + page, Kind.UNLOCK);
    how.run();
    schedule.locked(LOCKS + page, false);
  }

  @Override
  public void unlock(long table) {
    release(table, () -> super.unlock(table));
  }

  @Override
  public void unlock(long table, int live, int stores) {
    release(table, () -> super.unlock(table, live, stores));
  }

  @Override
  public void unlock(long table, long state, int live, int stores) {
    release(table, () -> super.unlock(table, state, live, stores));
  }

  @Override
  public boolean unlockIfLive(long table, long state, int live, int stores) {
    int page = page(table);
    schedule.step(LOCKS + page, Kind.UNLOCK);
    boolean isUnlocked = super.unlockIfLive(table, state, live, stores);
    schedule.locked(LOCKS + page, !isUnlocked);
    return isUnlocked;
  }

  @Override
  public void setPlace(long table, long place) {
    schedule.step(PLACES + page(table), Kind.WRITE);
    super.setPlace(table, place);
  }

  @Override
  public void reuse(long table, long place) {
    schedule.step(PLACES + page(table), Kind.WRITE);
    super.reuse(table, place);
  }

  @Override
  public void lockList(int list) {
    schedule.step(LIST + list, Kind.LOCK);
    schedule.locked(LIST + list, true);
    super.lockList(list);
  }

  @Override
  public void unlockList(int list) {
    schedule.step(LIST + list, Kind.UNLOCK);
    super.unlockList(list);
    schedule.locked(LIST + list, false);
  }

  @Override
  public void pause(int attempts) {
    schedule.pause();
  }

  @Override
  public void beforeGuess(int which, boolean isWriting) {
    schedule.step(RECENT + which % GUESSES, isWriting ? Kind.WRITE : Kind.READ);
  }

  // ---- pages ---------------------------------------------------------------------------------

  @Override
  public long take(int level, boolean zeroed, long place) {
    schedule.step(POOL, Kind.WRITE);
    long table = super.take(level, zeroed, place);
    schedule.locked(LOCKS + page(table), true);
    schedule.touch(LOCKS + page(table), Kind.WRITE);
    schedule.touch(PLACES + page(table), Kind.WRITE);
    return table;
  }

  @Override
  public long takeAll(int level, int count, long place) {
    return takeOneByOne(level, count, place);
  }

  @Override
  public void release(long table) {
    schedule.step(POOL, Kind.WRITE);
    schedule.touch(PLACES + page(table), Kind.WRITE);
    super.release(table);
  }

  @Override
  public void releaseAll(long first) {
    for (long table = first, next; table != NONE; table = next) {
      next = next(table);
      release(table);
    }
  }

  @Override
  public long reclaims() {
    schedule.step(RECLAIMS, Kind.READ);
    return super.reclaims();
  }

  @Override
  public boolean isStill(long seen) {
    schedule.step(RECLAIMS, Kind.READ);
    return super.isStill(seen);
  }

  @Override
  public void reclaim() {
    schedule.step(RECLAIMS, Kind.WRITE);
    super.reclaim();
  }
}
