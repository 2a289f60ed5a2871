package dev.cleave.engine.ioas;

import static dev.cleave.engine.ioas.RangeNode.known;

import dev.cleave.engine.ioas.RangeNode.Inner;
import dev.cleave.engine.ioas.RangeNode.Leaf;
import org.jspecify.annotations.Nullable;

/**
 * Disjoint ranges of addresses in ascending order, each with two words of its owner's: a B+ tree of
 * {@link RangeNode}s. Whoever comes back to where somebody was last finds that leaf at once.
 *
 * <p>A search for a hole passes over nodes by their gap bounds, and lowers these where it finds
 * that there is none; so it reads what it must and no range twice.
 *
 * <p>Emptied nodes are kept for reuse: nothing is allocated as long as there are not more ranges
 * than ever before. Belongs to one thread at a time; several may read while nobody writes.
 */
final class RangeTree {
  /** A place in the tree: at a range, or behind the last. What changes the tree moves it along. */
  static final class Position {
    private @Nullable Leaf leaf;
    private int index;

    boolean isAtRange() {
      return leaf != null;
    }

    long first() {
      return at().first(index);
    }

    long last() {
      return at().last(index);
    }

    long offset() {
      return at().offset(index);
    }

    long info() {
      return at().info(index);
    }

    /** Moves the range's end; it must not reach the next range. */
    void setLast(long last) {
      at().setLast(index, last);
    }

    private Leaf at() {
      return known(leaf);
    }

    private void set(@Nullable Leaf at, int where) {
      leaf = at;
      index = where;
      if (at != null && where == at.count) {
        leaf = at.next;
        index = 0;
      }
    }

    /** Moves to the next range, if there is one. */
    boolean next() {
      set(leaf, index + 1);
      return leaf != null;
    }
  }

  private RangeNode root = new Leaf();
  private Leaf finger = (Leaf) root;
  private long size;

  /** Where {@link #touches} found that a range belongs, until the tree changes. */
  private @Nullable Leaf foundLeaf;

  private int foundIndex;
  private long foundFirst;
  private @Nullable Leaf spareLeaves;
  private @Nullable Inner spareInners;

  /** Number of ranges. */
  long size() {
    return size;
  }

  // ---- look ----------------------------------------------------------------------------------

  /** The leaf that a range beginning at an address belongs in. */
  private Leaf leafFor(long address) {
    if (finger.has(address)) {
      return finger;
    }
    RangeNode node = root;
    while (node instanceof Inner inner) {
      node = inner.childFor(address);
    }
    finger = (Leaf) node;
    return finger;
  }

  /**
   * Finds the first range that ends at or above an address.
   *
   * @return false when there is none
   */
  boolean seek(long address, Position position) {
    return seek(leafFor(address), address, position);
  }

  /** The same from the root, which leaves the tree as it is: for several readers at once. */
  boolean seekShared(long address, Position position) {
    RangeNode node = root;
    while (node instanceof Inner inner) {
      node = inner.childFor(address);
    }
    return seek((Leaf) node, address, position);
  }

  private static boolean seek(Leaf leaf, long address, Position position) {
    int index = leaf.countUpTo(address);
    if (index > 0) {
      boolean covers = Long.compareUnsigned(leaf.last(index - 1), address) >= 0;
      position.set(leaf, covers ? index - 1 : index);
      return position.isAtRange();
    }
    Leaf previous = leaf.previous;
    if (previous != null && Long.compareUnsigned(previous.last(previous.count - 1), address) >= 0) {
      position.set(previous, previous.count - 1);
    } else {
      position.set(leaf, 0);
    }
    return position.isAtRange();
  }

  /**
   * Finds the last range that begins at or below an address.
   *
   * @return false when there is none
   */
  boolean seekBack(long address, Position position) {
    Leaf leaf = leafFor(address);
    int index = leaf.countUpTo(address);
    if (index == 0) {
      leaf = leaf.previous;
      index = leaf == null ? 0 : leaf.count;
    }
    position.leaf = leaf;
    position.index = index - 1;
    return leaf != null;
  }

  /** Whether any range has an address of these. */
  boolean touches(long from, long to) {
    Leaf leaf = leafFor(from);
    int index = leaf.countUpTo(from);
    foundLeaf = leaf;
    foundIndex = index;
    foundFirst = from;
    if (index > 0) {
      if (Long.compareUnsigned(leaf.last(index - 1), from) >= 0) {
        return true;
      }
    } else {
      Leaf previous = leaf.previous;
      if (previous != null && Long.compareUnsigned(previous.last(previous.count - 1), from) >= 0) {
        return true;
      }
    }
    if (index < leaf.count) {
      return Long.compareUnsigned(leaf.first(index), to) <= 0;
    }
    return leaf.next != null && Long.compareUnsigned(leaf.next.first(0), to) <= 0;
  }

