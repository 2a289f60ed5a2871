package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.leafLevel;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.memory.TablePages;

/**
 * Has a 2 MiB leaf replaced by somebody else: fills a table of 4 KiB leaves that translate alike,
 * and lets it be put where the leaf is. Belongs to one writer.
 */
final class LeafExchanger {
  private final TableTree tree;
  private final TablePages pages;
  private final EntryMasks masks;
  private final TableWriter writer;
  private final IotlbGather gather;

  /** Leaves replaced, for {@link TableStatistics}. */
  long splits;

  LeafExchanger(TableTree tree, TableWriter writer, IotlbGather gather) {
    this.tree = tree;
    this.pages = tree.pages;
    this.masks = tree.masks;
    this.writer = writer;
    this.gather = gather;
  }

  /**
   * Has the leaf of a region replaced.
   *
   * @param home the region's, locked
   * @return whether there was such a leaf, and it has been
   * @throws PageTableException OUT_OF_TABLE_MEMORY; nothing has changed then
   */
  boolean exchange(long home, long region, LeafExchange by) {
    int level = leafLevel(REGION_LOG2);
    if (TableTree.level(home) != level) {
      return false; // the leaf is larger, or smaller ones stand there
    }
    long table = TableTree.table(home);
    long slot = slotAt(table, index(region, level));
    long entry = pages.loadAcquire(slot);
    if (!masks.isPresent(entry)
        || !masks.isLeaf(entry, level)
        || masks.leafSizeLog2(entry, level) != REGION_LOG2) {
      return false;
    }
    if (!pages.tryReserve(1)) {
      throw Refusals.outOfMemory(1, region, tree.waiting.pages());
    }
    long child = tree.take(region, level - 1, false);
    long last = region | offsetMask(REGION_LOG2);
    long bits = masks.attributesOf(entry) | (entry & masks.statusMask);
    long paddr = masks.leafPaddr(entry, level);
    writer.write(child, level - 1, region, last, last, paddr, bits, PAGE_BYTES, true);
    boolean isDone = false;
    try {
      isDone = by.exchange(slot, child) && isDirectory(slot, level, child, region);
    } finally {
      if (!isDone) {
        pages.unlock(child, -TABLE_ENTRIES, 0);
        pages.release(child);
      }
    }
    if (isDone) {
      pages.count(table, 0, 1);
      tree.unlock(child);
      gather.add(region, last);
      splits++;
    }
    return isDone;
  }

  /** Whether the slot leads to the table, as it must. */
  private boolean isDirectory(long slot, int level, long child, long region) {
    long entry = pages.loadAcquire(slot);
    if (entry != masks.directory(child, level - 1)) {
      throw new IllegalStateException(
          "a leaf that has been exchanged must be a directory to the table, iova=0x%x, entry=0x%x"
              .formatted(region, entry));
    }
    return true;
  }
}
