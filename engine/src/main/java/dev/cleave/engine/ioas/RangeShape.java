package dev.cleave.engine.ioas;

import static dev.cleave.engine.ioas.RangeNodes.GAP_BOUND;
import static dev.cleave.engine.ioas.RangeNodes.NONE;
import static dev.cleave.engine.ioas.RangeNodes.count;
import static dev.cleave.engine.ioas.RangeNodes.parent;

/**
 * How the nodes of a {@link RangeTree} hang together: a B+ tree, whose nodes are split when they
 * are full and joined when they are almost empty.
 *
 * <p>A low stays when the first range behind it goes, so it may lie below that of every range
 * there.
 */
final class RangeShape {
  private final RangeNodes nodes;
  private int root;

  /** Inner nodes from the root to a leaf. */
  private int height;

  /** What a leaf was that becomes one of the other kind. */
  private final long[] image = new long[RangeLeaf.WORDS];

  RangeShape(RangeNodes nodes) {
    this.nodes = nodes;
    root = nodes.newLeaf();
    RangeLeaf.setBounds(nodes.get(root), 0, -1L);
  }

  /** The leaf that a range beginning at an address belongs in. */
  int leafFor(long address) {
    int node = root;
    for (int level = height; level > 0; level--) {
      node = RangeInner.childFor(nodes.get(node), address);
    }
    return node;
  }

  /** Makes a leaf one of pages, if it can be one with one more range. */
  boolean becomePages(int leaf, long first, long last, long offset, long info) {
    return RangeLeaf.becomePages(nodes.get(leaf), first, last, offset, info, image);
  }

  /** Makes a leaf, which has few ranges, one for ranges of any kind. */
  void becomeRanges(int leaf) {
    RangeLeaf.becomeRanges(nodes.get(leaf), image);
  }

  // ---- more ----------------------------------------------------------------------------------

  /**
   * Moves the upper part of a leaf to a new one behind it.
   *
   * @param kept ranges that stay, not all
   * @return the new leaf
   */
  int split(int number, int kept) {
    int rightNumber = nodes.newLeaf();
    long[] leaf = nodes.get(number);
    long[] right = nodes.get(rightNumber);
    RangeLeaf.moveTo(leaf, kept, right);
    right[GAP_BOUND] = leaf[GAP_BOUND];
    long rightLow = RangeLeaf.first(right, 0);
    RangeLeaf.setBounds(right, rightLow, RangeLeaf.top(leaf));
    RangeLeaf.setBounds(leaf, RangeLeaf.low(leaf), rightLow - 1);
    link(rightNumber, RangeLeaf.next(leaf));
    link(number, rightNumber);
    adopt(number, rightNumber, rightLow);
    return rightNumber;
  }

  /** Makes two leaves neighbours. */
  private void link(int left, int right) {
    if (left != NONE) {
      RangeLeaf.setNext(nodes.get(left), right);
    }
    if (right != NONE) {
      RangeLeaf.setPrevious(nodes.get(right), left);
    }
  }

  /** Puts a new node behind a sibling. */
  private void adopt(int left, int right, long low) {
    int parent = parent(nodes.get(left));
    if (parent == NONE) {
      parent = nodes.newInner();
      RangeInner.insert(nodes.get(parent), 0, 0, left);
      nodes.get(parent)[GAP_BOUND] = nodes.get(left)[GAP_BOUND];
      RangeNodes.setParent(nodes.get(left), parent);
      root = parent;
      height++;
    }
    int index = RangeInner.indexOf(nodes.get(parent), left) + 1;
    if (RangeInner.isFull(nodes.get(parent))) {
      // Who adds in ascending order leaves full nodes behind.
      int children = count(nodes.get(parent));
      int kept = index == children ? children - 1 : children / 2;
      int other = splitInner(parent, kept);
      if (index > kept) {
        parent = other;
        index -= kept;
      }
    }
    RangeInner.insert(nodes.get(parent), index, low, right);
    RangeNodes.setParent(nodes.get(right), parent);
  }

  private int splitInner(int number, int kept) {
    int otherNumber = nodes.newInner();
    long[] node = nodes.get(number);
    long[] other = nodes.get(otherNumber);
    RangeInner.moveTo(node, kept, other);
    other[GAP_BOUND] = node[GAP_BOUND];
    setParents(otherNumber, 0);
    adopt(number, otherNumber, RangeInner.low(other, 0));
    return otherNumber;
  }

  /** Tells the children of a node, from an index on, who their parent is. */
  private void setParents(int number, int from) {
    long[] node = nodes.get(number);
    for (int i = from; i < count(node); i++) {
      RangeNodes.setParent(nodes.get(RangeInner.child(node, i)), number);
    }
  }

  // ---- fewer ---------------------------------------------------------------------------------

