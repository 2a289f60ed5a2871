package dev.cleave.engine.deferred;

import static dev.cleave.engine.oracle.SpecWalker.HOLE;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.memory.TablePages;
import dev.cleave.engine.oracle.SpecWalker;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * A device that remembers every directory it has met, at every level, until a flush names all of
 * its span, and keeps beginning its walks at the root that it was given. It may begin a walk at any
 * directory it remembers, so it says all that it may find.
 */
final class CachingDevice {
  /** A directory: the level of the table that it leads to, and that table's first address. */
  private record Span(int level, long first) {
    long last() {
      int log2 = 12 + 9 * level;
      return log2 >= Long.SIZE ? -1L : first | ((1L << log2) - 1);
    }
  }

  private final TablePages pages;
  private final PageTable table;
  private final SpecWalker walker;
  private final Map<Span, Set<Long>> directories = new HashMap<>();
  private long top;

  CachingDevice(TablePages pages, PageTable table) {
    this.pages = pages;
    this.table = table;
    this.walker = SpecWalker.of(pages, table);
    this.top = table.top();
  }

  /** Gets a new device table entry; caches of the old one go with it. */
  void exchangeRoot() {
    top = table.top();
    directories.clear();
  }

  /** Number of directories remembered. */
  int remembered() {
    return directories.values().stream().mapToInt(Set::size).sum();
  }

  /** Whether the root that it was given has an address in its reach. */
  boolean reaches(long iova) {
    return walker.decodes(PageTable.levels(top), iova);
  }

  /** Walks from the root, and remembers the way. */
  void warm(long iova) {
    var _ = walk(PageTable.root(top), PageTable.levels(top), iova);
  }

  /** All that it may find at an address now. */
  Set<Long> views(long iova) {
    Set<Long> found = new HashSet<>();
    found.add(walk(PageTable.root(top), PageTable.levels(top), iova));
    for (int level = 1; level < PageTable.levels(top); level++) {
      Set<Long> tables = directories.get(span(level, iova));
      if (tables != null) {
        for (long in : Set.copyOf(tables)) {
          found.add(walk(in, level, iova));
        }
      }
    }
    return found;
  }

  private static Span span(int level, long iova) {
    int log2 = 12 + 9 * level;
    return new Span(level, log2 >= Long.SIZE ? 0 : iova & -1L << log2);
  }

  private long walk(long from, int fromLevel, long iova) {
    int bits = 12 + 9 * fromLevel;
    if (from == PageTable.root(top) && bits < Long.SIZE && !walker.decodes(fromLevel, iova)) {
      return HOLE;
    }
    long in = from;
    for (int level = fromLevel; level >= 1; level--) {
      long bitsThere = pages.loadAcquire(in + 8 * (iova >>> (12 + 9 * (level - 1)) & 511));
      if ((bitsThere & 1) == 0) {
        return HOLE;
      }
      SpecWalker.Entry entry = walker.read(bitsThere, level);
      if (entry.isLeaf()) {
        return entry.address() | (iova & ((1L << entry.sizeLog2()) - 1));
      }
      in = entry.address();
      directories.computeIfAbsent(span(level - 1, iova), _ -> new HashSet<>()).add(in);
    }
    throw new AssertionError("a directory at level 1");
  }

  /** Forgets what a flush of a gather names. */
  void flush(IotlbGather gather) {
    if (!gather.hasTables()) {
      return;
    }
    for (int i = 0; i < gather.rangeCount(); i++) {
      long first = gather.rangeFirst(i);
      long last = gather.rangeLast(i);
      directories
          .keySet()
          .removeIf(span ->
              Long.compareUnsigned(span.first, first) >= 0
                  && Long.compareUnsigned(span.last(), last) <= 0);
    }
  }
}
