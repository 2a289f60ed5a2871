package dev.cleave.engine.ioas;

import static dev.cleave.engine.ioas.RangeNodes.NONE;
import static dev.cleave.engine.ioas.RangeNodes.count;

import java.util.Arrays;

/**
 * Disjoint ranges of addresses in ascending order, each with two words of its owner's, in a {@link
 * RangeShape} of {@link RangeNodes}.
 *
 * <p>It remembers which leaf each 8 KiB of addresses were last found in, with room for all those of
 * leaves full of pages, and the very place found last (benchmark {@code AddressSpaces.page}).
 * Whether a guess is right the leaf itself says.
 *
 * <p>Nothing is allocated as long as there are not more ranges than ever before. Belongs to one
 * thread at a time; several may {@linkplain #seekShared read} while nobody writes.
 */
final class RangeTree {
  /** Addresses whose leaf is guessed together. */
  private static final int GUESSED_LOG2 = 13;

  /**
   * Guesses for each leaf. To search a tree instead takes as long as the processor's own guesses
   * have it ({@code bench --stability}, a page of an address space of 256 leaves: with two guesses
   * for each 58 ns, and 79 in one JVM of forty; with 16 of them 45).
   */
  private static final int GUESSES = (int) (PageSlots.WINDOW_BYTES >>> GUESSED_LOG2);

  /** What stands for a number that nobody has asked for. */
  private static final int UNCOUNTED = -1;

  /**
   * A range, as it was when the position came to it, or the place behind the last. What changes the
   * tree moves it along.
   */
  static final class Position {
    int leaf;
    int index;
    private long first;
    private long last;
    private long offset;
    private long info;

    /** Says what a range is that has been taken out. */
    void setRemoved(long first, long last, long offset, long info) {
      leaf = NONE;
      this.first = first;
      this.last = last;
      this.offset = offset;
      this.info = info;
    }

    boolean isAtRange() {
      return leaf != NONE;
    }

    long first() {
      return first;
    }

    long last() {
      return last;
    }

    long offset() {
      return offset;
    }

    long info() {
      return info;
    }
  }

  private final RangeNodes nodes = new RangeNodes();
  private final RangeShape shape = new RangeShape(nodes);
  private final RangeHoles holes = new RangeHoles(nodes);
  private long size;

  /** Leaves, by what is guessed together; of a power of two of them. */
  private int[] guesses = guesses(GUESSES, shape.leafFor(0));

  /** Where a range is or would be, if {@link #foundLeaf} is one: until the tree changes. */
  private long foundFirst;

  private int foundLeaf;

  private final Position found = new Position();

  /** Ranges of that leaf that begin at or below that address, or {@link #UNCOUNTED}. */
  private int foundCount;

  /** Number of ranges. */
  long size() {
    return size;
  }

  // ---- look ----------------------------------------------------------------------------------

  /**
   * Finds the leaf that a range beginning at an address belongs in.
   *
   * @return its words
   */
  private long[] find(long address) {
    return foundLeaf == NONE || foundFirst != address ? lookUp(address) : nodes.get(foundLeaf);
  }

  private long[] lookUp(long address) {
    int guess = (int) (address >>> GUESSED_LOG2) & (guesses.length - 1);
    int leaf = guesses[guess];
    long[] words = nodes.get(leaf);
    if (!RangeLeaf.has(words, address)) {
      leaf = shape.leafFor(address);
      guesses[guess] = leaf;
      words = nodes.get(leaf);
    }
    foundLeaf = leaf;
    foundFirst = address;
    foundCount = UNCOUNTED;
    return words;
  }

  /** The place in that leaf, for which pages need not be asked. */
  private int foundCount() {
    if (foundCount == UNCOUNTED) {
      foundCount = RangeLeaf.countUpTo(nodes.get(foundLeaf), foundFirst);
    }
    return foundCount;
  }

