package dev.cleave.engine.memory;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;

import dev.cleave.engine.recording.Recording;
import dev.cleave.engine.recording.TableMemoryGrowthEvent;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Which pages of a table memory are free.
 *
 * <p>Pages are numbered from 0. A free page is on a stack, or has never been used: those begin at
 * {@code fresh}. Pages promised and pages in use together never pass the limit, so a page that was
 * promised is always there to be taken.
 *
 * <p>Threads keep out of each other's way: each works on a stripe, with a few free pages and a few
 * promises to give, which is filled from what is common and flows back to it in batches. There is
 * one stripe until two threads meet. What a thread needs and does not find in its stripe or in
 * common it takes from the others' stripes.
 *
 * <p>Thread-safe. No thread waits for another that holds a stripe, unless all are held.
 */
final class PagePool {
  private static final int BATCH = 32;
  private static final int MOST_AT_ONCE = 16 * BATCH;
  private static final int MAX_STRIPES = 16;
  private static final int NONE = -1;
  private static final long LINK_MASK = 0xFFFF_FFFFL;

  private final PageRecords records;
  private final boolean freshIsZero;
  private final int capacityPages;

  /** Pages that may still be promised, besides those that stripes may promise. */
  private final AtomicLong available;

  /** The first page never used. */
  private final AtomicInteger fresh = new AtomicInteger();

  /** Top of the stack of free pages: its number plus 1 below, a count of changes above. */
  private final AtomicLong free = new AtomicLong();

  private final Stripe[] stripes = new Stripe[MAX_STRIPES];
  private volatile int active = 1;
  private final AtomicLong peak = new AtomicLong();

  /** What one thread at a time uses; as large as to share no cache line with another. */
  private static final class Stripe {
    private static final VarHandle BUSY;
    private static final VarHandle USED;

    static {
      try {
        MethodHandles.Lookup lookup = MethodHandles.lookup();
        BUSY = lookup.findVarHandle(Stripe.class, "busy", boolean.class);
        USED = lookup.findVarHandle(Stripe.class, "used", long.class);
      } catch (ReflectiveOperationException e) {
        throw new ExceptionInInitializerError(e);
      }
    }

    @SuppressWarnings("unused") // by the handle
    private boolean busy;

    /** Free pages: the top of a stack, linked by their records. */
    int top = NONE;

    int pages;

    /** Pages that may be promised. */
    long credit;

    /** Pages handed out, less those put back, here. */
    @SuppressWarnings("unused") // by the handle
    private long used;

    @SuppressWarnings("unused")
    private long pad0, pad1, pad2, pad3, pad4, pad5, pad6, pad7, pad8, pad9, pad10, pad11;

    boolean tryEnter() {
      return !(boolean) BUSY.getOpaque(this) && BUSY.compareAndSet(this, false, true);
    }

    void leave() {
      BUSY.setRelease(this, false);
    }

    /** Only by who has entered. */
    void addUsed(long change) {
      USED.setOpaque(this, used() + change);
    }

    long used() {
      return (long) USED.getOpaque(this);
    }
  }

  PagePool(long capacityBytes, long limitBytes, boolean freshIsZero) {
    checkCapacity(capacityBytes);
    this.capacityPages = (int) (capacityBytes >>> PAGE_LOG2);
    this.available = new AtomicLong(limitBytes >>> PAGE_LOG2);
    this.freshIsZero = freshIsZero;
    this.records = new PageRecords(capacityPages);
    Arrays.setAll(stripes, _ -> new Stripe());
  }

