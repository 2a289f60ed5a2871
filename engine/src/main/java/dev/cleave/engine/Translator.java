package dev.cleave.engine;

import static dev.cleave.engine.PageTable.NOT_MAPPED;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.memory.TablePages.slotAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TablePages;

/**
 * Translates one address.
 *
 * <p>What an entry is shows under a mask of the format's, so that no step asks the format: where a
 * JVM has tables of two formats that is a branch each time, and took a walk from 5.6 to 9.2 ns
 * ({@code bench --stability}), which takes 6.6 to 7.5 so.
 *
 * <p>Calls are of 35 bytes at most: longer methods have a profile of their own, and where C2
 * compiles a walk before they have it, it leaves their calls as calls ({@code bench --stability}:
 * 15 and 9 ns, in one JVM of ten). Thread-safe.
 */
final class Translator {
  private final TableTree tree;
  private final TablePages pages;
  private final EntryFormat format;
  private final IovaSpace space;

  /** What the bits of an entry are compared under, above level 1 and there. */
  private final long kindMask;

  private final long pageKindMask;

  /** What a directory is under it at a level. */
  private final long directory2;

  private final long directory3;
  private final long directory4;

  /** What a leaf of one slot is, above level 1 and there. */
  private final long leaf;

  private final long page;

  /** The table in a directory, and the paddr in a leaf of one slot. */
  private final long paddrMask;

  Translator(TableTree tree) {
    this.tree = tree;
    this.pages = tree.pages;
    this.format = tree.format;
    this.space = tree.space;
    this.kindMask = format.kindMask(2);
    this.pageKindMask = format.kindMask(1);
    this.directory2 = directory(2);
    this.directory3 = directory(3);
    this.directory4 = directory(4);
    this.leaf = format.leaf(0, REGION_LOG2, format.presentMask()) & kindMask;
    this.page = format.leaf(0, PAGE_LOG2, format.presentMask()) & pageKindMask;
    this.paddrMask = paddrMask();
  }

  /** What a directory of a level is under the mask of {@link #kind}. */
  long directory(int level) {
    return kind(format.directory(0, level - 1));
  }

  /** What an entry above level 1 is. */
  long kind(long entry) {
    return entry & kindMask;
  }

  /** Where the address of the table is in a directory. */
  long paddrMask() {
    return format.tablePaddr(-1L);
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
        if (kind(entry) != directory(level)) {
          return ifStill(seen, ofLeaf(entry, level, iova), iova);
        }
        table = entry & paddrMask;
      }
      // The four lowest levels have code of their own, in which the level is a constant, and loads
      // of the next call begin sooner (benchmark RandomTranslate.engine, 4 levels: over 64 GiB 89
      // ns in a loop and 63, in the first cache 9.1 and 7.6).
      if (level == 4) {
        long entry = entry(table, 4, iova);
        if (kind(entry) != directory4) {
          return ifStill(seen, ofLeaf(entry, 4, iova), iova);
        }
        table = entry & paddrMask;
        level = 3;
      }
      if (level == 3) {
        long entry = entry(table, 3, iova);
        if (kind(entry) != directory3) {
          return ifStill(seen, ofLeaf(entry, 3, iova), iova);
        }
        table = entry & paddrMask;
      }
      if (level > 1) {
        long entry = entry(table, 2, iova);
        if (kind(entry) != directory2) {
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
    return pages.loadPlain(slotAt(table, index(iova, level)));
  }

  /** Where an entry above level 1 leads that is no directory, or NOT_MAPPED. */
  long ofLeaf(long entry, int level, long iova) {
    return isLeaf(entry) ? inside(entry, iova, entryLog2(level)) : other(entry, level, iova);
  }

  private boolean isLeaf(long entry) {
    return kind(entry) == leaf;
  }

  /** Where an entry of level 1 leads, or NOT_MAPPED. */
  long ofPage(long entry, long iova) {
    return (entry & pageKindMask) == page ? inside(entry, iova, PAGE_LOG2) : other(entry, 1, iova);
  }

  private long inside(long leaf, long iova, int log2) {
    long mask = offsetMask(log2);
    return (leaf & paddrMask & ~mask) | (iova & mask);
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
