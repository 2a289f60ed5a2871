package dev.cleave.engine.rmp;

import static dev.cleave.engine.rmp.FakeRmp.PAGE;
import static dev.cleave.engine.rmp.FakeRmp.REGION;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.rmp.RmpFollower.Order;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a follower asks of guest memory and of the port, call by call, in order. */
class FollowedMemoryCallsTest {
  /** The last region is a part of one. */
  private static final long GUEST = 6 * REGION + 3 * PAGE;

  private final List<String> calls = new ArrayList<>();
  private final FakeRmp rmp = new FakeRmp(GUEST);
  private final RmpBitmap bitmap = new RmpBitmap(GUEST);
  private final Memory memory = new Memory();
  private final Port port = new Port();

  /** Regions that cannot have a large leaf, and what throws when its turn comes. */
  private final Set<Long> smallOnly = new HashSet<>();

  private final Set<String> failing = new HashSet<>();

  FollowedMemoryCallsTest() {
    bitmap.setLarge(0, GUEST, true);
  }

  @AfterEach
  void close() {
    bitmap.close();
  }

  /** Notes a call, or throws instead; ranges in pages, which are easier to read. */
  private void call(String what, long... bytes) {
    StringBuilder text = new StringBuilder(what);
    for (long each : bytes) {
      assertEquals(0, each % PAGE);
      text.append(' ').append(each / PAGE);
    }
    String call = text.toString();
    if (failing.remove(call)) {
      throw new IllegalStateException(call);
    }
    calls.add(call);
  }

  private final class Memory implements FollowedMemory {
    /** Whether anything needs to be split, and whether hardware replaces leaves. */
    boolean splits = true;

    boolean exchanges;
    private boolean isChanging;

    @Override
    public void reserve(long gpa, long bytes) {
      call("reserve", gpa, bytes);
    }

    @Override
    public void unreserve() {
      call("unreserve");
    }

    @Override
    public void split(long gpa, long bytes) {
      call("split", gpa, bytes);
      isChanging = splits;
    }

    @Override
    public boolean isChanging() {
      return isChanging;
    }

    @Override
    public void moved(long gpa, long bytes, boolean areShared) {
      call(areShared ? "moved shared" : "moved private", gpa, bytes);
      isChanging = false;
    }

    @Override
    public boolean exchange(long region, RmpPort asked) {
      call("exchange", region);
      assertEquals(port, asked);
      if (exchanges) {
        rmp.smash(region);
      }
      return exchanges;
    }

    @Override
    public boolean canHaveLargeLeaf(long region, boolean asItStands) {
      call(asItStands ? "stands" : "can be made", region);
      return !smallOnly.contains(region);
    }

    @Override
    public void mergeAround(long gpa, long bytes) {
      call("merge", gpa, bytes);
    }

    @Override
    public void close() {
      call("close");
    }
  }

  private final class Port implements RmpPort {
    /** Regions of which hardware can replace leaf and entry in one step. */
    final Set<Long> exchangeable = new HashSet<>();

    @Override
    public void smash(long gpa) {
      call("smash", gpa);
      rmp.smash(gpa);
    }

    @Override
    public boolean unsmash(long gpa) {
      call("unsmash", gpa);
      return rmp.unsmash(gpa);
    }

    @Override
    public void unassign(long gpa, long length) {
      call("unassign", gpa, length);
      rmp.unassign(gpa, length);
    }

    @Override
    public void assign(long gpa, long length, boolean isLarge) {
      call(isLarge ? "assign 2M" : "assign 4K", gpa, length);
      rmp.assign(gpa, length, isLarge);
    }

    @Override
    public boolean canBeLarge(long gpa, long length) {
      call("suits", gpa, length);
      return rmp.canBeLarge(gpa, length);
    }

    @Override
    public boolean canExchange(long gpa) {
      return exchangeable.contains(gpa);
    }

    @Override
    public void stalled(Runnable change) {
      call("stall");
      change.run();
    }
  }