  /** Refuses more pages than can be numbered. */
  static void checkCapacity(long bytes) {
    if (bytes >>> PAGE_LOG2 > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "capacity must be at most %d pages of 4096 bytes, capacity=%d bytes"
              .formatted(Integer.MAX_VALUE, bytes));
    }
  }

  PageRecords records() {
    return records;
  }

  // ---- stripes -------------------------------------------------------------------------------

  /** Enters the thread's own stripe, or another that nobody is in. */
  private Stripe enter() {
    int at = (int) Thread.currentThread().threadId();
    while (true) {
      int count = active;
      for (int i = 0; i < count; i++) {
        Stripe stripe = stripes[(at + i) & (count - 1)];
        if (stripe.tryEnter()) {
          return stripe;
        }
      }
      if (count < MAX_STRIPES) {
        active = 2 * count; // two threads that do so at once do the same
      }
      Thread.onSpinWait();
    }
  }

  private static void enter(Stripe stripe) {
    while (!stripe.tryEnter()) {
      Thread.onSpinWait();
    }
  }

  // ---- promises ------------------------------------------------------------------------------

  boolean tryReserve(long count) {
    Stripe own = enter();
    boolean enough = own.credit >= count || getCredit(own, count);
    if (enough) {
      own.credit -= count;
    }
    own.leave();
    return enough || reserveFromAll(count);
  }

  /** Near the limit a stripe gets no more than it needs, so that no promise lies idle. */
  private boolean getCredit(Stripe own, long count) {
    long needed = count - own.credit;
    long more = available.get() - needed > (long) MAX_STRIPES * BATCH ? BATCH : 0;
    if (!get(needed + more)) {
      return false;
    }
    own.credit += needed + more;
    return true;
  }

  private boolean get(long count) {
    long now;
    do {
      now = available.get();
      if (now < count) {
        return false;
      }
    } while (!available.compareAndSet(now, now - count));
    return true;
  }

  private boolean reserveFromAll(long count) {
    for (Stripe stripe : stripes) {
      enter(stripe);
      available.getAndAdd(stripe.credit);
      stripe.credit = 0;
      stripe.leave();
    }
    return get(count);
  }

  void unreserve(long count) {
    Stripe own = enter();
    giveCredit(own, count);
    own.leave();
  }

  private void giveCredit(Stripe own, long count) {
    own.credit += count;
    if (own.credit > 2 * BATCH) {
      available.getAndAdd(own.credit - BATCH);
      own.credit = BATCH;
    }
  }

  // ---- pages ---------------------------------------------------------------------------------

  /** Takes a page that was promised; it is locked. */
  int take(int level, long place) {
    Stripe own = enter();
    if (own.top == NONE) {
      refill(own);
    }
    int page = pop(own);
    own.addUsed(1);
    if (active == 1) {
      notePeak();
    }
    own.leave();
    if (page == NONE) {
      page = steal();
    }
    records.begin(page, level, place);
    return page;
  }

  void release(int page) {
    Stripe own = enter();
    records.end(page, own.top);
    own.top = page;
    own.pages++;
    own.addUsed(-1);
    spill(own);
    giveCredit(own, 1); // after the page is there: whoever is promised it finds it
    own.leave();
  }

  /** Puts a list of pages back. */
  void releaseAll(int first) {
    int page = first;
    while (page != NONE) {
      page = releaseSome(page);
    }
  }

  /**
   * Enters a stripe once for many pages, which halves what each costs, and yet not for long.
   *
   * @return the first page that is left, or NONE
   */
  private int releaseSome(int first) {
    Stripe own = enter();
    int count = 0;
    int page = first;
    while (page != NONE && count < MOST_AT_ONCE) {
      int next = records.next(page);
      records.end(page, own.top);
      own.top = page;
      count++;
      page = next;
    }
    own.pages += count;
    own.addUsed(-count);
    spill(own);
    giveCredit(own, count);
    own.leave();
    return page;
  }

  /** Gives what a stripe has too much to the common stack. */
  private void spill(Stripe own) {
    if (own.pages <= 4 * BATCH) {
      return;
    }
    int first = own.top;
    int last = first;
    int count = own.pages - 2 * BATCH;
    for (int i = 1; i < count; i++) {
      last = records.freeLink(last);
    }
    own.top = records.freeLink(last);
    own.pages -= count;
    push(first, last);
  }

  private void push(Stripe stripe, int page) {
    records.setFreeLink(page, stripe.top);
    stripe.top = page;
    stripe.pages++;
  }

  private int pop(Stripe stripe) {
    int page = stripe.top;
    if (page != NONE) {
      stripe.top = records.freeLink(page);
      stripe.pages--;
    }
    return page;
  }

  /** What a change of the common stack is compared with; for tests. */
  long stackWord() {
    return free.get();
  }

  private void refill(Stripe own) {
    notePeak();
    int first = NONE;
    for (int i = 0; i < BATCH; i++) {
      int page = pop();
      if (page == NONE) {
        break;
      }
      push(own, page);
      first = page;
    }
    if (first != NONE) {
      return;
    }
    TableMemoryGrowthEvent event = Recording.ofGrowth() ? new TableMemoryGrowthEvent() : null;
    int from;
    int to;
    do {
      from = fresh.get();
      to = Math.min(capacityPages - from, BATCH) + from;
    } while (!fresh.compareAndSet(from, to));
    for (int page = to - 1; page >= from; page--) {
      records.setZero(page, freshIsZero);
      push(own, page);
    }
    if (event != null && to > from) {
      event.done((long) to << PAGE_LOG2);
    }
  }

  /** The page that was promised is in another stripe, or on its way to the common stack. */
  private int steal() {
    while (true) {
      int page = pop();
      for (int i = 0; page == NONE && i < MAX_STRIPES; i++) {
        enter(stripes[i]);
        page = pop(stripes[i]);
        stripes[i].leave();
      }
      if (page != NONE) {
        return page;
      }
      Thread.onSpinWait();
    }
  }

  private int pop() {
    while (true) {
      long top = free.get();
      int page = (int) (top & LINK_MASK) - 1;
      if (page < 0) {
        return NONE;
      }
      long below = (records.freeLink(page) + 1L) & LINK_MASK;
      if (free.compareAndSet(top, changed(top) | below)) {
        return page;
      }
    }
  }

  private void push(int page) {
    push(page, page);
  }

  /** Puts pages that are linked onto the common stack. */
  private void push(int first, int last) {
    long top;
    do {
      top = free.get();
      records.setFreeLink(last, (int) (top & LINK_MASK) - 1);
    } while (!free.compareAndSet(top, changed(top) | (first + 1)));
  }

  /** The count of changes, one up: a stack that came back to the same top is not the same. */
  private static long changed(long top) {
    return (top & ~LINK_MASK) + LINK_MASK + 1;
  }

  /** Gives the memory of free pages back to the system, and returns how many bytes that was. */
  long trim(MemorySegment pages) {
    for (Stripe stripe : stripes) {
      enter(stripe);
      while (stripe.top != NONE) {
        push(pop(stripe));
      }
      stripe.leave();
    }
    int[] freed = new int[64];
    int count = 0;
    // Each page taken out is reserved first: what others were promised stays to be found.
    while (tryReserve(1)) {
      int page = pop();
      if (page == NONE) {
        unreserve(1);
        break;
      }
      if (count == freed.length) {
        freed = Arrays.copyOf(freed, 2 * count);
      }
      freed[count++] = page;
    }
    long bytes = discard(pages, freed, count);
    for (int i = 0; i < count; i++) {
      push(freed[i]);
      unreserve(1);
    }
    return bytes;
  }

  /** Gives back the memory of those pages that do not read as zeros already. */
  private long discard(MemorySegment pages, int[] freed, int count) {
    Arrays.sort(freed, 0, count);
    long bytes = 0;
    for (int i = 0; i < count; ) {
      int end = i;
      while (end < count && freed[end] == freed[i] + (end - i) && !records.isZero(freed[end])) {
        end++;
      }
      long run = (long) (end - i) << PAGE_LOG2;
      if (run == 0) {
        i++;
      } else if (NativePages.discard(pages.asSlice((long) freed[i] << PAGE_LOG2, run))) {
        bytes += run;
        for (; i < end; i++) {
          records.setZero(freed[i], freshIsZero);
        }
      }
      i = Math.max(i, end);
    }
    return bytes;
  }

  // ---- accounts ------------------------------------------------------------------------------

  private void notePeak() {
    long used = usedPages();
    long seen = peak.get();
    while (used > seen && !peak.compareAndSet(seen, used)) {
      seen = peak.get();
    }
  }

  long usedPages() {
    long used = 0;
    int count = active;
    for (int i = 0; i < count; i++) {
      used += stripes[i].used();
    }
    return used;
  }

  long peakPages() {
    notePeak();
    return peak.get();
  }

  long pages(int level) {
    long pages = 0;
    int end = fresh.get();
    for (int page = 0; page < end; page++) {
      pages += records.place(page) != 0 && records.level(page) == level ? 1 : 0;
    }
    return pages;
  }

  /** Gives the records back and returns the number of pages still in use. */
  long close() {
    records.close();
    return usedPages();
  }
}
