package dev.cleave.engine;

import static dev.cleave.engine.PageTable.NOT_MAPPED;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.memory.TablePages.slotAt;

import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TablePages;

/**
 * Translates many addresses, a block of them at a time: all walks of a block take one step down,
 * then all take the next. So the loads of a step do not wait for each other, and memory is asked
 * for many entries at once.
 *
 * <p>A walk under way keeps its table where its result is going to be, made negative; no paddr is,
 * and {@link PageTable#NOT_MAPPED} is the largest of what is. Thread-safe.
 */
final class BatchTranslator {
  /**
   * Walks of a block: more than a processor has loads under way, few enough that what a step wrote
   * is near in the next (benchmark {@code RandomTranslate.batch} over 64 GiB: 8 take 36.7 ns an
   * address, 16 34.9, 32 33.4, 64 30.9, 128 31.3).
   */
  private static final int BLOCK = 64;

  private static final long UNDER_WAY = Long.MIN_VALUE;

  private final PageTable table;
  private final TableTree tree;
  private final TablePages pages;
  private final EntryFormat format;

  BatchTranslator(PageTable table, TableTree tree) {
    this.table = table;
    this.tree = tree;
    this.pages = tree.pages;
    this.format = tree.format;
  }

  /** Translates addresses into the same places of another array; returns how many are mapped. */
  int translate(long[] iovas, int from, int end, long[] paddrs) {
    int mapped = 0;
    for (int at = from; at < end; at += BLOCK) {
      mapped += translateBlock(iovas, at, Math.min(end - at, BLOCK) + at, paddrs);
    }
    return mapped;
  }

  private int translateBlock(long[] iovas, int from, int end, long[] paddrs) {
    long seen = pages.reclaims();
    boolean isDone = false;
    try {
      walk(iovas, from, end, paddrs);
      isDone = pages.isStill(seen);
    } catch (IndexOutOfBoundsException e) {
      pages.rethrowIfStill(seen, e);
    }
    int mapped = 0;
    for (int i = from; i < end; i++) {
      if (!isDone) { // pages go back all the time: one walk is over sooner
        paddrs[i] = table.translate(iovas[i]);
      }
      mapped += paddrs[i] == NOT_MAPPED ? 0 : 1;
    }
    return mapped;
  }

  private void walk(long[] iovas, int from, int end, long[] paddrs) {
    long top = tree.openTop();
    int levels = TableTree.level(top);
    long root = TableTree.table(top) | UNDER_WAY;
    for (int i = from; i < end; i++) {
      paddrs[i] = tree.space.reaches(levels, iovas[i]) ? root : NOT_MAPPED;
    }
    boolean goesOn = true;
    for (int level = levels; goesOn && level > 1; level--) {
      goesOn = step(level, iovas, from, end, paddrs);
    }
    if (goesOn) {
      end(iovas, from, end, paddrs);
    }
  }

  /** Takes all walks of a block a level down; returns whether any goes on. */
  private boolean step(int level, long[] iovas, int from, int end, long[] paddrs) {
    boolean goesOn = false;
    for (int i = from; i < end; i++) {
      long state = paddrs[i];
      if (state < NOT_MAPPED) {
        long entry = pages.loadPlain(slotAt(state & ~UNDER_WAY, index(iovas[i], level)));
        boolean isDirectory = format.isPresent(entry) && !format.isLeaf(entry, level);
        goesOn |= isDirectory;
        paddrs[i] =
            isDirectory ? format.tablePaddr(entry) | UNDER_WAY : result(entry, level, iovas[i]);
      }
    }
    return goesOn;
  }

  /** Ends all walks that have come to a leaf table. */
  private void end(long[] iovas, int from, int end, long[] paddrs) {
    for (int i = from; i < end; i++) {
      long state = paddrs[i];
      if (state < NOT_MAPPED) {
        long entry = pages.loadPlain(slotAt(state & ~UNDER_WAY, index(iovas[i], 1)));
        paddrs[i] = format.isLeaf(entry, 1) ? result(entry, 1, iovas[i]) : NOT_MAPPED;
      }
    }
  }

  private long result(long entry, int level, long iova) {
    return format.isPresent(entry)
        ? format.leafPaddr(entry, level) | (iova & offsetMask(format.leafSizeLog2(entry, level)))
        : NOT_MAPPED;
  }
}