  private RmpFollower follower(Order order, boolean isLazy) {
    return new RmpFollower(memory, bitmap, port, order, isLazy);
  }

  private RmpFollower follower() {
    return follower(Order.TABLE_FIRST, false);
  }

  /** Fails unless these were the calls since the last time, and the bitmap knows what they did. */
  private void assertCalls(String... expected) {
    assertEquals(List.of(expected), calls);
    calls.clear();
    rmp.checkBitmap(bitmap);
  }

  @Test
  void tableFirstSplitsTheWholeRegionAndTellsTheRmpOfThePages() {
    follower().share(515 * PAGE, 2 * PAGE);
    assertCalls("split 512 512", "moved shared 515 2", "smash 512", "unassign 515 2");
  }

  @Test
  void rmpFirstReservesWhatTheSplitWillTake() {
    follower(Order.RMP_FIRST, false).share(515 * PAGE, 2 * PAGE);
    assertCalls(
        "reserve 512 512", "smash 512", "unassign 515 2", "split 512 512", "moved shared 515 2");
  }

  @Test
  void atomicReservesBeforeItStalls() {
    follower(Order.ATOMIC, false).share(515 * PAGE, 2 * PAGE);
    assertCalls(
        "reserve 512 512",
        "stall",
        "split 512 512",
        "moved shared 515 2",
        "smash 512",
        "unassign 515 2");
  }

  @Test
  void ofSeveralRegionsOnlyTheFirstAndTheLastAreSmashedAndThoseBetweenMerge() {
    follower().share(511 * PAGE, (1 + 1024 + 1) * PAGE);
    assertCalls(
        "split 0 2048",
        "moved shared 511 1026",
        "smash 0",
        "smash 1536",
        "unassign 511 1026",
        "merge 511 1026");
  }

  @Test
  void regionsSharedAsAWholeAreNotSmashed() {
    follower().share(512 * PAGE, 1024 * PAGE);
    assertCalls("split 512 1024", "moved shared 512 1024", "unassign 512 1024", "merge 512 1024");
  }

  @Test
  void aRegionSharedToItsEndIsSmashedOnce() {
    follower().share(1000 * PAGE, 24 * PAGE);
    assertCalls("split 512 512", "moved shared 1000 24", "smash 512", "unassign 1000 24");
  }

  @Test
  void aRegionIsNotSmashedTwice() {
    follower().share(515 * PAGE, PAGE);
    calls.clear();
    follower().share(517 * PAGE, PAGE);
    assertCalls("split 512 512", "moved shared 517 1", "unassign 517 1");
  }

  /** Behind the guest's end nothing is private: once its pages are shared, large leaves may be. */
  @Test
  void theLastRegionMergesWhenAllThereIsOfItIsShared() {
    follower().share(6 * REGION, 3 * PAGE);
    assertCalls("split 3072 512", "moved shared 3072 3", "unassign 3072 3", "merge 3072 3");
    follower().unshare(6 * REGION, 3 * PAGE);
    assertCalls("split 3072 512", "moved private 3072 3", "assign 4K 3072 3");
  }

  @Test
  void aRegionTakenBackAsAWholeHasALargeEntryAtOnce() {
    follower().share(512 * PAGE, 512 * PAGE);
    calls.clear();
    follower().unshare(512 * PAGE, 512 * PAGE);
    assertCalls(
        "can be made 512",
        "suits 512 512",
        "split 512 512",
        "moved private 512 512",
        "assign 2M 512 512",
        "merge 512 512");
  }

  @Test
  void aLazyFollowerGivesALargeEntryToWhatStandsAndMergesNothing() {
    RmpFollower lazy = follower(Order.TABLE_FIRST, true);
    lazy.share(512 * PAGE, 512 * PAGE);
    lazy.unshare(512 * PAGE, 512 * PAGE);
    assertCalls(
        "split 512 512",
        "moved shared 512 512",
        "unassign 512 512",
        "stands 512",
        "suits 512 512",
        "split 512 512",
        "moved private 512 512",
        "assign 2M 512 512");
    assertEquals(1, lazy.mergeQuiet(0));
    assertCalls("merge 512 512");
  }

