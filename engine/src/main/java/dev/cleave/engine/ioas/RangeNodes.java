package dev.cleave.engine.ioas;

import java.util.Arrays;

/**
 * The nodes of a {@link RangeTree}, each an array of words with a number by which others know it:
 * so a tree changes without a store of a reference, of which garbage collectors keep account.
 *
 * <pre>
 *   0   count            of ranges or children
 *   1   parent           number of the inner node above, 0 for the root
 *   2   gapBound         no hole before a range here or below is longer
 * </pre>
 *
 * <p>{@code gapBound} is an upper bound: it grows at once when a hole does, and falls when somebody
 * has looked. Nodes that are given back are kept for reuse, leaves as leaves: nothing is allocated
 * as long as there are not more than ever before.
 */
final class RangeNodes {
  /** The number that no node has. */
  static final int NONE = 0;

  private static final int COUNT = 0;
  private static final int PARENT = 1;
  static final int GAP_BOUND = 2;
  static final int HEADER_WORDS = 3;
  private static final int FEW = 8;

  private long[][] words = new long[FEW][];
  private int highest = NONE;
  private int leaves;
  private int spareLeaves = NONE;
  private int spareInners = NONE;

  static int count(long[] node) {
    return (int) node[COUNT];
  }

  static void setCount(long[] node, int count) {
    node[COUNT] = count;
  }

  static void addToCount(long[] node, int more) {
    node[COUNT] += more;
  }

  static int parent(long[] node) {
    return (int) node[PARENT];
  }

  static void setParent(long[] node, int parent) {
    node[PARENT] = parent;
  }

  /** The words of a node. */
  long[] get(int number) {
    return words[number];
  }

  /** Leaves that were ever made. */
  int leaves() {
    return leaves;
  }

  int newLeaf() {
    int number = spareLeaves;
    if (number != NONE) {
      spareLeaves = parent(words[number]);
    } else {
      number = add(new long[RangeLeaf.WORDS]);
      leaves++;
    }
    RangeLeaf.clear(words[number]);
    return number;
  }

  int newInner() {
    int number = spareInners;
    if (number != NONE) {
      spareInners = parent(words[number]);
    } else {
      number = add(new long[RangeInner.WORDS]);
    }
    RangeInner.clear(words[number]);
    return number;
  }

  private int add(long[] node) {
    int number = ++highest;
    if (number == words.length) {
      words = Arrays.copyOf(words, 2 * number);
    }
    words[number] = node;
    return number;
  }

  /**
   * Takes a leaf back; whoever still guesses that an address belongs to it finds that none does.
   */
  void recycleLeaf(int number) {
    RangeLeaf.clear(words[number]);
    setParent(words[number], spareLeaves);
    spareLeaves = number;
  }

  void recycleInner(int number) {
    setParent(words[number], spareInners);
    spareInners = number;
  }
}
