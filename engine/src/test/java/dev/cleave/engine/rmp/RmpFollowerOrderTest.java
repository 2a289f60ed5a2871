package dev.cleave.engine.rmp;

import static dev.cleave.engine.rmp.FakeRmp.PAGE;
import static dev.cleave.engine.rmp.FakeRmp.REGION;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.rmp.RmpFollower.Order;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What a follower asks of the RMP, in which order, and what it leaves behind when refused. */
@ParameterizedClass
@MethodSource("tables")
class RmpFollowerOrderTest {
  static Stream<TableKind> tables() {
    return TableKind.fromZero();
  }

  private static final long GUEST = 4 * REGION;

  private final PageTableConfig config;

  RmpFollowerOrderTest(TableKind kind) {
    this.config = kind.config();
  }

  private FollowedGuest guest(long guestBytes, Order order, boolean isLazy) {
    return new FollowedGuest(config, guestBytes, order, isLazy);
  }

  private List<String> callsOfSharing(Order order) {
    try (FollowedGuest guest = guest(GUEST, order, true)) {
      guest.follower.share(REGION + PAGE, PAGE);
      return List.copyOf(guest.rmp.calls);
    }
  }

  @Test
  void tableFirstFlushesBeforeTheRmpChanges() {
    assertEquals(List.of("flush", "smash", "unassign"), callsOfSharing(Order.TABLE_FIRST));
  }

  @Test
  void rmpFirstFlushesAfterTheRmpChanged() {
    assertEquals(List.of("smash", "unassign", "flush"), callsOfSharing(Order.RMP_FIRST));
  }

  @Test
  void atomicDoesBothWhileDmaIsStalled() {
    assertEquals(
        List.of("stall", "flush", "smash", "unassign", "resume"), callsOfSharing(Order.ATOMIC));
  }

  @Test
  void aRegionSharedWholeIsNotSmashed() {
    try (FollowedGuest guest = guest(GUEST, Order.TABLE_FIRST, true)) {
      guest.follower.share(REGION, REGION);
      assertEquals(List.of("unassign"), guest.rmp.calls);
    }
  }

  @Test
  void aWholeSharedRegionTakenBackGetsOneLargeEntry() {
    try (FollowedGuest guest = guest(GUEST, Order.TABLE_FIRST, false)) {
      guest.follower.share(REGION, REGION);
      guest.rmp.calls.clear();
      guest.follower.unshare(REGION, REGION);
      assertEquals(List.of("assign 2M"), guest.rmp.calls);
    }
  }

  @Test
  void pagesThatArePrivateAreNotAssignedAgain() {
    try (FollowedGuest guest = guest(GUEST, Order.TABLE_FIRST, true)) {
      guest.follower.unshare(0, GUEST);
      assertEquals(List.of(), guest.rmp.calls);
    }
  }

  @Test
  void pagesThatAreSharedAreNotUnassignedAgain() {
    try (FollowedGuest guest = guest(GUEST, Order.TABLE_FIRST, true)) {
      guest.follower.share(REGION, REGION);
      guest.rmp.calls.clear();
      guest.follower.share(REGION + PAGE, PAGE);
      assertEquals(List.of(), guest.rmp.calls);
    }
  }

  @ParameterizedTest
  @EnumSource
  void outOfTableMemoryLeavesBitmapTableAndRmpAsTheyWere(Order order) {
    try (FollowedGuest guest = guest(1L << 30, order, false)) {
      long capacity = (64L << 20) / PAGE - guest.memory.usedBytes() / PAGE;
      assertTrue(guest.pages.tryReserve(capacity), "all that is free");
      List<String> leaves = guest.leaves();
      List<String> state = guest.rmp.state();
      int free = 0;
      while (true) {
        try {
          guest.follower.share(5 * REGION - PAGE, 2 * PAGE);
          break;
        } catch (PageTableException e) {
          assertEquals(PageTableException.Reason.OUT_OF_TABLE_MEMORY, e.reason());
        }
        assertEquals(leaves, guest.leaves());
        assertEquals(state, guest.rmp.state());
        guest.rmp.checkBitmap(guest.bitmap);
        assertEquals(0, guest.bitmap.sharedPages());
        assertEquals(0, guest.bitmap.mixedRegions());
        guest.pages.unreserve(1);
        free++;
      }
      assertEquals(3, free, "a table of 2 MiB leaves and two of 4 KiB leaves");
      guest.pages.unreserve(capacity - free);
    }
  }

  @Test
  void aRangeOutsideTheGuestIsRefusedAndChangesNothing() {
    try (FollowedGuest guest = guest(GUEST, Order.TABLE_FIRST, false)) {
      assertThrows(
          IllegalArgumentException.class, () -> guest.follower.share(GUEST - PAGE, 2 * PAGE));
      assertEquals(List.of(), guest.rmp.calls);
    }
  }

  @Test
  void aTableOfFewIovaBitsIsFollowedToItsEnd() {
    PageTableConfig narrow = config.withWidths(23, 52);
    try (FollowedGuest guest = new FollowedGuest(narrow, GUEST, Order.TABLE_FIRST, false)) {
      List<String> leaves = guest.leaves();
      guest.follower.share(PAGE, PAGE);
      guest.follower.unshare(PAGE, PAGE);
      assertEquals(leaves, guest.leaves());
    }
  }

  @Test
  void aTableOfSmallPagesNeverMeetsALargeEntryAgain() {
    PageTableConfig small = config.withLargestLeaf(12);
    try (FollowedGuest guest = new FollowedGuest(small, GUEST, Order.TABLE_FIRST, false)) {
      guest.follower.share(0, GUEST);
      guest.follower.unshare(0, GUEST);
      guest.check();
    }
  }
}