  private boolean set(Position position, int number, int index) {
    int leaf = number;
    int at = index;
    if (leaf != NONE && at == count(nodes.get(leaf))) {
      leaf = RangeLeaf.next(nodes.get(leaf));
      at = 0;
    }
    position.leaf = leaf;
    position.index = at;
    if (leaf == NONE) {
      return false;
    }
    long[] words = nodes.get(leaf);
    position.first = RangeLeaf.first(words, at);
    position.last = RangeLeaf.last(words, at);
    position.offset = RangeLeaf.offset(words, at);
    position.info = RangeLeaf.info(words, at);
    return true;
  }

  /**
   * Finds the first range that ends at or above an address.
   *
   * @return false when there is none
   */
  boolean seek(long address, Position position) {
    var _ = find(address);
    return seek(foundLeaf, foundCount(), address, position);
  }

  /** The same from the root, which leaves the tree as it is: for several readers at once. */
  boolean seekShared(long address, Position position) {
    int leaf = shape.leafFor(address);
    return seek(leaf, RangeLeaf.countUpTo(nodes.get(leaf), address), address, position);
  }

  private boolean seek(int leaf, int count, long address, Position position) {
    long[] words = nodes.get(leaf);
    if (count > 0) {
      boolean covers = !Unsigned.isBelow(RangeLeaf.last(words, count - 1), address);
      return set(position, leaf, covers ? count - 1 : count);
    }
    int previous = RangeLeaf.previous(words);
    boolean covers = previous != NONE && !Unsigned.isBelow(lastOf(previous), address);
    return covers
        ? set(position, previous, count(nodes.get(previous)) - 1)
        : set(position, leaf, 0);
  }

  /** Where the last range of a leaf ends. */
  private long lastOf(int leaf) {
    long[] words = nodes.get(leaf);
    return RangeLeaf.last(words, count(words) - 1);
  }

  /** Whether there is a range of just these addresses. */
  boolean isRange(long first, long last) {
    long[] leaf = find(first);
    return RangeLeaf.isOfPages(leaf)
        ? PageSlots.isRange(leaf, first, last)
        : foundCount() > 0 && RangeSlots.isRange(leaf, foundCount - 1, first, last);
  }

  /**
   * Finds the last range that begins at or below an address.
   *
   * @return false when there is none
   */
  boolean seekBack(long address, Position position) {
    long[] leaf = find(address);
    if (foundCount() > 0) {
      return set(position, foundLeaf, foundCount - 1);
    }
    int previous = RangeLeaf.previous(leaf);
    if (previous == NONE) {
      position.leaf = NONE;
      return false;
    }
    return set(position, previous, count(nodes.get(previous)) - 1);
  }

  /**
   * Moves to the next range; nobody writes meanwhile.
   *
   * @return false when there is none
   */
  boolean next(Position position) {
    return position.leaf != NONE && set(position, position.leaf, position.index + 1);
  }

  /** Whether any range has an address of these. */
  boolean touches(long from, long to) {
    long[] leaf = find(from);
    int index = foundCount();
    if (index > 0) {
      if (!Unsigned.isBelow(RangeLeaf.last(leaf, index - 1), from)) {
        return true;
      }
    } else {
      int previous = RangeLeaf.previous(leaf);
      if (previous != NONE && !Unsigned.isBelow(lastOf(previous), from)) {
        return true;
      }
    }
    if (index < count(leaf)) {
      return !Unsigned.isBelow(to, RangeLeaf.first(leaf, index));
    }
    int next = RangeLeaf.next(leaf);
    return next != NONE && !Unsigned.isBelow(to, RangeLeaf.first(nodes.get(next), 0));
  }

  /**
   * Moves on, from the range at a position, to the first that has a hole before it of a length.
   *
   * @return false when there is none
   */
  boolean seekHole(Position position, long length) {
    holes.seek(position, length);
    return position.leaf != NONE && set(position, position.leaf, position.index);
  }

  // ---- change --------------------------------------------------------------------------------

  /** Moves the end of the range at a position; it must not reach the next range. */
  void setLast(Position position, long last) {
    loosen(position);
    RangeLeaf.setLast(nodes.get(position.leaf), position.index, last);
    position.last = last;
    int next = position.index + 1;
    if (next < count(nodes.get(position.leaf))) {
      holes.note(position.leaf, next);
    } else {
      noteBehind(nodes.get(position.leaf));
    }
  }

