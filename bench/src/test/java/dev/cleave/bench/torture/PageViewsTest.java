package dev.cleave.bench.torture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** What a page may be seen as, before, during and after a change. */
class PageViewsTest {
  private static final int ALL = -1;
  private static final int OLD = PageViews.view(7, 3);
  private static final int NEW = PageViews.view(8, 1);

  private final PageViews views = new PageViews(2);

  private static boolean allows(long then, long now, int view) {
    return PageViews.allows(then, now, view, ALL);
  }

  private void become(int view) {
    views.begin(1, view);
    views.settle(1);
  }

  @Test
  void aPageIsAHoleAtFirst() {
    long word = views.get(1);
    assertTrue(allows(word, word, PageViews.NOT_MAPPED));
    assertFalse(allows(word, word, OLD));
  }

  @Test
  void duringAChangeOldAndNewAreAllowedAndNothingElse() {
    become(OLD);
    views.begin(1, NEW);
    long word = views.get(1);
    assertTrue(allows(word, word, OLD));
    assertTrue(allows(word, word, NEW));
    assertFalse(allows(word, word, PageViews.NOT_MAPPED));
    assertFalse(views.isSettled(1));
  }

  @Test
  void afterAChangeOnlyTheNewIsAllowed() {
    become(OLD);
    become(NEW);
    long word = views.get(1);
    assertFalse(allows(word, word, OLD));
    assertTrue(allows(word, word, NEW));
    assertEquals(NEW, views.after(1));
  }

  @Test
  void whoLooksWhileAChangeBeginsMaySeeEither() {
    become(OLD);
    long then = views.get(1);
    become(NEW);
    long now = views.get(1);
    assertTrue(allows(then, now, OLD));
    assertTrue(allows(then, now, NEW));
    assertFalse(allows(then, now, PageViews.NOT_MAPPED));
  }

  @Test
  void aMaskLeavesPermissionsOut() {
    become(OLD);
    long word = views.get(1);
    assertTrue(PageViews.allows(word, word, PageViews.view(7, 0), ~3));
    assertFalse(PageViews.allows(word, word, PageViews.view(6, 0), ~3));
  }

  @Test
  void otherPagesAreLeftAlone() {
    become(OLD);
    assertEquals(PageViews.NOT_MAPPED, views.after(0));
  }
}