  @Test
  void ofPagesTakenBackThoseAreAssignedTogetherThatHaveEntriesOfOneSize() {
    RmpFollower follower = follower();
    follower.share(500 * PAGE, (12 + 4 * 512 + 7) * PAGE);
    smallOnly.add(2 * REGION);
    rmp.unsuited.set(4);
    calls.clear();
    follower.unshare(500 * PAGE, (12 + 4 * 512 + 7) * PAGE);
    assertCalls(
        "can be made 512",
        "suits 512 512",
        "can be made 1024",
        "can be made 1536",
        "suits 1536 512",
        "can be made 2048",
        "suits 2048 512",
        "split 0 3072",
        "moved private 500 2067",
        "assign 4K 500 12",
        "assign 2M 512 512",
        "assign 4K 1024 512",
        "assign 2M 1536 512",
        "assign 4K 2048 519",
        "merge 500 2067",
        // all private now: those that have no large entry are asked for
        "can be made 0",
        "suits 0 512",
        "unsmash 0",
        "merge 0 512",
        "can be made 1024",
        "can be made 2048",
        "suits 2048 512",
        "can be made 2560",
        "suits 2560 512",
        "unsmash 2560",
        "merge 2560 512");
  }

  @Test
  void pagesThatWerePrivateKeepTheirEntriesAndTheirValidation() {
    RmpFollower follower = follower();
    follower.share(520 * PAGE, 2 * PAGE);
    follower.share(530 * PAGE, PAGE);
    calls.clear();
    follower.unshare(518 * PAGE, 14 * PAGE);
    assertCalls(
        "split 512 512",
        "moved private 518 14",
        "assign 4K 520 2",
        "assign 4K 530 1",
        "can be made 512",
        "suits 512 512",
        "unsmash 512",
        "merge 512 512");
  }

  @Test
  void pagesThatWereSharedAreNotToldAgain() {
    RmpFollower follower = follower();
    follower.share(520 * PAGE, 2 * PAGE);
    calls.clear();
    follower.share(519 * PAGE, 4 * PAGE);
    assertCalls("split 512 512", "moved shared 519 4", "unassign 519 1", "unassign 522 1");
  }

  @Test
  void aRegionThatTheFirmwareRefusesIsNotMerged() {
    RmpFollower follower = follower();
    follower.share(512 * PAGE, PAGE);
    rmp.refused.set(1);
    calls.clear();
    follower.unshare(512 * PAGE, PAGE);
    assertCalls(
        "split 512 512",
        "moved private 512 1",
        "assign 4K 512 1",
        "can be made 512",
        "suits 512 512",
        "unsmash 512");
  }

  @Test
  void inTheAtomicOrderARegionIsUnsmashedAndMergedWhileDmaIsStalled() {
    RmpFollower follower = follower(Order.ATOMIC, false);
    follower.share(512 * PAGE, PAGE);
    calls.clear();
    follower.unshare(512 * PAGE, PAGE);
    assertCalls(
        "reserve 512 512",
        "stall",
        "split 512 512",
        "moved private 512 1",
        "assign 4K 512 1",
        "can be made 512",
        "suits 512 512",
        "stall",
        "unsmash 512",
        "merge 512 512");
  }

  @Test
  void hardwareIsAskedForTheRegionsThatItCanExchangeAndTheOthersAreSmashed() {
    memory.exchanges = true;
    port.exchangeable.add(0L);
    follower(Order.ATOMIC, true).share(511 * PAGE, 2 * PAGE);
    assertCalls(
        "reserve 0 1024",
        "unreserve",
        "exchange 0",
        "reserve 0 1024",
        "stall",
        "split 0 1024",
        "moved shared 511 2",
        "smash 512",
        "unassign 511 2",
        "merge 511 2"); // an exchange leaves leaves of 4 KiB, however lazy the follower is
  }