  /** Replaces the info of the range at a position. */
  void setInfo(Position position, long info) {
    if (!PageSlots.isInfo(info)) {
      loosen(position);
    }
    RangeLeaf.setInfo(nodes.get(position.leaf), position.index, info);
    position.info = info;
  }

  /** Adds a range that touches no other. */
  void insert(long first, long last, long offset, long info) {
    var _ = find(first);
    insertFound(first, last, offset, info);
  }

  /**
   * Adds a range if it touches no other. A page behind pages is asked for by its address alone.
   *
   * @return whether it is there now
   */
  boolean insertIfFree(long first, long last, long offset, long info) {
    long[] leaf = find(first);
    if (PageSlots.insertBehind(leaf, first, last, offset, info)) {
      foundCount = UNCOUNTED;
      size++;
      noteBetweenPages(leaf);
      return true;
    }
    if (touches(first, last)) {
      return false;
    }
    insertFound(first, last, offset, info);
    return true;
  }

  /** Adds it where it belongs: a third page or a range without room changes the leaf. */
  private void insertFound(long first, long last, long offset, long info) {
    int index = foundCount();
    long[] leaf = nodes.get(foundLeaf);
    if (count(leaf) == RangeLeaf.FEWEST || hasNoRoom(leaf, first, last, offset, info)) {
      makeRoom(first, last, offset, info);
      leaf = nodes.get(foundLeaf);
      index = foundCount;
    }
    RangeLeaf.insert(leaf, index, first, last, offset, info);
    size++;
    foundCount++;
    if (foundCount == count(leaf)) { // else the bound stands for the hole that it came into
      holes.note(foundLeaf, foundCount - 1);
    }
  }

  /**
   * Whether the leaf that was found does not take a range. Who adds in ascending order leaves room
   * in each leaf, for what comes and goes there.
   */
  private boolean hasNoRoom(long[] leaf, long first, long last, long offset, long info) {
    return !RangeLeaf.takes(leaf, first, last, offset, info)
        || (RangeLeaf.isAlmostFull(leaf)
            && foundCount == count(leaf)
            && RangeLeaf.next(leaf) == NONE);
  }

  /** Changes leaves until the one that was found takes a range, best among pages. */
  private void makeRoom(long first, long last, long offset, long info) {
    var _ = shape.becomePages(foundLeaf, first, last, offset, info);
    while (hasNoRoom(nodes.get(foundLeaf), first, last, offset, info)) {
      makeRoom(first);
    }
  }

  private void makeRoom(long first) {
    long[] leaf = nodes.get(foundLeaf);
    int count = count(leaf);
    boolean isOfPages = RangeLeaf.isOfPages(leaf);
    if (isOfPages && count < RangeLeaf.FEW) {
      shape.becomeRanges(foundLeaf);
      return;
    }
    // One goes along with what is added at an end, so that no leaf comes and goes with a range.
    int middle = isOfPages ? Math.max(foundCount, 1) : count / 2;
    int kept = foundCount == count ? count - 1 : middle;
    int right = split(foundLeaf, kept);
    if (RangeLeaf.has(nodes.get(right), first)) {
      foundLeaf = right;
      foundCount -= kept;
    }
  }

  private int split(int leaf, int kept) {
    int right = shape.split(leaf, kept);
    if (GUESSES * nodes.leaves() > guesses.length) {
      guesses = guesses(2 * guesses.length, right);
    }
    return right;
  }

  private static int[] guesses(int count, int leaf) {
    int[] guesses = new int[count];
    Arrays.fill(guesses, leaf);
    return guesses;
  }

  /** Has the range at a position in a leaf that is not of pages. */
  private void loosen(Position position) {
    if (!RangeLeaf.isOfPages(nodes.get(position.leaf))) {
      return;
    }
    foundLeaf = NONE;
    if (position.index > 0 && !RangeLeaf.canBeOfRanges(nodes.get(position.leaf))) {
      position.leaf = split(position.leaf, position.index);
      position.index = 0;
    }
    if (!RangeLeaf.canBeOfRanges(nodes.get(position.leaf))) {
      var _ = split(position.leaf, 1);
    }
    shape.becomeRanges(position.leaf);
  }