  /**
   * Moves on, from the range at a position, to the first that has a hole before it of a length.
   *
   * @return false when there is none
   */
  boolean seekHole(Position position, long length) {
    Leaf leaf = position.leaf;
    int index = position.index;
    while (leaf != null) {
      long longest = 0;
      for (int i = index; i < leaf.count; i++) {
        long hole = holeBefore(leaf, i);
        if (Long.compareUnsigned(hole, length) >= 0) {
          position.set(leaf, i);
          return true;
        }
        if (Long.compareUnsigned(hole, longest) > 0) {
          longest = hole;
        }
      }
      if (index == 0) {
        leaf.gapBound = longest;
      }
      leaf = leafWithHole(leaf, length);
      index = 0;
    }
    position.set(null, 0);
    return false;
  }

  /** The next leaf that may have a hole of a length. */
  private static @Nullable Leaf leafWithHole(Leaf from, long length) {
    RangeNode node = from;
    for (Inner parent = node.parent; parent != null; parent = node.parent) {
      for (int i = parent.indexOf(node) + 1; i < parent.count; i++) {
        if (Long.compareUnsigned(parent.child(i).gapBound, length) >= 0) {
          return firstLeaf(parent.child(i), length);
        }
      }
      long longest = 0;
      for (int i = 0; i < parent.count; i++) {
        longest = larger(longest, parent.child(i).gapBound);
      }
      parent.gapBound = longest;
      node = parent;
    }
    return null;
  }

  private static Leaf firstLeaf(RangeNode from, long length) {
    RangeNode node = from;
    while (node instanceof Inner inner) {
      int index = 0;
      while (index < inner.count - 1
          && Long.compareUnsigned(inner.child(index).gapBound, length) < 0) {
        index++;
      }
      node = inner.child(index);
    }
    return (Leaf) node;
  }

  private static long larger(long a, long b) {
    return Long.compareUnsigned(a, b) > 0 ? a : b;
  }

  private static long holeBefore(Leaf leaf, int index) {
    long before = -1;
    if (index > 0) {
      before = leaf.last(index - 1);
    } else if (leaf.previous != null) {
      before = leaf.previous.last(leaf.previous.count - 1);
    }
    return leaf.first(index) - before - 1;
  }

  private static void noteHole(@Nullable Leaf leaf, int index) {
    if (leaf == null) {
      return;
    }
    long hole = holeBefore(leaf, index);
    for (RangeNode node = leaf;
        node != null && Long.compareUnsigned(node.gapBound, hole) < 0;
        node = node.parent) {
      node.gapBound = hole;
    }
  }

  // ---- insert --------------------------------------------------------------------------------

  /** Adds a range that touches no other. */
  void insert(long first, long last, long offset, long info) {
    Leaf found = foundFirst == first ? foundLeaf : null;
    Leaf leaf = found != null ? found : leafFor(first);
    int index = found != null ? foundIndex : leaf.countUpTo(first);
    foundLeaf = null;
    if (leaf.isFull()) {
      // Who adds in ascending order leaves full leaves behind.
      int kept = index == leaf.count ? leaf.count : leaf.count / 2;
      boolean isAppended = kept == leaf.count;
      Leaf right = split(leaf, kept, first);
      if (index > kept || isAppended) {
        leaf = right;
        index -= kept;
        finger = right;
      }
    }
    leaf.move(index, leaf, index + 1, leaf.count - index);
    leaf.set(index, first, last, offset, info);
    leaf.count++;
    size++;
    noteHole(leaf, index);
  }

  /**
   * Moves the upper part of a full leaf to a new one behind it, which may be empty for a moment.
   */
  private Leaf split(Leaf leaf, int kept, long lowIfEmpty) {
    Leaf right = newLeaf();
    right.count = leaf.count - kept;
    leaf.move(kept, right, 0, right.count);
    leaf.count = kept;
    right.gapBound = right.count == 0 ? 0 : leaf.gapBound;
    right.next = leaf.next;
    right.previous = leaf;
    if (leaf.next != null) {
      leaf.next.previous = right;
    }
    leaf.next = right;
    adopt(leaf, right, right.count == 0 ? lowIfEmpty : right.first(0));
    return right;
  }

  /** Puts a new node behind a sibling. */
  private void adopt(RangeNode left, RangeNode right, long low) {
    Inner parent = left.parent;
    if (parent == null) {
      parent = newInner();
      parent.set(0, 0, left);
      parent.count = 1;
      parent.gapBound = left.gapBound;
      root = parent;
    }
    int index = parent.indexOf(left) + 1;
    if (parent.isFull()) {
      int kept = index == parent.count ? parent.count - 1 : parent.count / 2;
      Inner other = split(parent, kept);
      if (index > kept) {
        parent = other;
        index -= kept;
      }
    }
    parent.move(index, parent, index + 1, parent.count - index);
    parent.set(index, low, right);
    parent.count++;
  }

  private Inner split(Inner node, int kept) {
    Inner other = newInner();
    other.count = node.count - kept;
    node.move(kept, other, 0, other.count);
    node.truncate(kept);
    other.gapBound = node.gapBound;
    for (int i = 0; i < other.count; i++) {
      other.child(i).parent = other;
    }
    adopt(node, other, other.low(0));
    return other;
  }

