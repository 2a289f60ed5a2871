package dev.cleave.engine.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The stack of free pages that all threads share. */
class PagePoolTest {
  private static final int PAGES = 256;
  private static final int ROUNDS = 50;
  private static final long TOP_MASK = 0xFFFF_FFFFL;

  /**
   * A thread that read the top before, and the page below it, must fail when the same page is on
   * top of another stack: so no word is ever there twice.
   */
  @Test
  void theStackIsNeverTheSameWhenTheSamePageIsOnTopAgain() {
    PagePool pool = new PagePool(PAGES << 12, PAGES << 12, true);
    Set<Long> words = new HashSet<>();
    Set<Long> tops = new HashSet<>();
    long last = pool.common().word();
    int changes = 0;
    int[] pages = new int[PAGES];
    for (int round = 0; round < ROUNDS; round++) {
      assertTrue(pool.tryReserve(PAGES));
      for (int i = 0; i < PAGES; i++) {
        pages[i] = pool.take(1, 1);
        pool.records().unlock(pages[i]);
      }
      for (int i = 0; i < PAGES; i++) {
        pool.release(pages[i]);
        if (pool.common().word() != last) {
          last = pool.common().word();
          changes++;
          assertTrue(words.add(last), "a stack that changed looks as it did before");
          tops.add(last & TOP_MASK);
        }
      }
    }
    assertTrue(changes >= ROUNDS, "the stack was hardly used");
    assertTrue(tops.size() < changes, "no page was on top twice");
    assertEquals(0, pool.close());
  }

  /** More than are put back in one go, and more than a stripe keeps. */
  @Test
  void aListOfPagesIsPutBackWholeAndTakenAgainOnceEach() {
    int count = 1500;
    PagePool pool = new PagePool((long) count << 12, (long) count << 12, true);
    for (int round = 0; round < 3; round++) {
      Set<Integer> taken = new HashSet<>();
      assertTrue(pool.tryReserve(count), "all that were put back can be promised");
      int first = -1;
      for (int i = 0; i < count; i++) {
        int page = pool.take(1, 1);
        assertTrue(taken.add(page), "a page is taken twice");
        pool.records().unlock(page);
        pool.records().setLinks(page, first, -1);
        first = page;
      }
      assertEquals(count, pool.usedPages());
      pool.releaseAll(first);
      assertEquals(0, pool.usedPages());
    }
    assertEquals(0, pool.close());
  }
}
