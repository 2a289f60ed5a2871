package dev.cleave.engine.memory;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Which pages of a table memory are free, and a small record of each.
 *
 * <pre>
 *   0      2     3      4           8           16          24
 *  +------+-----+------+-----------+-----------+-----------+
 *  | live |level| zero | free link |    tag    | next page |
 *  +------+-----+------+-----------+-----------+-----------+
 *    in use            | free      | detached, waiting for a flush
 * </pre>
 *
 * <p>Pages are numbered from 0. A free page is on a stack, or has never been used: those begin at
 * {@code fresh}. Pages promised and pages in use together never pass the limit, so a page that was
 * promised is always there to be taken.
 *
 * <p>Thread-safe and lock-free, but for {@link #live} counts, whose writers the table orders.
 */
final class PagePool {
  static final int RECORD_BYTES = 24;

  private static final int LIVE = 0;
  private static final int LEVEL = 2;
  private static final int ZERO = 3;
  private static final int FREE_LINK = 4;
  private static final int TAG = 8;
  private static final int NEXT = 16;

  private static final VarHandle SHORT = ValueLayout.JAVA_SHORT.varHandle();
  private static final VarHandle BYTE = ValueLayout.JAVA_BYTE.varHandle();
  private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();
  private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

  private static final int LEVELS = 7;
  private static final long LINK_MASK = 0xFFFF_FFFFL;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment records;
  private final boolean freshIsZero;

  /** Pages that may still be promised. */
  private final AtomicLong available;

  /** The first page never used. */
  private final AtomicInteger fresh = new AtomicInteger();

  /** Top of the stack of free pages: its number plus 1 below, a count of changes above. */
  private final AtomicLong free = new AtomicLong();

  private final AtomicLong peak = new AtomicLong();
  private final AtomicLongArray perLevel = new AtomicLongArray(LEVELS);

  PagePool(long capacityBytes, long limitBytes, boolean freshIsZero) {
    long capacityPages = capacityBytes >>> PAGE_LOG2;
    if (capacityPages > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "capacity must be at most %d pages of 4096 bytes, capacity=%d bytes"
              .formatted(Integer.MAX_VALUE, capacityBytes));
    }
    this.available = new AtomicLong(limitBytes >>> PAGE_LOG2);
    this.freshIsZero = freshIsZero;
    long recordBytes = (capacityPages * RECORD_BYTES + PAGE_BYTES - 1) & -(long) PAGE_BYTES;
    this.records = NativePages.reserve(recordBytes, arena);
  }

  private static long at(int page, int field) {
    return (long) page * RECORD_BYTES + field;
  }

  boolean tryReserve(long count) {
    long now;
    do {
      now = available.get();
      if (now < count) {
        return false;
      }
    } while (!available.compareAndSet(now, now - count));
    return true;
  }

  void unreserve(long count) {
    available.getAndAdd(count);
  }

  int take(int level) {
    int page = pop();
    if (page < 0) {
      page = fresh.getAndIncrement();
      BYTE.set(records, at(page, ZERO), (byte) (freshIsZero ? 1 : 0));
    }
    BYTE.set(records, at(page, LEVEL), (byte) level);
    SHORT.set(records, at(page, LIVE), (short) 0);
    perLevel.getAndIncrement(level);
    notePeak();
    return page;
  }

  private void notePeak() {
    long used = usedPages();
    long seen = peak.get();
    while (used > seen && !peak.compareAndSet(seen, used)) {
      seen = peak.get();
    }
  }

  void relevel(int page, int level) {
    perLevel.getAndIncrement(level);
    perLevel.getAndDecrement(levelOf(page));
    BYTE.set(records, at(page, LEVEL), (byte) level);
  }

  private int levelOf(int page) {
    return (byte) BYTE.get(records, at(page, LEVEL));
  }

  void release(int page) {
    perLevel.getAndDecrement(levelOf(page));
    push(page);
    available.getAndIncrement(); // after the push: whoever is promised the page finds it
  }

  private int pop() {
    while (true) {
      long top = free.get();
      int page = (int) (top & LINK_MASK) - 1;
      if (page < 0) {
        return -1;
      }
      long below = (int) INT.getOpaque(records, at(page, FREE_LINK)) & LINK_MASK;
      if (free.compareAndSet(top, changed(top) | below)) {
        return page;
      }
    }
  }

  private void push(int page) {
    long top;
    do {
      top = free.get();
      INT.setOpaque(records, at(page, FREE_LINK), (int) (top & LINK_MASK));
    } while (!free.compareAndSet(top, changed(top) | (page + 1)));
  }

  /** The count of changes, one up: a stack that came back to the same top is not the same. */
  private static long changed(long top) {
    return (top & ~LINK_MASK) + LINK_MASK + 1;
  }

  boolean isZero(int page) {
    return (byte) BYTE.get(records, at(page, ZERO)) != 0;
  }

  void markDirty(int page) {
    BYTE.set(records, at(page, ZERO), (byte) 0);
  }

  int live(int page) {
    return (short) SHORT.getOpaque(records, at(page, LIVE));
  }

  int addLive(int page, int change) {
    int live = live(page) + change;
    SHORT.setOpaque(records, at(page, LIVE), (short) live);
    return live;
  }

  void link(int page, long next, long tag) {
    LONG.set(records, at(page, NEXT), next);
    LONG.set(records, at(page, TAG), tag);
  }

  long next(int page) {
    return (long) LONG.get(records, at(page, NEXT));
  }

  long tag(int page) {
    return (long) LONG.get(records, at(page, TAG));
  }

  long trim(MemorySegment pages) {
    int[] freed = new int[64];
    int count = 0;
    // Each page taken out is reserved first: what others were promised stays to be found.
    while (tryReserve(1)) {
      int page = pop();
      if (page < 0) {
        unreserve(1);
        break;
      }
      if (count == freed.length) {
        freed = Arrays.copyOf(freed, 2 * count);
      }
      freed[count++] = page;
    }
    Arrays.sort(freed, 0, count);
    long bytes = 0;
    for (int i = 0; i < count; ) {
      int end = i + 1;
      while (end < count && freed[end] == freed[i] + (end - i)) {
        end++;
      }
      long run = (long) (end - i) << PAGE_LOG2;
      boolean given = NativePages.discard(pages.asSlice((long) freed[i] << PAGE_LOG2, run));
      bytes += given ? run : 0;
      for (; i < end; i++) {
        BYTE.set(records, at(freed[i], ZERO), (byte) (given && freshIsZero ? 1 : 0));
        push(freed[i]);
        unreserve(1);
      }
    }
    return bytes;
  }

  long usedPages() {
    long used = 0;
    for (int level = 0; level < LEVELS; level++) {
      used += perLevel.get(level);
    }
    return used;
  }

  long peakPages() {
    return peak.get();
  }

  long pages(int level) {
    return perLevel.get(level);
  }

  /** Gives the records back and returns the number of pages still in use. */
  long close() {
    arena.close();
    return usedPages();
  }
}
