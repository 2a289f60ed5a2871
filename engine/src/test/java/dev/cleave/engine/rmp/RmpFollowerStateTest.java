package dev.cleave.engine.rmp;

import static dev.cleave.engine.rmp.FakeRmp.PAGE;
import static dev.cleave.engine.rmp.FakeRmp.REGION;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.rmp.RmpFollower.Order;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** What a follower says of itself, and what it counts. */
class RmpFollowerStateTest {
  private static final long GUEST = 4 * REGION;
  private static final String BITMAP =
      "RmpBitmap[8388608 bytes of guest memory, %d pages shared, %d regions mixed]";

  private static FollowedGuest guest(boolean isLazy) {
    return new FollowedGuest(PageTableConfig.of(AmdV1.LINUX), GUEST, Order.TABLE_FIRST, isLazy);
  }

  @Test
  void aFollowerSaysWhatItFollowsAndThatItIsClosed() {
    try (FollowedGuest guest = guest(false)) {
      assertEquals("RmpFollower[" + BITMAP.formatted(0, 0) + "]", guest.follower.toString());
      guest.follower.share(REGION, 3 * PAGE);
      assertEquals("RmpFollower[" + BITMAP.formatted(3, 1) + "]", guest.follower.toString());
      guest.follower.close();
      assertEquals(
          "RmpFollower[" + BITMAP.formatted(3, 1) + ", closed]", guest.follower.toString());
    }
  }

  @Test
  void aTableByItselfIsFollowedAtItsOwnAddresses() {
    try (FollowedGuest guest = guest(false);
        RmpFollower follower =
            new RmpFollower(
                guest.tables.getFirst().table(),
                guest.bitmap,
                guest.rmp,
                (_, _) -> guest.rmp.calls.add("flush"),
                Order.TABLE_FIRST,
                false)) {
      follower.share(REGION + PAGE, PAGE);
      assertEquals(List.of("flush", "smash", "unassign"), guest.rmp.calls);
      guest.check();
    }
  }

  @Test
  void aFollowerClosedTwiceIsQuietAndEveryCallIsRefused() {
    try (FollowedGuest guest = guest(true)) {
      guest.follower.share(REGION, PAGE);
      guest.follower.close();
      assertDoesNotThrow(guest.follower::close);
      for (Executable call :
          new Executable[] {
            () -> guest.follower.share(0, PAGE),
            () -> guest.follower.unshare(REGION, PAGE),
            () -> guest.follower.mergeQuiet(0)
          }) {
        assertEquals(
            "the RMP follower is closed",
            assertThrows(IllegalStateException.class, call).getMessage());
      }
      assertEquals(1, guest.bitmap.sharedPages());
    }
  }

  /** What a change had reserved when it was stopped is there again for others. */
  @Test
  void aFollowerClosedInTheMiddleOfAChangeKeepsNoTableMemory() {
    try (FollowedGuest guest = guest(false)) {
      RmpPort failing = new FailingUnassign();
      long free = free(guest);
      RmpFollower follower =
          new RmpFollower(
              guest.tables, guest.bitmap, failing, (_, _) -> {}, Order.RMP_FIRST, false);
      assertThrows(IllegalStateException.class, () -> follower.share(REGION, PAGE));
      assertTrue(free(guest) < free, "nothing was reserved");
      follower.close();
      assertEquals(free, free(guest));
    }
  }

  private static long free(FollowedGuest guest) {
    long free = guest.pages.capacityBytes() / PAGE;
    while (!guest.pages.tryReserve(free)) {
      free--;
    }
    guest.pages.unreserve(free);
    return free;
  }

  /** An RMP that smashes entries and gives no page up. */
  private static final class FailingUnassign implements RmpPort {
    @Override
    public void smash(long gpa) {}

    @Override
    public boolean unsmash(long gpa) {
      return false;
    }

    @Override
    public boolean canBeLarge(long gpa, long length) {
      return false;
    }

    @Override
    public void unassign(long gpa, long length) {
      throw new IllegalStateException("planted");
    }

    @Override
    public void assign(long gpa, long length, boolean isLarge) {}

    @Override
    public void stalled(Runnable change) {
      change.run();
    }
  }

  @Test
  void everyRegionThatWasQuietIsCountedOnce() {
    try (FollowedGuest guest = guest(true)) {
      guest.follower.share(REGION - PAGE, REGION + 2 * PAGE); // the first three regions
      guest.follower.unshare(REGION - PAGE, REGION + 2 * PAGE);
      guest.follower.share(3 * REGION, PAGE);
      guest.rmp.calls.clear();
      assertEquals(3, guest.follower.mergeQuiet(1));
      // The one in the middle was shared as a whole, and has had its entry back since.
      assertEquals(2, guest.rmp.calls.stream().filter("unsmash"::equals).count());
      assertEquals(0, guest.follower.mergeQuiet(1));
      assertEquals(1, guest.follower.mergeQuiet(0), "the region that is shared still");
      assertFalse(guest.follower.isUnfinished());
      guest.check();
    }
  }

  @Test
  void anEagerFollowerHasNothingToMergeLater() {
    try (FollowedGuest guest = guest(false)) {
      guest.follower.share(REGION, PAGE);
      guest.follower.unshare(REGION, PAGE);
      assertEquals(0, guest.follower.mergeQuiet(0));
      assertTrue(guest.isLarge(REGION));
    }
  }

  /** A lazy follower splits only what it must; the merge in between would flush once more. */
  @Test
  void aLazyFollowerDoesNotMergeInAChange() {
    try (FollowedGuest guest = guest(true)) {
      guest.follower.share(REGION, REGION);
      guest.follower.unshare(REGION, REGION);
      assertEquals(List.of("unassign", "assign 2M"), guest.rmp.calls);
    }
  }
}
