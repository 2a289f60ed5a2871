package dev.cleave.engine.rmp;

import static dev.cleave.engine.rmp.FakeRmp.PAGE;
import static dev.cleave.engine.rmp.FakeRmp.REGION;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.rmp.RmpFollower.Order;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * How far a merge reaches: to the larger leaves that have become possible, and not to what is left
 * for later. Tables have leaves of 2, 4, 8 and 16 MiB.
 */
class MergeAroundTest {
  private static final long GUEST = 8 * REGION;

  private static FollowedGuest guest(boolean isLazy) {
    return new FollowedGuest(PageTableConfig.of(AmdV1.LINUX), GUEST, Order.TABLE_FIRST, isLazy);
  }

  /** Sizes in MiB of the leaves of 2 MiB and more, and 0 for each region that has smaller ones. */
  private static List<Long> leaves(FollowedGuest guest) {
    FollowedTable followed = guest.tables.getFirst();
    var leaf = followed.table().leaves();
    List<Long> sizes = new ArrayList<>();
    long bytes;
    for (long gpa = 0; gpa < GUEST; gpa += Math.max(bytes, REGION)) {
      bytes = followed.table().leafAt(gpa, leaf) ? 1L << leaf.sizeLog2() : 0;
      sizes.add(bytes >= REGION ? bytes >> 20 : 0L);
    }
    return sizes;
  }

  @Test
  void leavesGrowBelowAChangeWhoseEndStaysMixed() {
    try (FollowedGuest guest = guest(false)) {
      guest.follower.share(3 * REGION, PAGE);
      assertEquals(List.of(4L, 2L, 0L, 8L), leaves(guest));
      guest.follower.share(3 * REGION + PAGE, 2 * REGION);
      assertEquals(List.of(8L, 2L, 0L, 4L), leaves(guest), "region 3 has made it one of 8 MiB");
      guest.check();
    }
  }

  @Test
  void leavesGrowAboveAChangeWhoseBeginningStaysMixed() {
    try (FollowedGuest guest = guest(false)) {
      guest.follower.share(4 * REGION, PAGE);
      assertEquals(List.of(8L, 0L, 2L, 4L), leaves(guest));
      guest.follower.share(3 * REGION - PAGE, 2 * REGION + PAGE);
      assertEquals(List.of(4L, 0L, 2L, 8L), leaves(guest), "region 4 has made it one of 8 MiB");
      guest.check();
    }
  }

  @Test
  void aQuietRegionIsMergedAndThoseBesideItThatAreNotQuietYetStay() {
    try (FollowedGuest guest = guest(true)) {
      guest.follower.share(4 * REGION, PAGE);
      for (long region : new long[] {5, 2, 6}) {
        guest.follower.share(region * REGION, PAGE);
        guest.follower.share(region * REGION, REGION);
      }
      assertEquals(List.of(4L, 0L, 2L, 0L, 0L, 0L, 2L), leaves(guest));
      assertEquals(2, guest.follower.mergeQuiet(4), "regions 4, which stays mixed, and 5");
      assertEquals(List.of(4L, 0L, 2L, 0L, 2L, 0L, 2L), leaves(guest));
      assertEquals(2, guest.follower.mergeQuiet(0));
      assertEquals(List.of(8L, 0L, 2L, 4L), leaves(guest));
      guest.check();
    }
  }
}
