package dev.cleave.engine.rmp;

import static dev.cleave.engine.rmp.FakeRmp.PAGE;
import static dev.cleave.engine.rmp.FakeRmp.REGION;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.rmp.RmpFollower.Order;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Table, bitmap and RMP agree after every call, whatever the guest shares. */
@ParameterizedClass
@MethodSource("tables")
@Tag("slow")
class RmpFollowerTest {
  private static final int STEPS = 300;
  private static final long GUEST = 8 * REGION;

  private final List<TableKind> kinds;

  RmpFollowerTest(List<TableKind> kinds) {
    this.kinds = kinds;
  }

  /** One table of each kind, and all at once. */
  static Stream<List<TableKind>> tables() {
    List<TableKind> all = List.of(TableKind.values());
    return Stream.concat(all.stream().map(List::of), Stream.of(all));
  }

  private FollowedGuest guest(long guestBytes, Order order, boolean isLazy) {
    return new FollowedGuest(kinds, guestBytes, order, isLazy);
  }

  private static void change(FollowedGuest guest, Random random) {
    int pages = (int) (guest.bitmap.guestBytes() / PAGE);
    int at = random.nextInt(pages);
    int count = 1 + random.nextInt(random.nextBoolean() ? Math.min(8, pages - at) : pages - at);
    if (random.nextInt(3) == 0) {
      at = at / 512 * 512;
      count = Math.min(pages - at, 512 * (1 + random.nextInt(3)));
    }
    if (random.nextBoolean()) {
      guest.follower.share(at * PAGE, count * PAGE);
    } else {
      guest.follower.unshare(at * PAGE, count * PAGE);
    }
  }

  @ParameterizedTest
  @EnumSource
  void anEagerFollowerKeepsEveryLeafLegal(Order order) {
    try (FollowedGuest guest = guest(GUEST, order, false)) {
      Random random = new Random(10);
      for (int i = 0; i < STEPS; i++) {
        change(guest, random);
        guest.check();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void aLazyFollowerKeepsEveryLeafLegal(Order order) {
    try (FollowedGuest guest = guest(GUEST, order, true)) {
      Random random = new Random(20);
      for (int i = 0; i < STEPS; i++) {
        change(guest, random);
        guest.check();
        if (random.nextInt(4) == 0) {
          guest.follower.mergeQuiet(random.nextInt(6));
          guest.check();
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void leavesStayLegalWhereMemoryLiesBadlyOrTheFirmwareRefuses(Order order) {
    try (FollowedGuest guest = guest(GUEST, order, false)) {
      Random random = new Random(25);
      for (int i = 0; i < STEPS; i++) {
        guest.rmp.refused.set(random.nextInt(8), random.nextBoolean());
        int region = random.nextInt(8);
        if (!guest.rmp.large.get(region)) {
          guest.rmp.unsuited.flip(region);
        }
        change(guest, random);
        guest.check();
      }
    }
  }

  @Test
  void leavesStayLegalInAGuestWhoseLastRegionIsPartial() {
    try (FollowedGuest guest = guest(3 * REGION + 5 * PAGE, Order.ATOMIC, false)) {
      Random random = new Random(30);
      for (int i = 0; i < STEPS; i++) {
        change(guest, random);
        guest.check();
      }
    }
  }

  @Test
  void leavesStayLegalWhereOnlyAPartOfARegionIsMapped() {
    try (FollowedGuest guest = guest(GUEST, Order.TABLE_FIRST, false)) {
      guest.follower.share(0, GUEST);
      guest.unmap(3 * REGION + PAGE, REGION - 7 * PAGE);
      guest.unmap(5 * REGION, REGION);
      guest.follower.unshare(0, GUEST);
      guest.check();
    }
  }

  @ParameterizedTest
  @CsvSource({"TABLE_FIRST", "RMP_FIRST", "ATOMIC"})
  void allPrivateAgainMeansTheLeavesOfTheBeginning(Order order) {
    try (FollowedGuest guest = guest(1L << 30, order, false)) {
      List<String> before = guest.leaves();
      assertEquals(kinds.size(), before.size(), "one leaf of 1 GiB in each table");
      Random random = new Random(40);
      for (int i = 0; i < 40; i++) {
        change(guest, random);
      }
      guest.follower.unshare(0, 1L << 30);
      assertEquals(before, guest.leaves());
    }
  }

  @Test
  void aPageSharedAndTakenBackMakesNothingDifferent() {
    try (FollowedGuest guest = guest(GUEST, Order.TABLE_FIRST, false)) {
      List<String> leaves = guest.leaves();
      List<String> state = guest.rmp.state();
      guest.follower.share(3 * REGION + 77 * PAGE, PAGE);
      guest.follower.unshare(3 * REGION + 77 * PAGE, PAGE);
      assertEquals(leaves, guest.leaves());
      assertEquals(state, guest.rmp.state());
    }
  }

  @Test
  void aRegionThatTheFirmwareRefusesToUnsmashKeepsSmallLeaves() {
    try (FollowedGuest guest = guest(GUEST, Order.TABLE_FIRST, false)) {
      guest.rmp.refused.set(3);
      guest.follower.share(3 * REGION, PAGE);
      guest.follower.unshare(3 * REGION, PAGE);
      assertTrue(guest.isSmall(3 * REGION), "only leaves below 2 MiB are legal");
    }
  }

  @Test
  void aLazyFollowerMergesOnlyWhatHasBeenQuiet() {
    try (FollowedGuest guest = guest(GUEST, Order.TABLE_FIRST, true)) {
      guest.follower.share(0, PAGE);
      guest.follower.unshare(0, PAGE);
      guest.follower.share(5 * REGION, PAGE); // the next call
      assertEquals(0, guest.follower.mergeQuiet(2));
      assertTrue(guest.isSmall(0), "merged too early");
    }
  }

  @Test
  void aLazyFollowerMergesWhatHasBeenQuietLongEnough() {
    try (FollowedGuest guest = guest(GUEST, Order.TABLE_FIRST, true)) {
      guest.follower.share(0, PAGE);
      guest.follower.unshare(0, PAGE);
      guest.follower.share(5 * REGION, PAGE); // the next call
      assertEquals(1, guest.follower.mergeQuiet(1));
      assertTrue(guest.isLarge(0), "not merged");
    }
  }

  @Test
  void aLazyFollowerEndsWithTheLeavesOfTheBeginningWhenAllIsQuiet() {
    try (FollowedGuest guest = guest(GUEST, Order.ATOMIC, true)) {
      List<String> before = guest.leaves();
      Random random = new Random(50);
      for (int i = 0; i < 40; i++) {
        change(guest, random);
      }
      guest.follower.unshare(0, GUEST);
      guest.follower.mergeQuiet(0);
      assertEquals(before, guest.leaves());
    }
  }
}
