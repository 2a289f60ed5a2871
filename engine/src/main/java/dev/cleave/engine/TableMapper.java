package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.tableLog2;

import dev.cleave.engine.memory.TableMemory;

/**
 * Maps a range, or nothing.
 *
 * <ol>
 *   <li>The range is looked at: it must be free.
 *   <li>The table pages that it takes are counted, piece by piece, and reserved.
 *   <li>The top grows until it reaches the range.
 *   <li>The leaves are written. Nothing can fail any more.
 * </ol>
 */
final class TableMapper {
  private final TableMemory memory;
  private final TableProbe probe;
  private final TableWriter writer;
  private final IovaSpace space;
  private final long tableSizes;

  TableMapper(
      TableMemory memory, TableProbe probe, TableWriter writer, IovaSpace space, long tableSizes) {
    this.memory = memory;
    this.probe = probe;
    this.writer = writer;
    this.space = space;
    this.tableSizes = tableSizes;
  }

  /**
   * Maps contiguous memory, in pieces for each of which a rule allows other sizes.
   *
   * @return the top that reaches the range, the same or a new one
   */
  long map(long top, long first, long last, long paddr, long attributes, SizeRule rule) {
    int levels = Math.max(PageTable.levels(top), space.levelsFor(last));
    long tables = newTables(top, levels, first, last);
    long delta = paddr - first;
    for (long at = first, end; ; at = end + 1) {
      end = rule.segmentLast(at, last);
      long sizes = LeafSplitter.sizes(rule, at, tableSizes);
      tables += LeafSizes.tables(at, end, at + delta, sizes, levels, at != first);
      if (end == last) {
        break;
      }
    }
    reserve(tables, first);
    long grown = grow(top, levels);
    for (long at = first, end; ; at = end + 1) {
      end = rule.segmentLast(at, last);
      long sizes = LeafSplitter.sizes(rule, at, tableSizes);
      writer.write(PageTable.root(grown), levels, at, end, at + delta, attributes, sizes, false);
      if (end == last) {
        return grown;
      }
    }
  }

  /**
   * Maps page frames, in runs of consecutive ones.
   *
   * @return the top that reaches the range, the same or a new one
   */
  long mapScattered(
      long top, long first, long last, long[] frames, int from, int count, long attributes) {
    int levels = Math.max(PageTable.levels(top), space.levelsFor(last));
    long tables = newTables(top, levels, first, last);
    int end = from + count;
    for (int i = from, next; i < end; i = next) {
      next = runEnd(frames, i, end);
      long at = first + pages(i - from);
      long runLast = first + pages(next - from) - 1;
      long paddr = frames[i] << PAGE_LOG2;
      tables += LeafSizes.tables(at, runLast, paddr, tableSizes, levels, i != from);
    }
    reserve(tables, first);
    long grown = grow(top, levels);
    for (int i = from, next; i < end; i = next) {
      next = runEnd(frames, i, end);
      long at = first + pages(i - from);
      long runLast = first + pages(next - from) - 1;
      long paddr = frames[i] << PAGE_LOG2;
      writer.write(
          PageTable.root(grown), levels, at, runLast, paddr, attributes, tableSizes, false);
    }
    return grown;
  }

  private static long pages(int count) {
    return (long) count << PAGE_LOG2;
  }

  /** Index behind the run of consecutive frames that begins at an index. */
  static int runEnd(long[] frames, int from, int end) {
    int next = from + 1;
    while (next < end && frames[next] == frames[next - 1] + 1) {
      next++;
    }
    return next;
  }

  /**
   * Table pages that growing to so many levels takes, less those that are there already on the way
   * to a range's two ends. No others can be: they would lie inside the range, and hold something.
   */
  private long newTables(long top, int levels, long first, long last) {
    long root = PageTable.root(top);
    int present = PageTable.levels(top);
    if (memory.live(root) == 0) {
      return 0; // the top itself becomes the top of any level
    }
    if (space.reaches(present, first)) {
      long reachable = space.reachable(present, last);
      if (probe.anyMapped(root, present, first, reachable)) {
        throw Refusals.alreadyMapped(probe.firstMapped(root, present, first, reachable));
      }
    }
    long tables = (long) levels - present;
    for (int level = probe.lowestTable(root, present, first); level < levels; level++) {
      tables--;
    }
    for (int level = probe.lowestTable(root, present, last); level < levels; level++) {
      int log2 = tableLog2(level);
      tables -= first >>> log2 == last >>> log2 ? 0 : 1;
    }
    return tables;
  }

  private void reserve(long tables, long iova) {
    if (tables > 0 && !memory.tryReserve(tables)) {
      throw Refusals.outOfMemory(tables, iova);
    }
  }

  /** Puts tops above the top until there are so many levels. Their pages have been reserved. */
  private long grow(long top, int levels) {
    long now = top;
    if (PageTable.levels(now) < levels && memory.live(PageTable.root(now)) == 0) {
      memory.relevel(PageTable.root(now), levels);
      now = PageTable.root(now) | levels;
    }
    while (PageTable.levels(now) < levels) {
      int level = PageTable.levels(now);
      long above = memory.take(level + 1, true);
      writer.publish(above, above, PageTable.root(now), level);
      now = above | level + 1;
    }
    return now;
  }
}
