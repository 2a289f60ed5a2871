package dev.cleave.engine.ioas;

import static dev.cleave.engine.ioas.RangeNodes.GAP_BOUND;
import static dev.cleave.engine.ioas.RangeNodes.NONE;
import static dev.cleave.engine.ioas.RangeNodes.count;
import static dev.cleave.engine.ioas.RangeNodes.parent;

/**
 * The holes between the ranges of a {@link RangeTree}. A search passes over nodes by their gap
 * bounds, and lowers these where it finds that there is none; so it reads what it must and no range
 * twice.
 */
final class RangeHoles {
  private final RangeNodes nodes;

  RangeHoles(RangeNodes nodes) {
    this.nodes = nodes;
  }

  /** Raises bounds to the hole before a range, or between pages to what is no shorter. */
  void note(int leaf, int index) {
    long[] words = nodes.get(leaf);
    if (index > 0 && RangeLeaf.isOfPages(words)) {
      noteBetweenPages(leaf);
    } else {
      raise(leaf, before(words, index));
    }
  }

  /** Whether the bounds are no shorter than any hole between two pages of a leaf. */
  static boolean hasNotedPages(long[] leaf) {
    return !Unsigned.isBelow(leaf[GAP_BOUND], PageSlots.WINDOW_BYTES);
  }

  /** Raises bounds to what is no shorter than any hole between two pages of a leaf. */
  void noteBetweenPages(int leaf) {
    raise(leaf, PageSlots.WINDOW_BYTES);
  }

  private void raise(int leaf, long hole) {
    for (int node = leaf;
        node != NONE && Unsigned.isBelow(nodes.get(node)[GAP_BOUND], hole);
        node = parent(nodes.get(node))) {
      nodes.get(node)[GAP_BOUND] = hole;
    }
  }

  private long before(long[] leaf, int index) {
    long end = 0;
    if (index > 0) {
      end = RangeLeaf.last(leaf, index - 1) + 1;
    } else if (RangeLeaf.previous(leaf) != NONE) {
      long[] previous = nodes.get(RangeLeaf.previous(leaf));
      end = RangeLeaf.last(previous, count(previous) - 1) + 1;
    }
    return RangeLeaf.first(leaf, index) - end;
  }

  /**
   * Moves a position on, from its range to the first that has a hole before it of a length; behind
   * all ranges when there is none.
   */
  void seek(RangeTree.Position at, long length) {
    while (at.leaf != NONE) {
      long[] leaf = nodes.get(at.leaf);
      boolean isWhole = at.index == 0;
      long longest = 0;
      for (; at.index < count(leaf); at.index++) {
        long hole = before(leaf, at.index);
        if (!Unsigned.isBelow(hole, length)) {
          return;
        }
        longest = Unsigned.max(longest, hole);
      }
      if (isWhole) {
        leaf[GAP_BOUND] = longest;
      }
      at.leaf = nextLeaf(at.leaf, length);
      at.index = 0;
    }
  }

  /** The next leaf that may have a hole of a length. */
  private int nextLeaf(int from, long length) {
    int node = from;
    int level = 0;
    for (int above = parent(nodes.get(node)); above != NONE; above = parent(nodes.get(node))) {
      long[] inner = nodes.get(above);
      int children = count(inner);
      for (int i = RangeInner.indexOf(inner, node) + 1; i < children; i++) {
        if (!Unsigned.isBelow(bound(inner, i), length)) {
          return firstLeaf(RangeInner.child(inner, i), level, length);
        }
      }
      long longest = 0;
      for (int i = 0; i < children; i++) {
        longest = Unsigned.max(longest, bound(inner, i));
      }
      inner[GAP_BOUND] = longest;
      node = above;
      level++;
    }
    return NONE;
  }

  /** The first leaf below a node that may have one; the last below it if none may. */
  private int firstLeaf(int from, int level, long length) {
    int node = from;
    for (int left = level; left > 0; left--) {
      long[] inner = nodes.get(node);
      int index = 0;
      while (index < count(inner) - 1 && Unsigned.isBelow(bound(inner, index), length)) {
        index++;
      }
      node = RangeInner.child(inner, index);
    }
    return node;
  }

  private long bound(long[] inner, int index) {
    return nodes.get(RangeInner.child(inner, index))[GAP_BOUND];
  }
}
