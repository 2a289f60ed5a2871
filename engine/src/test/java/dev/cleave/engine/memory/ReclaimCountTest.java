package dev.cleave.engine.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** A reader finds out that pages were reused, and no writer writes while nobody reads. */
class ReclaimCountTest {
  private final ReclaimCount count = new ReclaimCount();

  @Test
  void whoLooksFindsTheSameUntilPagesAreReused() {
    long taken = count.look();
    assertTrue(count.isStill(taken));
    assertEquals(taken, count.look());
    count.move();
    assertFalse(count.isStill(taken));
    long again = count.look();
    assertTrue(count.isStill(again));
    assertFalse(count.isStill(taken), "nor later");
    count.move();
    assertFalse(count.isStill(again));
  }

  @Test
  void allWhoHaveLookedFindOut() {
    long first = count.look();
    long second = count.look();
    count.move();
    long third = count.look();
    assertFalse(count.isStill(first));
    assertFalse(count.isStill(second));
    assertTrue(count.isStill(third));
  }

  @Test
  void whileNobodyLooksNothingIsWritten() {
    long before = count.look();
    count.move();
    count.move();
    count.move();
    assertEquals(before + 2, count.look(), "one move, and a mark");
  }
}
