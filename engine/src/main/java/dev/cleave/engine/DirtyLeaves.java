package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TablePages;
import org.jspecify.annotations.Nullable;

/**
 * Reads the dirty bits of leaves in a locked table. A leaf is dirty when any of its replicas says
 * so. Of one that reaches over an end of the range only what lies inside is reported and counted.
 * With a gather, which takes the leaves that were dirty, they are clean afterwards: a bit that was
 * seen is cleared by one atomic step, which leaves alone whatever else stands or arrives there.
 * Thread-safe.
 */
final class DirtyLeaves {
  private final TablePages pages;
  private final EntryFormat format;
  private final long dirtyMask;

  DirtyLeaves(TablePages pages, EntryFormat format) {
    this.pages = pages;
    this.format = format;
    this.dirtyMask = format.dirtyMask();
  }

  /**
   * Reads a leaf table.
   *
   * @param seen gets what is seen of it
   * @param number of the table there
   */
  long readTable(
      long table,
      long first,
      long last,
      SeenTables seen,
      int number,
      @Nullable DirtyBitmap bitmap,
      @Nullable IotlbGather gather) {
    int from = firstSlot(table, index(first, 1)) & -Long.SIZE;
    int count = behind(table, index(last, 1)) - from;
    pages.gather(table, from, count, dirtyMask, seen.found, seen.places[number] + from);
    return readSeen(table, first, last, seen, number, bitmap, gather);
  }

  /**
   * Reads those entries of a leaf table that have been seen dirty. Leaves that reach over an end of
   * the range are looked at whole: the dirty replica may be outside.
   *
   * @param seen says which they are
   * @param number of the table there
   */
  long readSeen(
      long table,
      long first,
      long last,
      SeenTables seen,
      int number,
      @Nullable DirtyBitmap bitmap,
      @Nullable IotlbGather gather) {
    int from = firstSlot(table, index(first, 1));
    int to = behind(table, index(last, 1));
    long bytes = 0;
    int taken = 0;
    int behind = from;
    int place = seen.places[number];
    for (int left = seen.found.groupsInTable(place); left != 0; left &= left - 1) {
      int at = Integer.numberOfTrailingZeros(left) * Long.SIZE;
      long found = seen.found.from(place + at);
      long dirty = since(behind - at, found) & ~since(to - at, -1L);
      if (dirty != 0) {
        long single = readPages(table, at, dirty, gather != null);
        if (single != 0) {
          taken += Long.bitCount(single);
          tell(single, (first & -REGION_BYTES) + (long) at * PAGE_BYTES, bitmap, gather);
        }
        long others = dirty & ~single;
        if (others != 0) {
          bytes += readSized(table, at, others, first, last, bitmap, gather);
          behind = behind(table, at + Long.SIZE - 1 - Long.numberOfLeadingZeros(others));
        }
      }
    }
    if (gather != null && taken != 0) {
      pages.count(table, 0, taken);
    }
    return bytes + (long) taken * PAGE_BYTES;
  }

  /** The bits from one on: all for a negative number, none for 64 and more. */
  static long since(int bit, long bits) {
    return bit <= 0 ? bits : bit < Long.SIZE ? bits & -1L << bit : 0;
  }

  /** The first slot of the leaf that a slot of a leaf table is part of. */
  private int firstSlot(long table, int index) {
    return index == 0 ? 0 : index & -slots(table, index);
  }

  /** The slot behind that leaf. */
  private int behind(long table, int index) {
    return index == TABLE_ENTRIES - 1 ? TABLE_ENTRIES : (index | slots(table, index) - 1) + 1;
  }

  /** How many slots the leaf has that a slot of a leaf table is part of; 1 for a hole. */
  private int slots(long table, int index) {
    long entry = pages.loadAcquire(slotAt(table, index));
    return format.isPresent(entry) ? 1 << slotsLog2(format.leafSizeLog2(entry, 1)) : 1;
  }

  /**
   * Reads those of up to 64 slots that are single pages.
   *
   * @param dirty a bit for each slot that was dirty
   * @return the same for each that is a dirty page
   */
  private long readPages(long table, int index, long dirty, boolean clears) {
    long found = 0;
    for (long left = dirty; left != 0; left &= left - 1) {
      long slot = slotAt(table, index + Long.numberOfTrailingZeros(left));
      long entry = pages.loadAcquire(slot);
      if ((entry & dirtyMask) != 0
          && format.isPresent(entry)
          && format.leafSizeLog2(entry, 1) == PAGE_LOG2) {
        found |= Long.lowestOneBit(left);
        if (clears) {
          pages.clear(slot, dirtyMask);
        }
      }
    }
    return found;
  }

  /** Makes known which of up to 64 pages are dirty. */
  private static void tell(
      long found, long iova, @Nullable DirtyBitmap bitmap, @Nullable IotlbGather gather) {
    int skipped = Long.numberOfTrailingZeros(found);
    long from = iova + (long) skipped * PAGE_BYTES;
    if (bitmap != null) {
      bitmap.setPages(from, found >>> skipped);
    }
    if (gather != null) {
      gather.addPages(from, found >>> skipped);
    }
  }

  /** Reads the sized leaves that some of up to 64 slots are part of, each once. */
  private long readSized(
      long table,
      int index,
      long dirty,
      long first,
      long last,
      @Nullable DirtyBitmap bitmap,
      @Nullable IotlbGather gather) {
    long bytes = 0;
    long left = dirty;
    while (left != 0) {
      int at = index + Long.numberOfTrailingZeros(left);
      int slots = slots(table, at);
      if (slots > 1) {
        long leaf = (first & -REGION_BYTES) + (long) (at & -slots) * PAGE_BYTES;
        long entry = pages.loadAcquire(slotAt(table, at));
        long from = Unsigned.max(leaf, first);
        long to = Unsigned.min(leaf + (long) slots * PAGE_BYTES - 1, last);
        bytes += readLeaf(table, 1, entry, from, to, bitmap, gather);
      }
      left = since((at | slots - 1) + 1 - index, left);
    }
    return bytes;
  }

  /**
   * Reads one leaf, of which a part lies in the range.
   *
   * @return bytes of that part, 0 for a clean leaf
   */
  long readLeaf(
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
}