  // ---- remove --------------------------------------------------------------------------------

  /** Takes out the range at a position, which then stands at the next one. */
  void remove(Position position) {
    remove(position, 1);
  }

  /**
   * Takes out all ranges from a position on that end at or below an address; the position then
   * stands at the first that is left.
   */
  void removeThrough(Position position, long address) {
    while (position.leaf != null) {
      Leaf leaf = position.leaf;
      int end = position.index;
      while (end < leaf.count && Long.compareUnsigned(leaf.last(end), address) <= 0) {
        end++;
      }
      boolean isRestOfLeaf = end == leaf.count;
      if (end > position.index) {
        remove(position, end - position.index);
      }
      if (!isRestOfLeaf) {
        return;
      }
    }
  }

  private void remove(Position position, int ranges) {
    foundLeaf = null;
    Leaf leaf = position.at();
    int index = position.index;
    leaf.move(index + ranges, leaf, index, leaf.count - index - ranges);
    leaf.count -= ranges;
    size -= ranges;
    if (leaf.isAlmostEmpty() && leaf.parent != null) {
      refill(leaf, position);
    } else {
      position.set(leaf, index);
    }
    noteHole(position.leaf, position.index);
  }

  /** Joins a leaf that has few ranges with a sibling, if both fit into one; drops an empty one. */
  private void refill(Leaf leaf, Position position) {
    Inner parent = known(leaf.parent);
    int at = parent.indexOf(leaf);
    int index = position.index;
    if (leaf.count == 0) {
      position.set(leaf.next, 0);
      if (leaf.previous != null) {
        leaf.previous.next = leaf.next;
      }
      if (leaf.next != null) {
        leaf.next.previous = leaf.previous;
      }
      drop(parent, at);
      recycle(leaf);
      return;
    }
    if (at + 1 < parent.count && leaf.hasRoomFor(parent.child(at + 1))) {
      join(leaf, (Leaf) parent.child(at + 1), at + 1);
      position.set(leaf, index);
    } else if (at > 0 && leaf.hasRoomFor(parent.child(at - 1))) {
      Leaf left = (Leaf) parent.child(at - 1);
      int before = left.count;
      join(left, leaf, at);
      position.set(left, before + index);
    } else {
      position.set(leaf, index);
    }
  }

  private void join(Leaf left, Leaf right, int rightIndex) {
    right.move(0, left, left.count, right.count);
    left.count += right.count;
    left.gapBound = larger(left.gapBound, right.gapBound);
    left.next = right.next;
    if (right.next != null) {
      right.next.previous = left;
    }
    drop(known(right.parent), rightIndex);
    recycle(right);
  }

  /** Takes a child out of an inner node, and the node itself if it was the only one. */
  private void drop(Inner node, int index) {
    node.move(index + 1, node, index, node.count - index - 1);
    node.truncate(node.count - 1);
    Inner parent = node.parent;
    if (parent == null) {
      while (root instanceof Inner top && top.count == 1) {
        root = top.child(0);
        root.parent = null;
        recycle(top);
      }
      return;
    }
    int at = parent.indexOf(node);
    if (node.count == 0) {
      drop(parent, at);
      recycle(node);
    } else if (node.isAlmostEmpty()) {
      if (at + 1 < parent.count && node.hasRoomFor(parent.child(at + 1))) {
        join(node, (Inner) parent.child(at + 1), at + 1);
      } else if (at > 0 && node.hasRoomFor(parent.child(at - 1))) {
        join((Inner) parent.child(at - 1), node, at);
      }
    }
  }

  private void join(Inner left, Inner right, int rightIndex) {
    Inner parent = known(right.parent);
    right.setLow(0, parent.low(rightIndex));
    right.move(0, left, left.count, right.count);
    for (int i = 0; i < right.count; i++) {
      right.child(i).parent = left;
    }
    left.count += right.count;
    left.gapBound = larger(left.gapBound, right.gapBound);
    drop(parent, rightIndex);
    recycle(right);
  }

  // ---- nodes ---------------------------------------------------------------------------------

  private Leaf newLeaf() {
    Leaf leaf = spareLeaves;
    if (leaf == null) {
      return new Leaf();
    }
    spareLeaves = leaf.next;
    leaf.next = null;
    return leaf;
  }

  private void recycle(Leaf leaf) {
    if (finger == leaf) {
      RangeNode node = root;
      while (node instanceof Inner inner) {
        node = inner.child(0);
      }
      finger = (Leaf) node;
    }
    leaf.count = 0;
    leaf.gapBound = 0;
    leaf.parent = null;
    leaf.previous = null;
    leaf.next = spareLeaves;
    spareLeaves = leaf;
  }

  private Inner newInner() {
    Inner inner = spareInners;
    if (inner == null) {
      return new Inner();
    }
    spareInners = inner.parent;
    inner.parent = null;
    return inner;
  }

  private void recycle(Inner inner) {
    inner.truncate(0);
    inner.gapBound = 0;
    inner.parent = spareInners;
    spareInners = inner;
  }
}
