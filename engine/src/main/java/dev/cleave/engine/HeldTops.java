package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.tableLog2;
import static dev.cleave.engine.memory.TablePages.NONE;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TablePages;

/**
 * The tops that were, and may still be in device table entries: each stands in slot 0 of the next,
 * from the top down. A held table stays where it is, empty or not, so that a device that begins its
 * walk there sees all that lies in its reach. Thread-safe.
 */
final class HeldTops {
  private final TableTree tree;
  private final TablePages pages;
  private final EntryFormat format;

  HeldTops(TableTree tree) {
    this.tree = tree;
    this.pages = tree.pages;
    this.format = tree.format;
  }

  /** The table in slot 0 of a table, or NONE if none is held there. */
  private long heldBelow(long table, int level) {
    long entry = level > 1 ? pages.loadAcquire(table) : 0;
    if (!format.isPresent(entry) || format.isLeaf(entry, level)) {
      return NONE;
    }
    long below = format.tablePaddr(entry);
    return pages.isHeld(below) ? below : NONE;
  }

  /**
   * Holds what was the top, and what stands between it and the top, if a device may know it or what
   * is held below it. All these tables are locked.
   *
   * @param wasKnown whether somebody has asked for what was the top
   */
  void hold(long top, int levels, long was, int wasLevel, boolean wasKnown) {
    if (!wasKnown && heldBelow(was, wasLevel) == NONE) {
      return;
    }
    long table = top;
    for (int level = levels; level > wasLevel; level--) {
      table = format.tablePaddr(pages.loadAcquire(table));
      pages.setHeld(table, true);
    }
  }

  /**
   * Below which address a leaf at address 0 has to end, and be smaller than that: it could fill the
   * top, where no entry is as large, or cover a held top or the old top below one that is to come.
   * Leaves at other addresses never do.
   *
   * @param home of the range, locked
   * @param levels that the home has to have
   * @return its log2, at most 64
   */
  int boundOfFirstLeafLog2(long home, int levels) {
    int lowest = levels;
    if (!TableTree.isFrozen(home)) {
      int level = TableTree.level(home);
      lowest = level;
      for (long table = TableTree.table(home); (table = heldBelow(table, level)) != NONE; level--) {
        lowest = level - 1;
      }
    }
    return Math.min(tableLog2(lowest), Long.SIZE);
  }

  /** Whether any is held. */
  boolean isAny() {
    long top = tree.openTop();
    return heldBelow(TableTree.table(top), TableTree.level(top)) != NONE;
  }

  /**
   * Holds no more what stands below a level, and takes out of it what is empty.
   *
   * @param gather takes the tables that were empty, and the flush for them
   */
  void release(int levels, TableRemover remover, IotlbGather gather) {
    long home = tree.lockTop();
    long table = TableTree.table(home);
    int level = TableTree.level(home);
    while (true) {
      long below = heldBelow(table, level);
      if (below == NONE) {
        remover.leave(table | level, 0, gather);
        return;
      }
      long child = tree.lockChild(table, level, 0, pages.loadAcquire(table));
      assert child == below : "a held table is never taken out";
      if (level <= levels) {
        pages.setHeld(child, false);
      }
      tree.unlock(table);
      table = child;
      level--;
    }
  }
}
