package dev.cleave.bench.torture;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Locale;

/**
 * What each page may be seen as at this moment, kept in one word a page: what it was before the
 * change under way, what it is after, and how many changes it has had.
 *
 * <pre>
 *  63       41 40      21 20       1   0
 * +-----------+----------+----------+---+
 * |  changes  |  before  |  after   | C |   C: the change may not have come through yet
 * +-----------+----------+----------+---+
 * </pre>
 *
 * <p>A <em>view</em> of a page is 0 when it is not mapped; else the generation of its mapping,
 * which is in its paddr, and two bits of permissions, 1 read and 2 write. An observer takes the
 * word before and after it looked.
 *
 * <p>Thread-safe; a page's word is changed by one writer at a time.
 */
final class PageViews {
  static final int NOT_MAPPED = 0;

  /** Generations that are told apart; 0 is none. */
  static final int GENERATIONS = 1 << 14;

  private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);
  private static final int AFTER_SHIFT = 1;
  private static final int BEFORE_SHIFT = 21;
  private static final int CHANGES_SHIFT = 41;
  private static final long VIEW_MASK = (1L << 20) - 1;

  private final long[] words;

  PageViews(int pages) {
    words = new long[pages];
  }

  static int view(int generation, int permissions) {
    return generation << 2 | permissions;
  }

  static int generation(int view) {
    return view >>> 2;
  }

  static int permissions(int view) {
    return view & 3;
  }

  long get(int page) {
    return (long) WORD.getAcquire(words, page);
  }

  /** What a page is, or is going to be. */
  int after(int page) {
    return after(get(page));
  }

  private static int after(long word) {
    return (int) (word >>> AFTER_SHIFT & VIEW_MASK);
  }

  private static int before(long word) {
    return (int) (word >>> BEFORE_SHIFT & VIEW_MASK);
  }

  private static boolean isChanging(long word) {
    return (word & 1) != 0;
  }

  private static long changes(long word) {
    return word >>> CHANGES_SHIFT;
  }

  /** Says that a page is about to become something else; before the operation's first store. */
  void begin(int page, int view) {
    long word = get(page);
    long next = changes(word) + 1;
    WORD.setVolatile(
        words,
        page,
        next << CHANGES_SHIFT
            | (long) after(word) << BEFORE_SHIFT
            | (long) view << AFTER_SHIFT
            | 1);
  }

  /** Says that it is nothing else any more. */
  void settle(int page) {
    WORD.setVolatile(words, page, get(page) & ~1L);
  }

  boolean isSettled(int page) {
    return !isChanging(get(page));
  }

  /**
   * Whether a page could be seen as something between two looks at its word.
   *
   * @param mask the bits of a view that the observer saw
   */
  static boolean allows(long then, long now, int view, int mask) {
    long passed = (changes(now) - changes(then)) & (-1L >>> CHANGES_SHIFT);
    return passed > 1 // too much has happened to know
        || same(after(then), view, mask)
        || (isChanging(then) && same(before(then), view, mask))
        || (passed == 1 && same(after(now), view, mask));
  }

  private static boolean same(int one, int other, int mask) {
    return ((one ^ other) & mask) == 0;
  }

  /** For a person. */
  static String describe(int view) {
    if (view == NOT_MAPPED) {
      return "a hole";
    }
    String permissions = new String[] {"-", "r", "w", "rw"}[permissions(view)];
    return String.format(Locale.ROOT, "generation %d %s", generation(view), permissions);
  }

  static String describe(long word) {
    String after = describe(after(word));
    return isChanging(word) ? describe(before(word)) + " or " + after : after;
  }
}
