package dev.cleave.engine.memory;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;

import dev.cleave.engine.recording.Recording;
import dev.cleave.engine.recording.TableMemoryGrowthEvent;
import java.lang.foreign.MemorySegment;
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

  private final PageRecords records;
  private final boolean freshIsZero;
  private final int capacityPages;

  /** Pages that may still be promised, besides those that stripes may promise. */
  private final AtomicLong available;

  /** The first page never used. */
  private final AtomicInteger fresh = new AtomicInteger();

  /** Free pages that are in no stripe. */
  private final PageBatches common;

  private final PageStripe[] stripes = new PageStripe[MAX_STRIPES];
  private volatile int active = 1;
  private final AtomicLong peak = new AtomicLong();

  PagePool(long capacityBytes, long limitBytes, boolean freshIsZero) {
    checkCapacity(capacityBytes);
    this.capacityPages = (int) (capacityBytes >>> PAGE_LOG2);
    this.available = new AtomicLong(limitBytes >>> PAGE_LOG2);
    this.freshIsZero = freshIsZero;
    this.records = new PageRecords(capacityPages);
    this.common = new PageBatches(records);
    Arrays.setAll(stripes, _ -> new PageStripe());
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

  /** For tests. */
  PageBatches common() {
    return common;
  }

  // ---- stripes -------------------------------------------------------------------------------

  /** Enters the thread's own stripe, or another that nobody is in. */
  private PageStripe enter() {
    int at = (int) Thread.currentThread().threadId();
    PageStripe own = stripes[at & (active - 1)];
    return own.tryEnter() ? own : enterAny(at);
  }

  /**
   * Enters another stripe. Two threads that share one would go on meeting there: from now on there
   * are twice as many (benchmark {@code TwoThreads.runsByTwo} with thread ids two apart: 0.6 to 0.9
   * of one thread, and 0.55 so).
   */
  private PageStripe enterAny(int at) {
    while (true) {
      int count = Math.min(2 * active, MAX_STRIPES);
      active = count; // two threads that do so at once do the same
      for (int i = 0; i < count; i++) {
        PageStripe stripe = stripes[(at + i) & (count - 1)];
        if (stripe.tryEnter()) {
          return stripe;
        }
      }
      Thread.onSpinWait();
    }
  }

  private static void enter(PageStripe stripe) {
    while (!stripe.tryEnter()) {
      Thread.onSpinWait();
    }
  }

  // ---- promises ------------------------------------------------------------------------------

  boolean tryReserve(long count) {
    PageStripe own = enter();
    boolean enough = own.credit >= count || getCredit(own, count);
    if (enough) {
      own.credit -= count;
    }
    own.leave();
    return enough || reserveFromAll(count);
  }

  /** Near the limit a stripe gets no more than it needs, so that no promise lies idle. */
  private boolean getCredit(PageStripe own, long count) {
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
    for (PageStripe stripe : stripes) {
      enter(stripe);
      available.getAndAdd(stripe.credit);
      stripe.credit = 0;
      stripe.leave();
    }
    return get(count);
  }

  void unreserve(long count) {
    PageStripe own = enter();
    giveCredit(own, count);
    own.leave();
  }

  private void giveCredit(PageStripe own, long count) {
    own.credit += count;
    if (own.credit > 2 * BATCH) {
      available.getAndAdd(own.credit - BATCH);
      own.credit = BATCH;
    }
  }

  // ---- pages ---------------------------------------------------------------------------------

  /** Takes a page that was promised; it is locked. */
  int take(int level, long place) {
    PageStripe own = enter();
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

  /**
   * Takes pages that were promised, for tables that stand side by side; they are locked, and linked
   * in the order of their places.
   *
   * @param place of the first
   * @param step from one place to the next
   * @return the first
   */
  int takeAll(int level, int count, long place, long step) {
    int first = NONE;
    int left = count;
    PageStripe own = enter();
    while (left > 0) {
      if (own.top == NONE) {
        refill(own);
      }
      int page = pop(own);
      if (page == NONE) {
        break;
      }
      left--;
      first = begin(page, level, place + left * step, first);
    }
    own.addUsed(count);
    if (active == 1) {
      notePeak();
    }
    own.leave();
    while (left > 0) {
      left--;
      first = begin(steal(), level, place + left * step, first);
    }
    return first;
  }

  /** Begins the use of a page that is linked to another. */
  private int begin(int page, int level, long place, int next) {
    records.begin(page, level, place);
    records.setLinks(page, next, NONE);
    return page;
  }

  void release(int page) {
    PageStripe own = enter();
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
    PageStripe own = enter();
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
  private void spill(PageStripe own) {
    while (own.pages > 4 * BATCH) {
      pushBatch(own, 2 * BATCH);
    }
  }

  /** Gives some of a stripe's pages to the common stack. */
  private void pushBatch(PageStripe own, int count) {
    int first = own.top;
    int last = first;
    for (int i = 1; i < count; i++) {
      last = records.freeLink(last);
    }
    own.top = records.freeLink(last);
    own.pages -= count;
    records.setFreeLink(last, NONE);
    common.push(first, count);
  }

  private void push(PageStripe stripe, int page) {
    records.setFreeLink(page, stripe.top);
    stripe.top = page;
    stripe.pages++;
  }

  private int pop(PageStripe stripe) {
    int page = stripe.top;
    if (page != NONE) {
      stripe.top = records.freeLink(page);
      stripe.pages--;
    }
    return page;
  }

  private void refill(PageStripe own) {
    notePeak();
    int first = common.pop();
    if (first != NONE) {
      own.top = first;
      own.pages = records.batchPages(first);
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

  /** Takes one page of the batch on top of the common stack. */
  private int pop() {
    int page = common.pop();
    if (page != NONE) {
      int count = records.batchPages(page);
      if (count > 1) {
        common.push(records.freeLink(page), count - 1);
      }
    }
    return page;
  }

  /** Gives the memory of free pages back to the system, and returns how many bytes that was. */
  long trim(MemorySegment pages) {
    for (PageStripe stripe : stripes) {
      enter(stripe);
      if (stripe.top != NONE) {
        pushBatch(stripe, stripe.pages);
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
    for (int from = 0; from < count; from += 2 * BATCH) {
      putBack(freed, from, Math.min(count - from, 2 * BATCH));
    }
    return bytes;
  }

  /** Puts pages onto the common stack, and gives back that they were reserved. */
  private void putBack(int[] pages, int from, int count) {
    for (int i = from; i < from + count; i++) {
      records.setFreeLink(pages[i], i + 1 < from + count ? pages[i + 1] : NONE);
    }
    common.push(pages[from], count);
    unreserve(count);
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
