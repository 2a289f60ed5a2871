package dev.cleave.bench.report;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.replay.PolicyRun;
import dev.cleave.bench.report.PageRuns.Run;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Looks at a table and the page states beside it, page by page: the value of a page is the
 * logarithm of the size of its leaf, 0 without one, and the flags {@link #SHARED} and {@link
 * #LARGE}.
 *
 * <p>Not thread-safe.
 */
final class MemorySurvey {
  /** The page is shared. */
  static final int SHARED = 1 << 6;

  /** The page is private under an RMP entry of 2 MiB. */
  static final int LARGE = 1 << 7;

  private static final int SIZE_MASK = SHARED - 1;

  private final LeafCursor leaves;
  private final @Nullable RmpBitmap states;
  private final List<Run> runs = new ArrayList<>();

  MemorySurvey(PolicyRun run) {
    leaves = run.table().leaves();
    states = run.pageStates();
  }

  /** The logarithm in a value. */
  static int sizeLog2(int value) {
    return value & SIZE_MASK;
  }

  /** The leaf's size at a page, as a logarithm; 0 without one. */
  int sizeLog2At(long page) {
    long address = page << PAGE_LOG2;
    return leaves.over(address, address).advance() ? leaves.sizeLog2() : 0;
  }

  /** The values of some pages, whose states have not changed since they were last known. */
  List<Run> leavesOver(long from, long end, PageRuns known) {
    List<Run> before = known.over(from, end);
    collect(from, end, this::add);
    List<Run> sizes = List.copyOf(runs);
    runs.clear();
    int at = 0;
    long left = sizes.getFirst().pages();
    for (Run run : before) {
      for (long pages = run.pages(), part; pages > 0; pages -= part) {
        if (left == 0) {
          left = sizes.get(++at).pages();
        }
        part = Math.min(pages, left);
        left -= part;
        add(0, part, (run.value() & ~SIZE_MASK) | sizes.get(at).value());
      }
    }
    return List.copyOf(runs);
  }

  /** The values of some pages. */
  List<Run> over(long from, long end) {
    collect(from, end, states == null ? this::add : this::addByState);
    return List.copyOf(runs);
  }

  private interface Taker {
    void take(long from, long end, int sizeLog2);
  }

  /** Goes through leaves and holes; neighbours of one size are taken together. */
  private void collect(long from, long end, Taker taker) {
    runs.clear();
    long last = (end << PAGE_LOG2) - 1;
    leaves.over(from << PAGE_LOG2, last);
    long at = from;
    long runStart = from;
    int size = 0;
    while (leaves.advance()) {
      long iova = Math.max(leaves.iova() >>> PAGE_LOG2, from);
      if (iova != at || leaves.sizeLog2() != size) {
        taker.take(runStart, at, size);
        taker.take(at, iova, 0);
        runStart = iova;
        size = leaves.sizeLog2();
      }
      long pages = 1L << (leaves.sizeLog2() - PAGE_LOG2);
      at = Math.min((leaves.iova() >>> PAGE_LOG2) + pages, end);
    }
    taker.take(runStart, at, size);
    taker.take(at, end, 0);
  }

  /** Adds pages with leaves of one size, by their states. */
  private void addByState(long from, long end, int size) {
    long guestEnd = Math.min(end, states.guestBytes() >>> PAGE_LOG2);
    for (long at = from, next; at < guestEnd; at = next) {
      long gpa = at << PAGE_LOG2;
      next = Math.min(((gpa & -REGION_BYTES) + REGION_BYTES) >>> PAGE_LOG2, guestEnd);
      if (states.isLarge(gpa)) {
        add(at, next, size | LARGE);
      } else if (states.isPrivate(gpa)) {
        add(at, next, size);
      } else {
        for (long page = at; page < next; page++) {
          add(page, page + 1, states.isShared(page * PAGE_BYTES) ? size | SHARED : size);
        }
      }
    }
    add(Math.max(from, guestEnd), end, size);
  }

  private void add(long from, long end, int value) {
    if (from >= end) {
      return;
    }
    if (!runs.isEmpty() && runs.getLast().value() == value) {
      runs.set(runs.size() - 1, new Run(runs.getLast().pages() + end - from, value));
    } else {
      runs.add(new Run(end - from, value));
    }
  }
}