  @Test
  void hardwareThatCanExchangeTheLastRegionAloneIsAskedForThat() {
    memory.exchanges = true;
    port.exchangeable.add(REGION);
    follower(Order.ATOMIC, true).share(511 * PAGE, 2 * PAGE);
    assertCalls(
        "reserve 0 1024",
        "unreserve",
        "exchange 512",
        "reserve 0 1024",
        "stall",
        "split 0 1024",
        "moved shared 511 2",
        "smash 0",
        "unassign 511 2",
        "merge 511 2");
  }

  @Test
  void nothingIsMergedWhereHardwareDeclinesTheExchange() {
    port.exchangeable.add(0L);
    follower(Order.ATOMIC, true).share(511 * PAGE, PAGE);
    assertCalls(
        "reserve 0 512",
        "unreserve",
        "exchange 0",
        "reserve 0 512",
        "stall",
        "split 0 512",
        "moved shared 511 1",
        "smash 0",
        "unassign 511 1");
  }

  @Test
  void hardwareIsNotAskedForARegionWhoseEntryIsSmall() {
    follower().share(PAGE, PAGE);
    calls.clear();
    port.exchangeable.add(0L);
    follower(Order.ATOMIC, true).share(3 * PAGE, PAGE);
    assertCalls("reserve 0 512", "stall", "split 0 512", "moved shared 3 1", "unassign 3 1");
  }

  @Test
  void anExchangeThatWasMadeIsNotTakenBackAndNotMadeAgain() {
    memory.exchanges = true;
    port.exchangeable.add(0L);
    RmpFollower follower = follower(Order.ATOMIC, true);
    failing.add("reserve 0 512");
    assertThrows(IllegalStateException.class, () -> follower.share(PAGE, PAGE));
    assertFalse(follower.isUnfinished());
    assertCalls("unreserve");
    failing.add("stall");
    assertThrows(IllegalStateException.class, () -> follower.share(PAGE, PAGE));
    assertTrue(follower.isUnfinished());
    follower.share(PAGE, PAGE);
    assertCalls(
        "reserve 0 512",
        "unreserve",
        "exchange 0",
        "reserve 0 512",
        "stall",
        "split 0 512",
        "moved shared 1 1",
        "unassign 1 1",
        "merge 1 1");
  }

  @ParameterizedTest
  @ValueSource(strings = {"smash 512", "unassign 515 1"})
  void whereNothingHadToBeSplitTheFirstInstructionThatFailsLeavesAllAsItWas(String first) {
    memory.splits = false;
    RmpFollower follower = follower();
    if (!first.startsWith("smash")) {
      follower.share(513 * PAGE, PAGE);
      calls.clear();
    }
    failing.add(first);
    assertThrows(IllegalStateException.class, () -> follower.share(515 * PAGE, PAGE));
    assertFalse(follower.isUnfinished());
    assertCalls("split 512 512", "moved shared 515 1", "unreserve");
    assertFalse(bitmap.isShared(515 * PAGE));
    follower.share(1536 * PAGE, PAGE);
    assertCalls("split 1536 512", "moved shared 1536 1", "smash 1536", "unassign 1536 1");
  }

  @ParameterizedTest
  @ValueSource(strings = {"smash 512", "unassign 515 1"})
  void whereLeavesWereSplitAnInstructionThatFailsIsMadeAgainAndNothingElse(String instruction) {
    RmpFollower follower = follower();
    failing.add(instruction);
    assertThrows(IllegalStateException.class, () -> follower.share(515 * PAGE, PAGE));
    assertTrue(follower.isUnfinished());
    follower.share(515 * PAGE, PAGE);
    assertCalls("split 512 512", "moved shared 515 1", "smash 512", "unassign 515 1");
  }

  @Test
  void aChangeIsUnfinishedWhereAMoveFailsAndTheSplitIsNotMadeAgain() {
    RmpFollower follower = follower();
    failing.add("moved shared 515 1");
    assertThrows(IllegalStateException.class, () -> follower.share(515 * PAGE, PAGE));
    assertTrue(follower.isUnfinished());
    follower.share(515 * PAGE, PAGE);
    assertCalls("split 512 512", "moved shared 515 1", "smash 512", "unassign 515 1");
  }

