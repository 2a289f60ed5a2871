package dev.cleave.engine.ioas;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Disjoint ranges of addresses in ascending order, each with two words of its owner's: a B+ tree.
 *
 * <pre>
 *   inner   lows      the lowest address that may lie below each child; of the first, any
 *           children
 *   leaf    first, last, offset, info   of up to {@value #CAPACITY} ranges, side by side
 *           next, previous              so that a range finds its neighbours
 *   both    gapBound                    no hole before a range below is longer
 * </pre>
 *
 * <p>A low stays when the first range behind it goes, so it may lie below that of every range
 * there. {@code gapBound} is an upper bound as well: it grows at once when a hole does, and falls
 * only when somebody looked for a hole below and found that there is none; so a search for a hole
 * reads what it must and no range twice.
 *
 * <p>Emptied nodes are kept for reuse: nothing is allocated as long as there are not more ranges
 * than ever before. Belongs to one thread at a time; several may read while nobody writes.
 */
final class RangeTree {
  /** Ranges in a leaf, children of an inner node. */
  static final int CAPACITY = 64;

  private static final int FEW = CAPACITY / 4;
  private static final int MANY = CAPACITY * 3 / 4;

  private abstract static sealed class Node permits Leaf, Inner {
    int count;
    @Nullable Inner parent;
    long gapBound;
  }

  private static final class Leaf extends Node {
    final long[] first = new long[CAPACITY];
    final long[] last = new long[CAPACITY];
    final long[] offset = new long[CAPACITY];
    final long[] info = new long[CAPACITY];
    @Nullable Leaf previous;
    @Nullable Leaf next;

    /** The number of ranges that begin at or below an address. */
    int countUpTo(long address) {
      int low = 0;
      int high = count;
      while (low < high) {
        int middle = (low + high) >>> 1;
        if (Long.compareUnsigned(first[middle], address) <= 0) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      return low;
    }

    void move(int from, Leaf target, int to, int length) {
      System.arraycopy(first, from, target.first, to, length);
      System.arraycopy(last, from, target.last, to, length);
      System.arraycopy(offset, from, target.offset, to, length);
      System.arraycopy(info, from, target.info, to, length);
    }
  }

  private static final class Inner extends Node {
    final long[] lows = new long[CAPACITY];
    final @Nullable Node[] children = new Node[CAPACITY];

    Node child(int index) {
      return known(children[index]);
    }

    Node childFor(long address) {
      int low = 1;
      int high = count;
      while (low < high) {
        int middle = (low + high) >>> 1;
        if (Long.compareUnsigned(lows[middle], address) <= 0) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      return child(low - 1);
    }

    int indexOf(Node node) {
      int index = 0;
      while (children[index] != node) {
        index++;
      }
      return index;
    }

    void move(int from, Inner target, int to, int length) {
      System.arraycopy(lows, from, target.lows, to, length);
      System.arraycopy(children, from, target.children, to, length);
    }
  }

  /** A place in the tree: at a range, or behind the last. What changes the tree moves it along. */
  static final class Position {
    private @Nullable Leaf leaf;
    private int index;

    boolean isAtRange() {
      return leaf != null;
    }

    long first() {
      return at().first[index];
    }

    long last() {
      return at().last[index];
    }

    long offset() {
      return at().offset[index];
    }

    long info() {
      return at().info[index];
    }

    /** Moves the range's end; it must not reach the next range. */
    void setLast(long last) {
      at().last[index] = last;
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

  private Node root = new Leaf();
  private Leaf finger = (Leaf) root;
  private long size;
  private @Nullable Leaf spareLeaves;
  private @Nullable Inner spareInners;

  /** Number of ranges. */
  long size() {
    return size;
  }

  private static <T> T known(@Nullable T value) {
    return Objects.requireNonNull(value);
  }

  // ---- look ----------------------------------------------------------------------------------

  /** The leaf that a range beginning at an address belongs in. */
  private Leaf leafFor(long address) {
    Leaf recent = finger;
    if (recent.count > 0
        && Long.compareUnsigned(recent.first[0], address) <= 0
        && (recent.next == null
            || Long.compareUnsigned(address, recent.first[recent.count - 1]) <= 0)) {
      return recent;
    }
    Node node = root;
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
    Node node = root;
    while (node instanceof Inner inner) {
      node = inner.childFor(address);
    }
    return seek((Leaf) node, address, position);
  }

  private static boolean seek(Leaf leaf, long address, Position position) {
    int index = leaf.countUpTo(address);
    if (index > 0) {
      boolean covers = Long.compareUnsigned(leaf.last[index - 1], address) >= 0;
      position.set(leaf, covers ? index - 1 : index);
      return position.isAtRange();
    }
    Leaf previous = leaf.previous;
    if (previous != null && Long.compareUnsigned(previous.last[previous.count - 1], address) >= 0) {
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
    if (index > 0) {
      if (Long.compareUnsigned(leaf.last[index - 1], from) >= 0) {
        return true;
      }
    } else {
      Leaf previous = leaf.previous;
      if (previous != null && Long.compareUnsigned(previous.last[previous.count - 1], from) >= 0) {
        return true;
      }
    }
    if (index < leaf.count) {
      return Long.compareUnsigned(leaf.first[index], to) <= 0;
    }
    return leaf.next != null && Long.compareUnsigned(leaf.next.first[0], to) <= 0;
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
    Node node = from;
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

  private static Leaf firstLeaf(Node from, long length) {
    Node node = from;
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
      before = leaf.last[index - 1];
    } else if (leaf.previous != null) {
      before = leaf.previous.last[leaf.previous.count - 1];
    }
    return leaf.first[index] - before - 1;
  }

  private static void noteHole(@Nullable Leaf leaf, int index) {
    if (leaf == null) {
      return;
    }
    long hole = holeBefore(leaf, index);
    for (Node node = leaf;
        node != null && Long.compareUnsigned(node.gapBound, hole) < 0;
        node = node.parent) {
      node.gapBound = hole;
    }
  }

  // ---- insert --------------------------------------------------------------------------------

  /** Adds a range that touches no other. */
  void insert(long first, long last, long offset, long info) {
    Leaf leaf = leafFor(first);
    int index = leaf.countUpTo(first);
    if (leaf.count == CAPACITY) {
      // Who adds in ascending order leaves full leaves behind.
      int kept = index == CAPACITY ? CAPACITY : CAPACITY / 2;
      Leaf right = split(leaf, kept, first);
      if (index > kept || kept == CAPACITY) {
        leaf = right;
        index -= kept;
        finger = right;
      }
    }
    leaf.move(index, leaf, index + 1, leaf.count - index);
    leaf.first[index] = first;
    leaf.last[index] = last;
    leaf.offset[index] = offset;
    leaf.info[index] = info;
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
    adopt(leaf, right, right.count == 0 ? lowIfEmpty : right.first[0]);
    return right;
  }

  /** Puts a new node behind a sibling. */
  private void adopt(Node left, Node right, long low) {
    Inner parent = left.parent;
    if (parent == null) {
      parent = newInner();
      parent.children[0] = left;
      parent.lows[0] = 0;
      parent.count = 1;
      parent.gapBound = left.gapBound;
      left.parent = parent;
      root = parent;
    }
    int index = parent.indexOf(left) + 1;
    if (parent.count == CAPACITY) {
      int kept = index == CAPACITY ? CAPACITY - 1 : CAPACITY / 2;
      Inner other = newInner();
      other.count = CAPACITY - kept;
      parent.move(kept, other, 0, other.count);
      Arrays.fill(parent.children, kept, CAPACITY, null);
      parent.count = kept;
      other.gapBound = parent.gapBound;
      for (int i = 0; i < other.count; i++) {
        other.child(i).parent = other;
      }
      adopt(parent, other, other.lows[0]);
      if (index > kept) {
        parent = other;
        index -= kept;
      }
    }
    parent.move(index, parent, index + 1, parent.count - index);
    parent.children[index] = right;
    parent.lows[index] = low;
    parent.count++;
    right.parent = parent;
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
      while (end < leaf.count && Long.compareUnsigned(leaf.last[end], address) <= 0) {
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
    Leaf leaf = position.at();
    int index = position.index;
    leaf.move(index + ranges, leaf, index, leaf.count - index - ranges);
    leaf.count -= ranges;
    size -= ranges;
    if (leaf.count < FEW && leaf.parent != null) {
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
    if (at + 1 < parent.count && leaf.count + parent.child(at + 1).count <= MANY) {
      join(leaf, (Leaf) parent.child(at + 1), at + 1);
      position.set(leaf, index);
    } else if (at > 0 && leaf.count + parent.child(at - 1).count <= MANY) {
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
    node.count--;
    node.children[node.count] = null;
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
    } else if (node.count < FEW) {
      if (at + 1 < parent.count && node.count + parent.child(at + 1).count <= MANY) {
        join(node, (Inner) parent.child(at + 1), at + 1);
      } else if (at > 0 && node.count + parent.child(at - 1).count <= MANY) {
        join((Inner) parent.child(at - 1), node, at);
      }
    }
  }

  private void join(Inner left, Inner right, int rightIndex) {
    Inner parent = known(right.parent);
    right.lows[0] = parent.lows[rightIndex];
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
      Node node = root;
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
    Arrays.fill(inner.children, null);
    inner.count = 0;
    inner.gapBound = 0;
    inner.parent = spareInners;
    spareInners = inner;
  }
}
