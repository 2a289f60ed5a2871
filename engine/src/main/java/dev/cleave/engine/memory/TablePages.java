package dev.cleave.engine.memory;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.tableLog2;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.BitSet;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Off-heap table pages with physical addresses as the engine works on them: how a page is taken,
 * locked, counted and put back. What stands in them is a matter of {@link TableEntries}.
 *
 * <p>Pages are promised first ({@link #tryReserve}) and taken later ({@link #take}), so that an
 * operation knows before its first store that it will not run out.
 *
 * <p>Thread-safe. After {@link #close} an access to memory that this class reserved throws {@link
 * IllegalStateException}; memory that the caller provided stays reachable as long as the caller
 * keeps it.
 */
public non-sealed class TablePages extends TableEntries implements AutoCloseable {
  private static final VarHandle LISTS = MethodHandles.arrayElementVarHandle(long[].class);

  /** No page. */
  public static final long NONE = -1;

  /** A cache line each, and none that of the array's length, which all of them read. */
  private static final int LIST_LOCKS = 64;

  private static final int LIST_STRIDE_LOG2 = 3;

  private static final int SPINS = 1 << 10;
  private static final int YIELDS = 1 << 6;
  private static final long PARK_NANOS = 100_000;

  /** Page tables that one memory can tell apart. */
  public static final int MAX_OWNERS = (1 << 18) - 1;

  private final @Nullable PagePool pool;
  private final PageRecords records;
  private final BitSet owners;
  private final ReclaimCount reclaims;
  private final long[] lists;

  private TablePages(Words words, long base, @Nullable PagePool pool) {
    super(words, base);
    this.pool = pool;
    this.records = pool == null ? PageRecords.none() : pool.records();
    this.owners = new BitSet();
    this.reclaims = new ReclaimCount();
    this.lists = new long[(LIST_LOCKS + 1) << LIST_STRIDE_LOG2];
  }

  /**
   * The same pages, for a class that alters what is done to them: to look between two stores, or to
   * plant a fault.
   *
   * @param pages what is altered; not to be used besides
   */
  protected TablePages(TablePages pages) {
    super(pages);
    this.pool = pages.pool;
    this.records = pages.records;
    this.owners = pages.owners;
    this.reclaims = pages.reclaims;
    this.lists = pages.lists;
  }

  private static void checkPages(String what, long bytes) {
    if (bytes <= 0 || bytes % PAGE_BYTES != 0) {
      throw new IllegalArgumentException(
          "%s must be a positive multiple of 4096, %s=%d".formatted(what, what, bytes));
    }
  }

  /**
   * Reserves memory.
   *
   * @param capacityBytes address space, a positive multiple of 4096; only what is used is ever
   *     backed by memory
   * @param limitBytes how much of it may be in use at once, likewise
   * @param base physical address of the first byte, 4 KiB-aligned
   * @param hugePages whether to ask the system for huge pages
   * @return an empty pool of table pages
   * @throws IllegalArgumentException if a size or address is not allowed
   */
  public static TablePages reserve(
      long capacityBytes, long limitBytes, long base, boolean hugePages) {
    checkPages("capacity", capacityBytes);
    checkPages("limit", limitBytes);
    checkPlace(base, capacityBytes);
    PagePool.checkCapacity(capacityBytes);
    Words words = Words.reserve(capacityBytes); // first, so that a refusal names what was asked for
    PagePool pool = new PagePool(capacityBytes, Math.min(limitBytes, capacityBytes), true);
    if (hugePages) {
      var _ = NativePages.adviseHuge(words.segment());
    }
    return new TablePages(words, base, pool);
  }

  /**
   * Pages in memory that the caller provides.
   *
   * @param memory a positive multiple of 4096 bytes; it must outlive this object
   * @param base physical address of its first byte
   * @param isZero whether all of it reads as zeros
   * @return an empty pool of table pages
   * @throws IllegalArgumentException if the size or address is not allowed
   */
  public static TablePages over(MemorySegment memory, long base, boolean isZero) {
    long bytes = memory.byteSize();
    checkPages("memory", bytes);
    return new TablePages(Words.over(memory), base, new PagePool(bytes, bytes, isZero));
  }

  /**
   * Pages of tables that exist already, to read them.
   *
   * @param image the memory that they lie in; it must outlive this object
   * @param base physical address of its first byte
   * @return pages that refuse every write
   * @throws IllegalArgumentException if the size or address is not allowed
   */
  public static TablePages attach(MemorySegment image, long base) {
    checkPages("image", image.byteSize());
    return new TablePages(Words.over(image.asReadOnly()), base, null);
  }

  /**
   * {@return whether these pages are those of an image: then there is none to take and nothing may
   * be written}
   */
  public final boolean isReadOnly() {
    return pool == null;
  }

  private PagePool pool() {
    if (pool == null) {
      throw new IllegalStateException(PageRecords.READ_ONLY);
    }
    return pool;
  }

  // ---- pages ---------------------------------------------------------------------------------

  /**
   * Promises pages to the caller, who takes or {@linkplain #unreserve gives back} every one.
   *
   * @param count number of pages, from 0
   * @return false, and nothing is promised, if that would pass the limit
   */
  public final boolean tryReserve(long count) {
    return pool().tryReserve(count);
  }

  /**
   * Takes back a promise.
   *
   * @param count number of pages reserved and not taken
   */
  public final void unreserve(long count) {
    pool().unreserve(count);
  }

  /**
   * Takes a page that was reserved, for a table that nobody else writes.
   *
   * @param level hardware level of the table it becomes, 1 to 6
   * @param zeroed whether it must read as zeros; otherwise it holds anything
   * @return its physical address
   */
  public final long take(int level, boolean zeroed) {
    long table = take(level, zeroed, level);
    unlock(table);
    return table;
  }

  /**
   * Takes a page that was reserved. It is locked: whoever finds it waits until it is published.
   *
   * @param level hardware level of the table it becomes, 1 to 6
   * @param zeroed whether it must read as zeros; otherwise it holds anything
   * @param place where it will stand, as for {@link #lock}
   * @return its physical address
   */
  public long take(int level, boolean zeroed, long place) {
    int page = pool().take(level, place);
    long table = base + ((long) page << PAGE_LOG2);
    if (zeroed && !records.isZero(page)) {
      zero(table, 0, TABLE_ENTRIES);
    }
    return table;
  }

  /**
   * Takes pages that were reserved, for tables that stand side by side: each as {@link #take(int,
   * boolean, long)} does, without the cost of looking for each where there are free ones. They hold
   * anything.
   *
   * @param level hardware level of the tables they become, 1 to 6
   * @param count number of pages, positive
   * @param place where the first will stand
   * @return physical address of the first; the others are linked behind it, see {@link #next}
   */
  public long takeAll(int level, int count, long place) {
    return table(pool().takeAll(level, count, place, 1L << tableLog2(level)));
  }

  /**
   * Does what {@link #takeAll} does by calls of {@link #take(int, boolean, long)}, for a class that
   * alters that.
   *
   * @param level as there
   * @param count as there
   * @param place as there
   * @return as there
   */
  protected final long takeOneByOne(int level, int count, long place) {
    long first = NONE;
    for (int i = count - 1; i >= 0; i--) {
      long table = take(level, false, place + ((long) i << tableLog2(level)));
      setLinks(table, first, NONE);
      first = table;
    }
    return first;
  }

  /**
   * Puts a page back. Hardware does not read it any more, and no writer is going to; a software
   * reader that is still in it finds out by {@link #reclaims}.
   *
   * @param table physical address of a page that was taken
   */
  public void release(long table) {
    pool().release(pageIndex(table));
  }

  /**
   * Puts pages back as {@link #release} one.
   *
   * @param first physical address of the first; the others are linked behind it
   */
  public void releaseAll(long first) {
    pool().releaseAll(pageIndex(first));
  }

  /**
   * Gives the memory of free pages back to the system.
   *
   * @return bytes given back; 0 where the system cannot
   */
  public final long trim() {
    return pool == null ? 0 : pool.trim(words.segment());
  }

  private int pageIndex(long table) {
    return (int) ((table - base) >>> PAGE_LOG2);
  }

  // ---- reclaiming ----------------------------------------------------------------------------

  /**
   * A count that changes, once it has been asked for, when what was a table may become another: a
   * reader who finds it unchanged after its last load has seen no reused page.
   *
   * @return any number, to be asked for before the first load
   */
  public long reclaims() {
    return reclaims.look();
  }

  /**
   * Whether the count is what it was, seen after all loads before this call.
   *
   * @param seen what {@link #reclaims} returned
   * @return false when the loads in between may have come from a reused page
   */
  public boolean isStill(long seen) {
    return reclaims.isStill(seen);
  }

  /**
   * Decides about an address out of bounds that was read from an entry.
   *
   * @param seen what {@link #reclaims} returned before
   * @param error what it led to
   * @throws IndexOutOfBoundsException unless the entry may have come from a reused page
   */
  public final void rethrowIfStill(long seen, IndexOutOfBoundsException error) {
    if (isStill(seen)) {
      throw error;
    }
  }

  /** Tells readers that pages will be reused; to be called before they are put back. */
  public void reclaim() {
    reclaims.move();
  }

  // ---- what is remembered of a page ----------------------------------------------------------

  /**
   * A number by which a page table tells its places from those of others in this memory.
   *
   * @return 1 to {@value #MAX_OWNERS}
   * @throws IllegalStateException if all are in use
   */
  public final int takeOwner() {
    synchronized (owners) {
      int owner = owners.nextClearBit(1);
      if (owner > MAX_OWNERS) {
        throw new IllegalStateException(
            "a table memory serves at most %d page tables at once".formatted(MAX_OWNERS));
      }
      owners.set(owner);
      return owner;
    }
  }

  /**
   * Gives an owner's number back; none of its places is in use any more.
   *
   * @param owner what {@link #takeOwner} returned
   */
  public final void releaseOwner(int owner) {
    synchronized (owners) {
      owners.clear(owner);
    }
  }

  /**
   * Locks a table against other writers, and waits for those that have it.
   *
   * @param table physical address of a page
   * @param place where the caller found it: what tells this table from all others of this memory,
   *     with the table's level in its three low bits
   * @return false if the page does not stand there any more; it is not locked then
   */
  public final boolean lock(long table, long place) {
    int attempts = 0;
    while (true) {
      long outcome = tryLock(table, place);
      if (outcome >= 0) {
        return true;
      }
      if (outcome == PageRecords.GONE) {
        return false;
      }
      pause(attempts++);
    }
  }

  /**
   * Is told that a guess where tables stand is going to be read or written. It does nothing, but in
   * a class that orders what threads do.
   *
   * @param which the guess, from 0
   * @param isWriting false if it is read
   */
  public void beforeGuess(int which, boolean isWriting) {}

  /**
   * Where a page stands, for who is to guess.
   *
   * @param table physical address of a page
   * @return the place that it was taken for, or another number if it is not in use
   */
  public long place(long table) {
    return records.place(pageIndex(table));
  }

  /**
   * Locks a table if nobody has it.
   *
   * @param table physical address of a page
   * @param place as for {@link #lock}
   * @return what it has counted, for {@link #unlock(long, long, int, int)}; negative if it is not
   *     locked now
   */
  public long tryLock(long table, long place) {
    return records.tryLock(pageIndex(table), place);
  }

  /**
   * Lets time pass for another writer.
   *
   * @param attempts how often the caller has waited already
   */
  @SuppressWarnings("ThreadPriorityCheck") // who has the lock may need this processor
  public void pause(int attempts) {
    if (attempts < SPINS) {
      Thread.onSpinWait();
    } else if (attempts < SPINS + YIELDS) {
      Thread.yield();
    } else {
      LockSupport.parkNanos(PARK_NANOS);
    }
  }

  /**
   * Reads the records of pages that lie one behind the other, so that they are near when they are
   * needed.
   *
   * @param table physical address of the first
   * @param count number of pages; there may be fewer
   * @return anything
   */
  public final long fetchRecords(long table, int count) {
    return records.fetch(pageIndex(table), count);
  }

  /**
   * What changes whenever a writer has had a table, for who reads leaf tables side by side without
   * their locks, as {@link #unwritten} goes on.
   *
   * <p>The records are read one right behind the other, and what is in them is looked at later:
   * memory is waited for once (benchmark {@code DirtySweep}, 0.1 % dirty: 1.75 and 1.67 times
   * reading).
   *
   * @param tables physical addresses of pages, or {@link #NONE}
   * @param from the first to look at
   * @param to the first not to look at
   * @param place as for {@link #lock}, of table 0
   * @param writes gets it for each; negative where a page does not stand at its place, where
   *     somebody has locked it, and for none
   */
  public void writes(long[] tables, int from, int to, long place, long[] writes) {
    for (int i = from; i < to; i++) {
      writes[i] = tables[i] == NONE ? NONE : records.writes(pageIndex(tables[i]));
    }
    VarHandle.acquireFence(); // a place belongs to the writes before it
    for (int i = from; i < to; i++) {
      if (writes[i] >= 0 && records.place(pageIndex(tables[i])) != place + i * REGION_BYTES) {
        writes[i] = PageRecords.GONE;
      }
    }
  }

  /**
   * Which tables were read at one moment, hardware aside: no writer has had them, as seen after all
   * loads before this call.
   *
   * @param tables physical addresses of pages, or {@link #NONE}
   * @param from the first to look at
   * @param to the first not to look at, at most 64
   * @param writes what {@link #writes} told; negative ones are passed over
   * @return bit {@code i} for table {@code i}: 0 if what was read is good for nothing
   */
  public long unwritten(long[] tables, int from, int to, long[] writes) {
    VarHandle.loadLoadFence();
    long unwritten = 0;
    for (int i = from; i < to; i++) {
      boolean isUnwritten = writes[i] >= 0 && records.writes(pageIndex(tables[i])) == writes[i];
      unwritten |= isUnwritten ? 1L << i : 0;
    }
    return unwritten;
  }

  /**
   * Locks a table if no writer has had it since it was read without its lock.
   *
   * @param table physical address of a page
   * @param seen what {@link #writes} told, not negative
   * @return whether it is locked now, and stands where it stood then
   */
  public boolean tryLockUnwritten(long table, long seen) {
    return records.tryLockUnwritten(pageIndex(table), seen);
  }

  /**
   * Unlocks a table.
   *
   * @param table physical address of a page that the caller has locked
   */
  public void unlock(long table) {
    records.unlock(pageIndex(table));
  }

  /**
   * Unlocks a table.
   *
   * @param table physical address of a page that the caller has locked
   * @return what {@link #writes} tells until another writer has had it
   */
  public final long unlockSeen(long table) {
    long seen = records.unlocked(pageIndex(table));
    unlock(table);
    return seen;
  }

  /**
   * Counts as {@link #count}, and unlocks a table.
   *
   * @param table physical address of a page that the caller has locked
   * @param live change of the number of entries present
   * @param stores number of entries written
   */
  public void unlock(long table, int live, int stores) {
    records.unlock(pageIndex(table), live, stores);
  }

  /**
   * Does so for a table that nobody has counted in since it was locked, without looking at it.
   *
   * @param table physical address of a page that the caller has locked
   * @param state what {@link #tryLock} returned
   * @param live change of the number of entries present
   * @param stores number of entries written
   */
  public void unlock(long table, long state, int live, int stores) {
    records.unlock(pageIndex(table), state, live, stores);
  }

  /**
   * Counts likewise, and unlocks the table unless no entry is left in it.
   *
   * @param table physical address of a page that the caller has locked
   * @param state what {@link #tryLock} returned
   * @param live change of the number of entries present
   * @param stores number of entries written
   * @return whether it is unlocked
   */
  public boolean unlockIfLive(long table, long state, int live, int stores) {
    return records.unlockIfLive(pageIndex(table), state, live, stores);
  }

  /**
   * Makes a table one that is not found at its place any more, and unlocks it: whoever waits for
   * its lock looks for it again from the top.
   *
   * @param table physical address of a page that the caller has locked
   * @param tag what it is found by instead: a word whose three low bits are ones, which no place
   *     has
   */
  public void abandon(long table, long tag) {
    setPlace(table, tag);
    unlock(table);
  }

  /**
   * Makes a table one of another level, at another place. Readers may be in it: see {@link
   * #reclaim}.
   *
   * @param table physical address of a page that the caller has locked, with no entry present
   * @param level hardware level of the table it becomes, 1 to 6
   * @param place where it stands now
   */
  public final void relevel(long table, int level, long place) {
    records.setLevel(pageIndex(table), level);
    records.setPlace(pageIndex(table), place);
  }

  /**
   * How many entries of a table are present, as its writers count them.
   *
   * @param table physical address of a page that was taken
   * @return 0 to 512
   */
  public final int live(long table) {
    return records.live(pageIndex(table));
  }

  /**
   * How many entries were written to a table since it was taken.
   *
   * @param table physical address of a page that was taken
   * @return number of stores, as its writers count them
   */
  public final long stores(long table) {
    return records.stores(pageIndex(table));
  }

  /**
   * Counts entries that appear in or vanish from a table, and the stores that this took.
   *
   * @param table physical address of a page that the caller has locked
   * @param live change of the number of entries present
   * @param stores number of entries written
   */
  public final void count(long table, int live, int stores) {
    records.count(pageIndex(table), live, stores);
  }

  // ---- detached pages ------------------------------------------------------------------------

  /**
   * Gives a table another place, or the tag of a detached one.
   *
   * @param table physical address of a page that the caller has locked
   * @param place the new place, or a tag: three low bits of ones, which no place has
   */
  public void setPlace(long table, long place) {
    records.setPlace(pageIndex(table), place);
  }

  /**
   * Makes a detached table one of the tree again. It counts no entries and no stores.
   *
   * @param table physical address of a page that the caller has locked
   * @param place where it stands now
   */
  public void reuse(long table, long place) {
    records.reuse(pageIndex(table), place);
  }

  /**
   * Pages below a detached table that are put back together with it.
   *
   * @param table physical address of a detached page that is no leaf table
   * @return what {@link #setBelow} said
   */
  public final long below(long table) {
    return records.below(pageIndex(table));
  }

  /**
   * Notes how many pages below a table are put back together with it. Its stores are forgotten.
   *
   * @param table physical address of a page that the caller has locked, of no leaf table
   * @param pages number of pages, from 0
   */
  public final void setBelow(long table, long pages) {
    records.setBelow(pageIndex(table), pages);
  }

  /**
   * The level of a table.
   *
   * @param table physical address of a page that was taken
   * @return 1 to 6
   */
  public final int level(long table) {
    return records.level(pageIndex(table));
  }

  /**
   * Whether a detached table is full of leaves that hardware may mark.
   *
   * @param table physical address of a detached page
   * @return what {@link #setShadow} said
   */
  public final boolean isShadow(long table) {
    return records.isShadow(pageIndex(table));
  }

  /**
   * Notes that a detached table is full of leaves that hardware may mark.
   *
   * @param table physical address of a detached page that the caller has locked
   */
  public void setShadow(long table) {
    records.setShadow(pageIndex(table));
  }

  /**
   * Whether a table stays in the tree although it is empty.
   *
   * @param table physical address of a page that was taken
   * @return what {@link #setHeld} said
   */
  public final boolean isHeld(long table) {
    return records.isHeld(pageIndex(table));
  }

  /**
   * Whether a table is empty and need not stay in the tree.
   *
   * @param table physical address of a page that the caller has locked
   * @return whether no entry is counted in it and it is not held
   */
  public final boolean isVacant(long table) {
    return records.isVacant(pageIndex(table));
  }

  /**
   * Says whether a table stays in the tree although it is empty.
   *
   * @param table physical address of a page that the caller has locked
   * @param isHeld by default false
   */
  public void setHeld(long table, boolean isHeld) {
    records.setHeld(pageIndex(table), isHeld);
  }

  /**
   * The page behind a page in its list.
   *
   * @param table physical address of a linked page
   * @return physical address, or {@link #NONE} at the end
   */
  public final long next(long table) {
    return table(records.next(pageIndex(table)));
  }

  /**
   * The page before a page in its list.
   *
   * @param table physical address of a linked page
   * @return physical address, or {@link #NONE} at the head
   */
  public final long previous(long table) {
    return table(records.previous(pageIndex(table)));
  }

  /**
   * Links a page into a list, which costs no memory.
   *
   * @param table physical address of a detached page
   * @param next the page behind it, or {@link #NONE}
   * @param previous the page before it, or {@link #NONE}
   */
  public final void setLinks(long table, long next, long previous) {
    records.setLinks(pageIndex(table), linked(next), linked(previous));
  }

  /**
   * Who waits to put a detached page back.
   *
   * @param table physical address of a detached page
   * @return what {@link #setHolder} was given
   */
  public final int gather(long table) {
    return records.gather(pageIndex(table));
  }

  /**
   * The table that a detached page stood in.
   *
   * @param table physical address of a detached page
   * @return physical address, or {@link #NONE} where that is not known
   */
  public final long parent(long table) {
    return table(records.parent(pageIndex(table)));
  }

  /**
   * Notes who waits to put a detached page back, and where it stood.
   *
   * @param table physical address of a detached page
   * @param gather a number of the caller's
   * @param parent physical address of the table that it stood in, or {@link #NONE}
   */
  public final void setHolder(long table, int gather, long parent) {
    records.setHolder(pageIndex(table), gather, linked(parent));
  }

  private long table(int page) {
    return page < 0 ? NONE : base + ((long) page << PAGE_LOG2);
  }

  private int linked(long table) {
    return table == NONE ? -1 : pageIndex(table);
  }

  /**
   * Locks a list of detached pages. No other lock is waited for by who has it.
   *
   * @param list any number; different lists may share a lock
   */
  public void lockList(int list) {
    int at = listAt(list);
    int attempts = 0;
    while (!LISTS.compareAndSet(lists, at, 0L, 1L)) {
      pause(attempts++);
    }
  }

  /**
   * Unlocks a list of detached pages.
   *
   * @param list as for {@link #lockList}
   */
  public void unlockList(int list) {
    LISTS.setRelease(lists, listAt(list), 0L);
  }

  private static int listAt(int list) {
    return ((list & LIST_LOCKS - 1) + 1) << LIST_STRIDE_LOG2;
  }

  // ---- accounts ------------------------------------------------------------------------------

  /** {@return the same to be written to, for hardware that sets accessed and dirty bits} */
  public final MemorySegment hardwareView() {
    var _ = pool(); // an image is not to be written to
    return words.segment();
  }

  /** {@return bytes of the pages taken and not yet put back} */
  public final long usedBytes() {
    return pool().usedPages() << PAGE_LOG2;
  }

  /**
   * {@return the most bytes that were ever in use} Where threads took pages at the same time it is
   * what was seen now and then, to within a few pages a thread.
   */
  public final long peakBytes() {
    return pool().peakPages() << PAGE_LOG2;
  }

  /**
   * Pages in use at a level. All pages ever used are looked at.
   *
   * @param level hardware level, 1 to 6
   * @return number of pages
   */
  public final long pagesAt(int level) {
    return pool().pages(level);
  }

  /** {@return bytes that are kept beside each page ever used, to manage it} */
  public static int metadataBytesPerPage() {
    return PageRecords.RECORD_BYTES;
  }

  /**
   * {@return whether memory is backed only when it is first touched; false where the portable
   * fallback is in use}
   */
  public static boolean isLazy() {
    return NativePages.isLazy();
  }

  /** {@return whether {@link #close} has been called, or the caller's memory is gone} */
  public final boolean isClosed() {
    return words.isGone();
  }

  /**
   * Gives everything back. Closing it again does nothing.
   *
   * @throws IllegalStateException if pages are still in use, which are then gone all the same
   */
  @Override
  public void close() {
    if (words.isClosed()) {
      return;
    }
    boolean isGone = words.isGone();
    words.close();
    if (pool != null) {
      long leaked = pool.close();
      if (leaked != 0 && !isGone) {
        throw new IllegalStateException(
            String.format(
                Locale.ROOT,
                "table memory closed with %d table pages in use: close their tables first",
                leaked));
      }
    }
  }
}