  @Test
  void aMergeThatFailsIsMadeAgainAndNothingElse() {
    RmpFollower follower = follower();
    memory.splits = false;
    failing.add("merge 512 512");
    assertThrows(IllegalStateException.class, () -> follower.share(512 * PAGE, 512 * PAGE));
    assertTrue(follower.isUnfinished());
    follower.share(512 * PAGE, 512 * PAGE);
    assertCalls("split 512 512", "moved shared 512 512", "unassign 512 512", "merge 512 512");
  }

  @Test
  void onlyTheCallThatIsUnfinishedIsTakenForTheSame() {
    RmpFollower follower = follower();
    failing.add("unassign 515 2");
    assertThrows(IllegalStateException.class, () -> follower.share(515 * PAGE, 2 * PAGE));
    String refusal =
        "share(gpa=0x203000, bytes=0x2000) is unfinished: the same call is to be made again before"
            + " any other";
    assertRefused(refusal, () -> follower.share(515 * PAGE, PAGE));
    assertRefused(refusal, () -> follower.share(516 * PAGE, 2 * PAGE));
    assertRefused(refusal, () -> follower.unshare(515 * PAGE, 2 * PAGE));
    assertRefused(refusal, () -> follower.mergeQuiet(0));
    follower.share(515 * PAGE, 2 * PAGE);
    assertCalls("split 512 512", "moved shared 515 2", "smash 512", "unassign 515 2");
  }

  private static void assertRefused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalStateException.class, call).getMessage());
  }

  @Test
  void aMergeOfQuietRegionsThatFailsGoesOnWithTheRegionThatFailed() {
    RmpFollower lazy = follower(Order.TABLE_FIRST, true);
    for (long region = 1; region < 4; region++) {
      lazy.share(region * REGION, PAGE);
      lazy.unshare(region * REGION, PAGE);
    }
    calls.clear();
    failing.add("merge 1024 512");
    assertThrows(IllegalStateException.class, () -> lazy.mergeQuiet(0));
    assertTrue(lazy.isUnfinished());
    assertTrue(lazy.toString().endsWith("unfinished mergeQuiet(changes=0)]"), lazy.toString());
    assertRefused(
        "mergeQuiet(changes=0) is unfinished: the same call is to be made again before any other",
        () -> lazy.mergeQuiet(1));
    failing.add("suits 1536 512");
    assertThrows(IllegalStateException.class, () -> lazy.mergeQuiet(0));
    assertEquals(3, lazy.mergeQuiet(0));
    assertFalse(lazy.isUnfinished());
    assertCalls(
        "can be made 512",
        "suits 512 512",
        "unsmash 512",
        "merge 512 512",
        "merge 512 512", // as a quiet region, unsmashed or not
        "can be made 1024",
        "suits 1024 512",
        "unsmash 1024",
        "merge 1024 512",
        "merge 1024 512",
        "can be made 1536",
        "can be made 1536",
        "suits 1536 512",
        "unsmash 1536",
        "merge 1536 512",
        "merge 1536 512");
    assertEquals(0, lazy.mergeQuiet(0));
  }

  @Test
  void theLastRegionOfManyIsRememberedToo() {
    long guestBytes = 171 * REGION; // of which a page of records holds 170
    FakeRmp entries = new FakeRmp(guestBytes);
    try (RmpBitmap many = new RmpBitmap(guestBytes);
        RmpFollower lazy = new RmpFollower(memory, many, entries, Order.RMP_FIRST, true)) {
      many.setLarge(0, guestBytes, true);
      lazy.share(170 * REGION, PAGE);
      assertEquals(1, lazy.mergeQuiet(0));
      assertEquals(0, lazy.mergeQuiet(0));
    }
  }

  @Test
  void aClosedFollowerHasClosedItsMemory() {
    RmpFollower follower = follower();
    follower.close();
    assertCalls("unreserve", "close");
  }
}
