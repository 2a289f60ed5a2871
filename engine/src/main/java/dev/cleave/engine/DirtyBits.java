package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static dev.cleave.engine.memory.TablePages.slotAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TablePages;
import org.jspecify.annotations.Nullable;

/**
 * Reads, clears and sets the dirty bits of leaves. A leaf is dirty when any of its replicas says
 * so. Hardware sets bits at any moment: a bit that was seen is cleared by one atomic step, which
 * leaves alone whatever else stands or arrives there; one that was not seen, or comes again, is
 * there for the next pass. Thread-safe.
 */
final class DirtyBits {
  private final TableTree tree;
  private final TablePages pages;
  private final EntryFormat format;
  private final long dirtyMask;

  DirtyBits(TableTree tree) {
    this.tree = tree;
    this.pages = tree.pages;
    this.format = tree.format;
    this.dirtyMask = format.dirtyMask();
  }

  /**
   * Says what is dirty in a range of a locked table, and clears nothing.
   *
   * @param bitmap covers the range
   * @return bytes of the range that are dirty
   */
  long report(long table, int level, long first, long last, DirtyBitmap bitmap) {
    return read(table, level, first, last, bitmap, null);
  }

  /**
   * Says what is dirty in a range of a locked table, and makes it clean.
   *
   * @param bitmap covers the range; null when nobody wants to know
   * @param gather takes the leaves that were cleared
   * @return bytes of the range that were dirty
   */
  long take(
      long table,
      int level,
      long first,
      long last,
      @Nullable DirtyBitmap bitmap,
      IotlbGather gather) {
    return read(table, level, first, last, bitmap, gather);
  }

  /**
   * Of a leaf that reaches over an end only what lies inside is reported and counted. Without a
   * gather, which takes the leaves that are cleared, none is.
   */
  private long read(
      long table,
      int level,
      long first,
      long last,
      @Nullable DirtyBitmap bitmap,
      @Nullable IotlbGather gather) {
    if (level == 1 && !isCut(table, first) && !isCut(table, last + 1)) {
      int from = index(first, 1);
      int count = index(last, 1) - from + 1;
      if (bitmap != null && bitmap.pageLog2() == PAGE_LOG2) {
        long bit = bitmap.bit(first);
        int marked = pages.gatherAny(table, from, count, dirtyMask, bitmap.bits(), bit);
        return marked == 0 ? 0 : readMarked(table, first, last, bitmap, gather);
      }
      if (!pages.anyHas(table, from, count, dirtyMask)) {
        return 0;
      }
    }
    long mask = offsetMask(entryLog2(level));
    long bytes = 0;
    long at = first;
    while (true) {
      long end = Unsigned.min(at | mask, last);
      long entry = pages.loadAcquire(slotAt(table, index(at, level)));
      if (format.isPresent(entry)) {
        if (format.isLeaf(entry, level)) {
          end = leafEnd(level, entry, at, last);
          bytes += readLeaf(table, level, entry, at, end, bitmap, gather);
        } else {
          bytes += readBelow(table, level, entry, at, end, bitmap, gather);
        }
      }
      if (end == last) {
        return bytes;
      }
      at = end + 1;
    }
  }

  /**
   * Whether a range that begins or ends at an address cuts a leaf of a leaf table, whose dirty
   * replica may then be on the other side.
   */
  private boolean isCut(long table, long iova) {
    int i = index(iova, 1);
    if (i == 0) {
      return false;
    }
    long entry = pages.loadAcquire(slotAt(table, i));
    return format.isPresent(entry) && (iova & offsetMask(format.leafSizeLog2(entry, 1))) != 0;
  }

  private long readBelow(
      long table,
      int level,
      long entry,
      long first,
      long last,
      @Nullable DirtyBitmap bitmap,
      @Nullable IotlbGather gather) {
    long child = tree.lockChild(table, level, first, entry);
    if (child == TableTree.NONE) {
      return 0;
    }
    long bytes = read(child, level - 1, first, last, bitmap, gather);
    tree.unlock(child);
    return bytes;
  }

