package dev.cleave.engine;

import static dev.cleave.engine.PageTable.NOT_MAPPED;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TablePages;

/**
 * Translates one address. What is called on the way is of 35 bytes at most, as in {@link
 * EntryMasks} (without that {@code bench --stability} has 15 and 9 ns, in one JVM of ten).
 * Thread-safe.
 */
final class Translator {
  private final TableTree tree;
  private final TablePages pages;
  private final EntryFormat format;
  private final EntryMasks masks;
  private final IovaSpace space;

  /**
   * Copies, since to look into another object takes a step more (benchmark {@code
   * RandomTranslate.engine}, 8M: 6.2 and 5.6 ns).
   */
  private final long kindMask;

  private final long leaf;
  private final long pageMask;
  private final long page;
  private final long paddrMask;

  /** What a directory is at a level. */
  private final long directory2;

  private final long directory3;
  private final long directory4;

  Translator(TableTree tree) {
    this.tree = tree;
    this.pages = tree.pages;
    this.format = tree.format;
    this.masks = tree.masks;
    this.space = tree.space;
    this.kindMask = masks.kindMask;
    this.leaf = masks.leaf;
    this.pageMask = masks.pageKindMask;
    this.page = masks.page;
    this.paddrMask = masks.paddrMask;
    this.directory2 = masks.directoryKind(2);
    this.directory3 = masks.directoryKind(3);
    this.directory4 = masks.directoryKind(4);
  }

  /** As {@link PageTable#translate(long)} says. */
  long translate(long iova) {
    long seen = pages.reclaims();
    try {
      long now = tree.openTop();
      int level = TableTree.level(now);
      if (!space.reaches(level, iova)) {
        return NOT_MAPPED;
      }
      long table = TableTree.table(now);
      for (; level > 4; level--) {
        long entry = entry(table, level, iova);
        if (masks.kind(entry) != masks.directoryKind(level)) {
          return ifStill(seen, ofLeaf(entry, level, iova), iova);
        }
        table = entry & paddrMask;
      }
      // The four lowest levels have code of their own, in which the level is a constant, and loads
      // of the next call begin sooner (benchmark RandomTranslate.engine, 4 levels: over 64 GiB 81
      // ns in a loop and 63, in the first cache 8.2 and 6.9).
      if (level == 4) {
        long entry = entry(table, 4, iova);
        if ((entry & kindMask) != directory4) {
          return ifStill(seen, ofLeaf(entry, 4, iova), iova);
        }
        table = entry & paddrMask;
        level = 3;
      }
      if (level == 3) {
        long entry = entry(table, 3, iova);
        if ((entry & kindMask) != directory3) {
          return ifStill(seen, ofLeaf(entry, 3, iova), iova);
        }
        table = entry & paddrMask;
      }
      if (level > 1) {
        long entry = entry(table, 2, iova);
        if ((entry & kindMask) != directory2) {
          return ifStill(seen, ofLeaf(entry, 2, iova), iova);
        }
        table = entry & paddrMask;
      }
      return ifStill(seen, ofPage(entry(table, 1, iova), iova), iova);
    } catch (IndexOutOfBoundsException e) {
      pages.rethrowIfStill(seen, e);
      return translate(iova);
    }
  }

  private long ifStill(long seen, long paddr, long iova) {
    return pages.isStill(seen) ? paddr : translate(iova);
  }

  private long entry(long table, int level, long iova) {
    return pages.loadOpaque(slotAt(table, index(iova, level)));
  }

  /** Where an entry above level 1 leads that is no directory, or NOT_MAPPED. */
  long ofLeaf(long entry, int level, long iova) {
    return isLeaf(entry) ? inside(entry, iova, entryLog2(level)) : other(entry, level, iova);
  }

  private boolean isLeaf(long entry) {
    return (entry & kindMask) == leaf;
  }

  /** Where an entry of level 1 leads, or NOT_MAPPED. */
  long ofPage(long entry, long iova) {
    return (entry & pageMask) == page ? inside(entry, iova, PAGE_LOG2) : other(entry, 1, iova);
  }

  private long inside(long entry, long iova, int log2) {
    long mask = offsetMask(log2);
    return (entry & paddrMask & ~mask) | (iova & mask);
  }

  /** A hole, or a leaf of several slots. */
  private long other(long entry, int level, long iova) {
    return isSized(entry, level) ? sized(entry, level, iova) : NOT_MAPPED;
  }

  private boolean isSized(long entry, int level) {
    return format.isPresent(entry) && format.isLeaf(entry, level);
  }

  private long sized(long leaf, int level, long iova) {
    long offset = offsetMask(format.leafSizeLog2(leaf, level));
    return format.leafPaddr(leaf, level) | (iova & offset);
  }
}
