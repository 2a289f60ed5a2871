package dev.cleave.engine.ioas;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.ioas.RangeLeaf.CONTENT;
import static dev.cleave.engine.ioas.RangeLeaf.ORDER;
import static dev.cleave.engine.ioas.RangeLeaf.WINDOW;

/**
 * What a {@link RangeLeaf} of pages holds: ranges of one aligned page each, out of a window of 32
 * pages, each in the slot that its address says (benchmark {@code AddressSpaces.page}: 71 against
 * 89 ns in slots of ranges).
 *
 * <pre>
 *   0   page 0           63..12 its first word, which is a multiple of 4096   11..0 its second
 *   1   ...              the same for pages 1 to 31
 * </pre>
 *
 * <p>The leaf's window is the address of page 0, and its order has a bit set for each page that is
 * a range. Functions of their arguments.
 */
final class PageSlots {
  private static final int PAGES = 32;
  static final int WORDS = PAGES;
  static final long WINDOW_BYTES = PAGES * PAGE_BYTES;
  private static final long INFO_MASK = PAGE_BYTES - 1;

  private PageSlots() {}

  static void clear(long[] leaf) {
    leaf[ORDER] = 0;
  }

  /** Whether a range can stand in such a leaf. */
  static boolean isPage(long first, long last, long offset, long info) {
    return last - first == PAGE_BYTES - 1
        && ((first | offset) & (PAGE_BYTES - 1)) == 0
        && isInfo(info);
  }

  static boolean isInfo(long info) {
    return (info & ~INFO_MASK) == 0;
  }

  /** Whether the pages that have two addresses, and those between them, fit into a window. */
  static boolean fit(long first, long last) {
    return Unsigned.isBelow((last >>> PAGE_LOG2) - (first >>> PAGE_LOG2), PAGES);
  }

  static boolean isInWindow(long[] leaf, long address) {
    return Unsigned.isBelow(address - leaf[WINDOW], WINDOW_BYTES);
  }

  /** The lowest window that has a page. */
  static long windowUpTo(long page) {
    return Unsigned.max(page, WINDOW_BYTES - PAGE_BYTES) - (WINDOW_BYTES - PAGE_BYTES);
  }

  /** The page, 0 to 31, that has an address of the window. */
  private static int pageAt(long[] leaf, long address) {
    return (int) ((address - leaf[WINDOW]) >>> PAGE_LOG2);
  }

  /** Its bit. */
  private static long bit(long[] leaf, long address) {
    return 1L << pageAt(leaf, address);
  }

  /** The page of a range, 0 to 31. */
  private static int page(long[] leaf, int index) {
    return Long.numberOfTrailingZeros(Long.expand(1L << index, leaf[ORDER]));
  }

  static long first(long[] leaf, int index) {
    return leaf[WINDOW] + ((long) page(leaf, index) << PAGE_LOG2);
  }

  static long last(long[] leaf, int index) {
    return first(leaf, index) + (PAGE_BYTES - 1);
  }

  static long offset(long[] leaf, int index) {
    return offset(leaf[CONTENT + page(leaf, index)]);
  }

  static long info(long[] leaf, int index) {
    return info(leaf[CONTENT + page(leaf, index)]);
  }

  /** The first word of a page's owner. */
  static long offset(long content) {
    return content & ~INFO_MASK;
  }

  /** The second one. */
  static long info(long content) {
    return content & INFO_MASK;
  }

  static void setInfo(long[] leaf, int index, long info) {
    int at = CONTENT + page(leaf, index);
    leaf[at] = (leaf[at] & ~INFO_MASK) | info;
  }

  static int countUpTo(long[] leaf, long address) {
    if (isInWindow(leaf, address)) {
      return Long.bitCount(leaf[ORDER] & (2 * bit(leaf, address) - 1));
    }
    return Unsigned.isBelow(address, leaf[WINDOW]) ? 0 : RangeNodes.count(leaf);
  }

  static boolean isRange(long[] leaf, long first, long last) {
    return isPageOf(leaf, first)
        && last - first == PAGE_BYTES - 1
        && (leaf[ORDER] & bit(leaf, first)) != 0;
  }

  /** Whether a leaf is one of pages that has room for a range. */
  static boolean takes(long[] leaf, long first, long last, long offset, long info) {
    return RangeLeaf.isOfPages(leaf)
        && isInWindow(leaf, first)
        && isPage(first, last, offset, info);
  }

  /**
   * Adds a range if it is a page that is free, in a leaf of pages that has some before it, so that
   * no range of another leaf touches it.
   *
   * @return whether it is there now
   */
  static boolean insertBehind(long[] leaf, long first, long last, long offset, long info) {
    boolean isFree =
        isPage(first, last, offset, info)
            && isPageOf(leaf, first)
            && !Unsigned.isBelow(RangeLeaf.top(leaf), last)
            && (leaf[ORDER] & bit(leaf, first)) == 0
            && isBehind(leaf, first);
    if (isFree) {
      insert(leaf, first, offset, info);
    }
    return isFree;
  }

  /** Whether an address begins a page of the window of a leaf, which is one of pages then. */
  private static boolean isPageOf(long[] leaf, long address) {
    long at = address - leaf[WINDOW]; // a multiple of a page in no leaf of ranges
    return Unsigned.isBelow(at, WINDOW_BYTES) && (at & (PAGE_BYTES - 1)) == 0;
  }

  /** Whether a leaf has a page before the one at an address. */
  private static boolean isBehind(long[] leaf, long address) {
    return (leaf[ORDER] & (bit(leaf, address) - 1)) != 0;
  }

  /** Whether a range is a page of a leaf that has some before it. */
  static boolean isRangeBehind(long[] leaf, long first, long last) {
    return isRange(leaf, first, last) && isBehind(leaf, first);
  }

  /** Whether all pages of a leaf lie before one, which may be among them. */
  static boolean endsAt(long[] leaf, long page) {
    return Unsigned.isBelow(leaf[ORDER], 2 * bit(leaf, page));
  }

  static void insert(long[] leaf, long first, long offset, long info) {
    int page = pageAt(leaf, first);
    leaf[ORDER] |= 1L << page;
    leaf[CONTENT + page] = offset | info;
    RangeNodes.addToCount(leaf, 1);
  }

  /**
   * Takes out the page that begins at an address.
   *
   * @return its content
   */
  static long removePage(long[] leaf, long first) {
    int page = pageAt(leaf, first);
    leaf[ORDER] ^= 1L << page;
    RangeNodes.addToCount(leaf, -1);
    return leaf[CONTENT + page];
  }

  static void remove(long[] leaf, int index) {
    leaf[ORDER] &= ~Long.expand(1L << index, leaf[ORDER]);
  }
}
