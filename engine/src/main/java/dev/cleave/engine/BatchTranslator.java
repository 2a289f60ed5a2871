package dev.cleave.engine;

import static dev.cleave.engine.PageTable.NOT_MAPPED;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.memory.TableEntries.slotAt;

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
   * is near in the next (benchmark {@code RandomTranslate.batch} over 64 GiB: 16 take 26.8 ns an
   * address, 32 22.3, 64 20.1).
   */
  private static final int BLOCK = 64;

  private static final long UNDER_WAY = Long.MIN_VALUE;

  private final Translator one;
  private final TableTree tree;
  private final TablePages pages;
  private final EntryMasks masks;

  BatchTranslator(TableTree tree, Translator one) {
    this.one = one;
    this.tree = tree;
    this.pages = tree.pages;
    this.masks = tree.masks;
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
        paddrs[i] = one.translate(iovas[i]);
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
    int underWay = end - from;
    for (int level = levels; underWay != 0 && level > 1; level--) {
      underWay = step(level, iovas, from, end, paddrs);
    }
    if (underWay == end - from && levels > 1) {
      endAll(iovas, from, end, paddrs);
    } else if (underWay != 0) {
      endThoseUnderWay(iovas, from, end, paddrs);
    }
  }

  /** Takes all walks of a block a level down; returns how many go on. */
  private int step(int level, long[] iovas, int from, int end, long[] paddrs) {
    long directory = masks.directoryKind(level);
    int goOn = 0;
    for (int i = from; i < end; i++) {
      long state = paddrs[i];
      if (state < NOT_MAPPED) {
        long entry = entry(state, level, iovas[i]);
        boolean isDirectory = masks.kind(entry) == directory;
        goOn += isDirectory ? 1 : 0;
        paddrs[i] =
            isDirectory ? masks.tablePaddr(entry) | UNDER_WAY : one.ofLeaf(entry, level, iovas[i]);
      }
    }
    return goOn;
  }

  private long entry(long state, int level, long iova) {
    return pages.loadPlain(slotAt(state & ~UNDER_WAY, index(iova, level)));
  }

  /**
   * Ends the walks of a block that have all come to leaf tables. Entries are loaded by a loop that
   * does nothing else, so that a processor has more loads under way (benchmark {@code
   * RandomTranslate.batch} over 64 GiB: 20 ns an address, in one loop 24).
   */
  private void endAll(long[] iovas, int from, int end, long[] paddrs) {
    for (int i = from; i < end; i++) {
      paddrs[i] = entry(paddrs[i], 1, iovas[i]);
    }
    for (int i = from; i < end; i++) {
      paddrs[i] = one.ofPage(paddrs[i], iovas[i]);
    }
  }

  /** Ends the walks of a block that have come to leaf tables. */
  private void endThoseUnderWay(long[] iovas, int from, int end, long[] paddrs) {
    for (int i = from; i < end; i++) {
      long state = paddrs[i];
      if (state < NOT_MAPPED) {
        paddrs[i] = one.ofPage(entry(state, 1, iovas[i]), iovas[i]);
      }
    }
  }
}