  /**
   * Joins a leaf that has few ranges with a sibling, if both fit into one; drops an empty one. It
   * is not the root.
   *
   * @return the leaf that has its ranges now, {@link RangeNodes#NONE} if it had none
   */
  int refill(int number) {
    int parent = parent(nodes.get(number));
    int at = RangeInner.indexOf(nodes.get(parent), number);
    if (count(nodes.get(number)) == 0) {
      dropEmpty(number, parent, at);
      return NONE;
    }
    int right =
        at + 1 < count(nodes.get(parent)) ? RangeInner.child(nodes.get(parent), at + 1) : NONE;
    if (right != NONE && fitInOne(number, right)) {
      join(number, right, parent, at + 1);
      return number;
    }
    int left = at > 0 ? RangeInner.child(nodes.get(parent), at - 1) : NONE;
    if (left != NONE && fitInOne(number, left)) {
      join(left, number, parent, at);
      return left;
    }
    return number;
  }

  private boolean fitInOne(int leaf, int other) {
    return count(nodes.get(leaf)) + count(nodes.get(other)) <= RangeLeaf.FEW;
  }

  private void join(int left, int right, int parent, int rightIndex) {
    long[] target = nodes.get(left);
    long[] source = nodes.get(right);
    becomeRanges(left);
    RangeLeaf.moveTo(source, 0, target);
    RangeLeaf.setBounds(target, RangeLeaf.low(target), RangeLeaf.top(source));
    target[GAP_BOUND] = Unsigned.max(target[GAP_BOUND], source[GAP_BOUND]);
    link(left, RangeLeaf.next(source));
    nodes.recycleLeaf(right);
    drop(parent, rightIndex);
  }

  private void dropEmpty(int number, int parent, int at) {
    long[] leaf = nodes.get(number);
    int previous = RangeLeaf.previous(leaf);
    int next = RangeLeaf.next(leaf);
    if (goesToNext(number)) {
      RangeLeaf.setBounds(nodes.get(next), RangeLeaf.low(leaf), RangeLeaf.top(nodes.get(next)));
    } else {
      RangeLeaf.setBounds(
          nodes.get(previous), RangeLeaf.low(nodes.get(previous)), RangeLeaf.top(leaf));
    }
    link(previous, next);
    nodes.recycleLeaf(number);
    drop(parent, at);
  }

  /**
   * Whether its addresses go to the leaf behind it when it is dropped: it is the first below the
   * lowest node above it that keeps another child.
   */
  private boolean goesToNext(int leaf) {
    int node = leaf;
    int above = parent(nodes.get(node));
    while (count(nodes.get(above)) == 1) {
      node = above;
      above = parent(nodes.get(node));
    }
    return RangeInner.child(nodes.get(above), 0) == node;
  }

  /** Takes a child out of an inner node, and the node itself if it was the only one. */
  private void drop(int number, int index) {
    long[] node = nodes.get(number);
    RangeInner.remove(node, index);
    int parent = parent(node);
    if (parent == NONE) {
      lowerRoot();
    } else if (count(node) == 0) {
      int at = RangeInner.indexOf(nodes.get(parent), number);
      nodes.recycleInner(number);
      drop(parent, at);
    } else if (RangeInner.isAlmostEmpty(node)) {
      refillInner(number, parent);
    }
  }

  private void lowerRoot() {
    while (height > 0 && count(nodes.get(root)) == 1) {
      int top = root;
      root = RangeInner.child(nodes.get(top), 0);
      RangeNodes.setParent(nodes.get(root), NONE);
      nodes.recycleInner(top);
      height--;
    }
  }

  private void refillInner(int number, int parent) {
    long[] above = nodes.get(parent);
    int at = RangeInner.indexOf(above, number);
    int right = at + 1 < count(above) ? RangeInner.child(above, at + 1) : NONE;
    int left = at > 0 ? RangeInner.child(above, at - 1) : NONE;
    if (right != NONE && RangeInner.fitInOne(nodes.get(number), nodes.get(right))) {
      joinInner(number, right, parent, at + 1);
    } else if (left != NONE && RangeInner.fitInOne(nodes.get(left), nodes.get(number))) {
      joinInner(left, number, parent, at);
    }
  }

  private void joinInner(int left, int right, int parent, int rightIndex) {
    long[] target = nodes.get(left);
    long[] source = nodes.get(right);
    RangeInner.setLow(source, 0, RangeInner.low(nodes.get(parent), rightIndex));
    int end = count(target);
    RangeInner.moveTo(source, 0, target);
    setParents(left, end);
    target[GAP_BOUND] = Unsigned.max(target[GAP_BOUND], source[GAP_BOUND]);
    nodes.recycleInner(right);
    drop(parent, rightIndex);
  }
}