  /**
   * Goes on in a leaf table from the pages that are marked in a bitmap of 4 KiB pages, some of them
   * from earlier passes. Every leaf with a dirty replica has a mark; it gets them all.
   */
  private long readMarked(
      long table, long first, long last, DirtyBitmap bitmap, @Nullable IotlbGather gather) {
    long bytes = 0;
    int cleared = 0;
    long at = bitmap.nextDirty(first, last);
    while (at != DirtyBitmap.NONE) {
      long end = at | offsetMask(PAGE_LOG2);
      long slot = slotAt(table, index(at, 1));
      long entry = pages.loadAcquire(slot);
      if (format.isPresent(entry)) {
        int sizeLog2 = format.leafSizeLog2(entry, 1);
        if (sizeLog2 != PAGE_LOG2) {
          long from = Unsigned.max(at & -(1L << sizeLog2), first);
          end = leafEnd(1, entry, at, last);
          bytes += readLeaf(table, 1, entry, from, end, bitmap, gather);
        } else if ((entry & dirtyMask) != 0) { // a page, which has its mark
          bytes += PAGE_BYTES;
          if (gather != null) {
            pages.clear(slot, dirtyMask);
            cleared++;
            gather.add(at, end);
          }
        }
      }
      at = end == last ? DirtyBitmap.NONE : bitmap.nextDirty(end + 1, last);
    }
    if (cleared != 0) {
      pages.count(table, 0, cleared);
    }
    return bytes;
  }

  private long leafEnd(int level, long entry, long at, long last) {
    return Unsigned.min(at | offsetMask(format.leafSizeLog2(entry, level)), last);
  }

  /**
   * Reads one leaf, of which a part lies in the range.
   *
   * @return bytes of that part, 0 for a clean leaf
   */
  private long readLeaf(
      long table,
      int level,
      long entry,
      long first,
      long last,
      @Nullable DirtyBitmap bitmap,
      @Nullable IotlbGather gather) {
    int sizeLog2 = format.leafSizeLog2(entry, level);
    long leafFirst = first & -(1L << sizeLog2);
    int slots = 1 << slotsLog2(sizeLog2);
    long slot = slotAt(table, index(leafFirst, level));
    int dirty = 0;
    for (int i = 0; i < slots; i++) {
      if ((pages.loadAcquire(slotAt(slot, i)) & dirtyMask) != 0) {
        dirty++;
        if (gather != null) {
          pages.clear(slotAt(slot, i), dirtyMask);
        }
      }
    }
    if (dirty == 0) {
      return 0;
    }
    if (bitmap != null) {
      bitmap.set(first, last);
    }
    if (gather != null) {
      pages.count(table, 0, dirty);
      gather.add(leafFirst, leafFirst | offsetMask(sizeLog2));
    }
    return last - first + 1;
  }

  // ---- set -----------------------------------------------------------------------------------

  /**
   * Makes every leaf that a range of a locked table reaches into accessed and dirty, in all its
   * replicas.
   *
   * @return bytes of the range that are mapped
   */
  long set(long table, int level, long first, long last) {
    long mask = offsetMask(entryLog2(level));
    long bytes = 0;
    long at = first;
    while (true) {
      long end = Unsigned.min(at | mask, last);
      long entry = pages.loadAcquire(slotAt(table, index(at, level)));
      if (format.isPresent(entry)) {
        if (format.isLeaf(entry, level)) {
          end = leafEnd(level, entry, at, last);
          setLeaf(table, level, entry, at);
          bytes += end - at + 1;
        } else {
          bytes += setBelow(table, level, entry, at, end);
        }
      }
      if (end == last) {
        return bytes;
      }
      at = end + 1;
    }
  }

  private long setBelow(long table, int level, long entry, long first, long last) {
    long child = tree.lockChild(table, level, first, entry);
    if (child == TableTree.NONE) {
      return 0;
    }
    long bytes = set(child, level - 1, first, last);
    tree.unlock(child);
    return bytes;
  }

  private void setLeaf(long table, int level, long entry, long at) {
    int sizeLog2 = format.leafSizeLog2(entry, level);
    long slot = slotAt(table, index(at & -(1L << sizeLog2), level));
    long status = format.statusMask();
    int stores = 0;
    for (int i = 0; i < 1 << slotsLog2(sizeLog2); i++) {
      if ((pages.loadAcquire(slotAt(slot, i)) & status) != status) {
        pages.or(slotAt(slot, i), status);
        stores++;
      }
    }
    pages.count(table, 0, stores);
  }
}