  /**
   * Takes a range out if it is just these addresses. A page behind pages is asked for by its
   * address alone.
   *
   * @param removed what it was, if it was there
   * @return whether it was
   */
  boolean removeIfRange(long first, long last, Position removed) {
    long[] leaf = find(first);
    if (PageSlots.isRangeBehind(leaf, first, last) && !mayBeRefilled(leaf, count(leaf) - 1)) {
      long word = PageSlots.removePage(leaf, first);
      removed.setRemoved(first, last, PageSlots.offset(word), PageSlots.info(word));
      foundCount = UNCOUNTED;
      size--;
      if (PageSlots.endsAt(leaf, first)) {
        noteBehind(leaf);
      } else {
        noteBetweenPages(leaf);
      }
      return true;
    }
    return removeInOrder(first, last, removed);
  }

  /** Raises bounds to what is no shorter than any hole between two pages of the leaf found. */
  private void noteBetweenPages(long[] leaf) {
    if (!RangeHoles.hasNotedPages(leaf)) {
      holes.noteBetweenPages(foundLeaf);
    }
  }

  private boolean removeInOrder(long first, long last, Position removed) {
    if (!isRange(first, last)) {
      return false;
    }
    var _ = set(removed, foundLeaf, foundCount() - 1);
    removed.leaf = NONE;
    removeFound();
    return true;
  }

  private void removeFound() {
    long[] leaf = nodes.get(foundLeaf);
    int left = count(leaf) - 1;
    int index = foundCount - 1;
    if (mayBeRefilled(leaf, left)) {
      found.leaf = foundLeaf;
      found.index = index;
      remove(found);
      return;
    }
    RangeLeaf.remove(leaf, index);
    size--;
    foundCount = index;
    if (index < left) {
      holes.note(foundLeaf, index);
    } else {
      noteBehind(leaf);
    }
  }

  /** Raises bounds to the hole behind a leaf. */
  private void noteBehind(long[] leaf) {
    if (RangeLeaf.next(leaf) != NONE) {
      holes.note(RangeLeaf.next(leaf), 0);
    }
  }

  /** Takes out the range at a position, which then stands at the next one. */
  void remove(Position position) {
    remove(position, 1);
  }

  /**
   * Takes out all ranges from a position on that end at or below an address; the position then
   * stands at the first that is left.
   */
  void removeThrough(Position position, long address) {
    while (position.leaf != NONE) {
      long[] leaf = nodes.get(position.leaf);
      int end = position.index;
      while (end < count(leaf) && !Unsigned.isBelow(address, RangeLeaf.last(leaf, end))) {
        end++;
      }
      boolean isRestOfLeaf = end == count(leaf);
      if (end > position.index) {
        remove(position, end - position.index);
      }
      if (!isRestOfLeaf) {
        return;
      }
    }
  }

  private static boolean mayBeRefilled(long[] leaf, int ranges) {
    return ranges < RangeLeaf.FEWEST && RangeNodes.parent(leaf) != NONE;
  }

  private void remove(Position position, int ranges) {
    foundLeaf = NONE;
    int number = position.leaf;
    int index = position.index;
    long[] leaf = nodes.get(number);
    for (int i = ranges; i > 0; i--) {
      RangeLeaf.remove(leaf, index);
    }
    size -= ranges;
    int left = count(leaf);
    boolean isThere;
    if (mayBeRefilled(leaf, left)) {
      int next = RangeLeaf.next(leaf);
      int refilled = shape.refill(number);
      if (refilled == NONE) {
        isThere = set(position, next, 0);
      } else {
        int before = refilled == number ? 0 : count(nodes.get(refilled)) - left;
        isThere = set(position, refilled, before + index);
      }
    } else {
      isThere = set(position, number, index);
    }
    if (isThere) {
      holes.note(position.leaf, position.index);
    }
  }
}
