package dev.cleave.engine.memory;

import java.util.concurrent.atomic.AtomicLong;

/**
 * A stack of batches of free pages. The pages of a batch are linked, and come and go together: one
 * change for a batch keeps threads that take thousands of pages from meeting here (benchmark {@code
 * BulkByTwo}).
 *
 * <p>Thread-safe.
 */
final class PageBatches {
  private static final int NONE = -1;
  private static final long LINK_MASK = 0xFFFF_FFFFL;

  private final PageRecords records;

  /** The number of the first page of the batch on top, plus 1, below; a count of changes above. */
  private final AtomicLong top = new AtomicLong();

  PageBatches(PageRecords records) {
    this.records = records;
  }

  /** Takes the batch on top: its first page, whose record says how many there are, or -1. */
  int pop() {
    while (true) {
      long now = top.get();
      int page = (int) (now & LINK_MASK) - 1;
      if (page < 0) {
        return NONE;
      }
      long below = (records.batchBelow(page) + 1L) & LINK_MASK;
      if (top.compareAndSet(now, changed(now) | below)) {
        return page;
      }
    }
  }

  /** Puts a list of so many pages on top. */
  void push(int first, int count) {
    long now;
    do {
      now = top.get();
      records.setBatch(first, (int) (now & LINK_MASK) - 1, count);
    } while (!top.compareAndSet(now, changed(now) | (first + 1)));
  }

  /** The count of changes, one up: a stack that came back to the same top is not the same. */
  private static long changed(long top) {
    return (top & ~LINK_MASK) + LINK_MASK + 1;
  }

  /** What a change is compared with; for tests. */
  long word() {
    return top.get();
  }
}
