package dev.cleave.bench.rival;

import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.leafLevel;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.memory.TablePages;

/**
 * An AMD v1 table that walks from the root for every leaf, as Linux's io-pgtable did: the same
 * bytes in the same memory as the engine's, another way of getting there.
 *
 * <p>Leaves are of 4 KiB, 2 MiB or 1 GiB, without sized ones. An emptied table stays until a larger
 * leaf takes its place. A range to unmap is made of whole leaves.
 */
public final class RewalkingTable implements RivalTable {
  private final TablePages pages;
  private final AmdV1 format = AmdV1.LINUX;
  private final int levels;
  private final long pageSizes;
  private final long root;

  /**
   * An empty table.
   *
   * @param pages where its pages come from
   * @param levels number of levels, which does not grow
   * @param pageSizes leaf sizes to use, bit {@code s} for 2^s bytes: some of 12, 21 and 30
   */
  public RewalkingTable(TablePages pages, int levels, long pageSizes) {
    this.pages = pages;
    this.levels = levels;
    this.pageSizes = pageSizes;
    this.root = newTable(levels);
  }

  private long newTable(int level) {
    if (!pages.tryReserve(1)) {
      throw new IllegalStateException("table memory must have a free page");
    }
    return pages.take(level, true);
  }

  @Override
  public void map(long iova, long paddr, long length, int access) {
    long attributes = format.attributes(access);
    for (long done = 0; done != length; ) {
      int sizeLog2 = largest(iova + done, paddr + done, length - done);
      long slot = allocatingWalk(iova + done, leafLevel(sizeLog2));
      pages.storeRelease(slot, format.leaf(paddr + done, sizeLog2, attributes));
      done += 1L << sizeLog2;
    }
  }

  private int largest(long iova, long paddr, long length) {
    int aligned = Long.numberOfTrailingZeros(iova | paddr | Long.highestOneBit(length));
    return Long.SIZE - 1 - Long.numberOfLeadingZeros(pageSizes & (2L << aligned) - 1);
  }

  /** The slot of a leaf to be; tables on the way are made. */
  private long allocatingWalk(long iova, int leafLevel) {
    long table = root;
    for (int level = levels; ; level--) {
      long slot = slotAt(table, index(iova, level));
      long entry = pages.loadAcquire(slot);
      if (level == leafLevel) {
        if (format.isPresent(entry) && !releaseIfEmpty(entry, level)) {
          throw RivalTable.overlap(iova);
        }
        return slot;
      }
      if (!format.isPresent(entry)) {
        table = newTable(level - 1);
        pages.storeRelease(slot, format.directory(table, level - 1));
      } else if (format.isLeaf(entry, level)) {
        throw RivalTable.overlap(iova);
      } else {
        table = format.tablePaddr(entry);
      }
    }
  }

  /** Puts a table back with what is below it; false for a leaf, or when it is not empty. */
  private boolean releaseIfEmpty(long entry, int level) {
    if (format.isLeaf(entry, level) || holdsLeaves(entry, level)) {
      return false;
    }
    release(format.tablePaddr(entry), level - 1);
    return true;
  }

  private boolean holdsLeaves(long directory, int level) {
    long table = format.tablePaddr(directory);
    for (int i = 0; i < TABLE_ENTRIES; i++) {
      long entry = pages.loadAcquire(slotAt(table, i));
      if (format.isPresent(entry)
          && (format.isLeaf(entry, level - 1) || holdsLeaves(entry, level - 1))) {
        return true;
      }
    }
    return false;
  }

  @Override
  public long unmap(long iova, long length) {
    long bytes = 0;
    for (long done = 0; done < length; ) {
      long at = iova + done;
      long table = root;
      int level = levels;
      long slot = slotAt(table, index(at, level));
      long entry = pages.loadAcquire(slot);
      while (format.isPresent(entry) && !format.isLeaf(entry, level)) {
        table = format.tablePaddr(entry);
        level--;
        slot = slotAt(table, index(at, level));
        entry = pages.loadAcquire(slot);
      }
      if (format.isPresent(entry)) {
        pages.storeRelease(slot, 0);
        bytes += 1L << entryLog2(level);
      }
      done = (at | offsetMask(entryLog2(level))) + 1 - iova;
    }
    return bytes;
  }

  @Override
  public long translate(long iova) {
    long table = root;
    for (int level = levels; level > 0; level--) {
      long entry = pages.loadAcquire(slotAt(table, index(iova, level)));
      if (!format.isPresent(entry)) {
        return NOT_MAPPED;
      }
      if (format.isLeaf(entry, level)) {
        return format.leafPaddr(entry, level) | (iova & offsetMask(entryLog2(level)));
      }
      table = format.tablePaddr(entry);
    }
    throw new IllegalStateException("a directory stands at level 1, iova=0x%x".formatted(iova));
  }

  /** Physical address of the top table. */
  public long root() {
    return root;
  }

  @Override
  public long bytes() {
    return pages.usedBytes();
  }

  @Override
  public void close() {
    release(root, levels);
  }

  private void release(long table, int level) {
    for (int i = 0; i < TABLE_ENTRIES && level > 1; i++) {
      long entry = pages.loadAcquire(slotAt(table, i));
      if (format.isPresent(entry) && !format.isLeaf(entry, level)) {
        release(format.tablePaddr(entry), level - 1);
      }
    }
    pages.release(table);
  }
}
