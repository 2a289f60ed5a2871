package dev.cleave.engine.rmp;

import static dev.cleave.engine.rmp.FakeRmp.PAGE;
import static dev.cleave.engine.rmp.FakeRmp.REGION;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.LeafExchange;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.rmp.RmpFollower.Order;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Hardware that changes a leaf and an RMP entry in one step, as PSMASH_IO does. */
class ExchangeTest {
  private static final long GUEST = 4 * REGION;
  private static final long GUEST_IOVA = 3L << 30;

  /** As the specification has them, not as the engine does. */
  private static final long DIRECTORY_TO_LEVEL_1 = 0x6000_0000_0000_0201L;

  private static final long STATUS = 3L << 5;

  private static final PageTableConfig CONFIG = PageTableConfig.of(AmdV1.LINUX);

  private final FollowedGuest guest =
      new FollowedGuest(CONFIG, GUEST_IOVA, GUEST, Order.ATOMIC, false);
  private final FollowedGuest byStalling =
      new FollowedGuest(CONFIG, GUEST_IOVA, GUEST, Order.ATOMIC, false);

  @AfterEach
  void close() {
    guest.close();
    byStalling.close();
  }

  /** What the engine does that carries out PSMASH_IO, in the guest's memory. */
  private boolean hardware(long gpa, long slot, long table) {
    long leaf = guest.pages.loadAcquire(slot);
    for (int i = 0; i < 512; i++) {
      long entry = guest.pages.loadAcquire(table + 8L * i);
      assertEquals(
          (leaf & ~STATUS) + i * PAGE, entry & ~STATUS, "a leaf of 4 KiB like the old one");
      guest.pages.or(table + 8L * i, leaf & STATUS);
    }
    guest.rmp.smash(gpa);
    guest.pages.storeRelease(slot, DIRECTORY_TO_LEVEL_1 | table);
    return true;
  }

  private interface Hardware {
    boolean exchange(long gpa, long slot, long table);
  }

  private void exchangeBy(Hardware hardware) {
    guest.rmp.exchange =
        (gpa, slot, table) -> {
          guest.rmp.calls.add("exchange");
          return hardware.exchange(gpa, slot, table);
        };
  }

  @Test
  void theLeafAndTheEntryChangeInOneStepAndTheRestFollows() {
    exchangeBy(this::hardware);
    guest.follower.share(REGION + PAGE, PAGE);
    assertEquals(
        List.of("flush", "exchange", "smash", "flush", "stall", "unassign", "resume"),
        guest.rmp.calls,
        "the larger leaf is cut first");
    guest.check();
    byStalling.follower.share(REGION + PAGE, PAGE);
    assertEquals(byStalling.leaves(), guest.leaves());
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void anySequenceEndsAsItDoesWithoutTheHardware(long seed) {
    exchangeBy(this::hardware);
    Random random = new Random(seed);
    for (int i = 0; i < 200; i++) {
      long gpa = random.nextInt((int) (GUEST / PAGE)) * PAGE;
      long bytes = Math.min(GUEST - gpa, (1 + random.nextInt(700)) * PAGE);
      boolean shares = random.nextBoolean();
      for (FollowedGuest each : List.of(guest, byStalling)) {
        if (shares) {
          each.follower.share(gpa, bytes);
        } else {
          each.follower.unshare(gpa, bytes);
        }
        each.check();
      }
      assertEquals(byStalling.leaves(), guest.leaves(), "change " + i);
    }
    assertTrue(guest.rmp.calls.contains("exchange"));
    assertEquals(byStalling.memory.usedBytes(), guest.memory.usedBytes());
  }

  @Test
  void aLeafOfTwoMegabytesIsExchangedAsItStands() {
    exchangeBy(this::hardware);
    guest.follower.share(PAGE, PAGE); // which cuts the leaf of 8 MiB
    guest.rmp.calls.clear();
    guest.follower.share(REGION, PAGE);
    assertEquals(
        List.of("exchange", "smash", "flush", "stall", "unassign", "resume"),
        guest.rmp.calls.subList(0, 6));
    guest.check();
  }

  @Test
  void aRegionThatIsNotMappedIsSmashedByStalling() {
    exchangeBy(this::hardware);
    guest.unmap(REGION, REGION);
    guest.follower.share(REGION, PAGE);
    assertEquals(List.of("stall", "smash", "unassign", "resume"), guest.rmp.calls);
    guest.check();
  }

  /** By somebody who did not ask what is legal. */
  @Test
  void aRegionThatIsMappedInPiecesUnderALargeEntryIsSmashedByStalling() {
    exchangeBy(this::hardware);
    guest.unmap(REGION + 5 * PAGE, PAGE);
    guest.follower.share(REGION, PAGE);
    assertEquals(List.of("stall", "smash", "unassign", "resume"), guest.rmp.calls);
    guest.check();
  }

  @Test
  void whatHardwareMarkedBeforeIsMarkedAfterwards() {
    exchangeBy((gpa, slot, table) -> {
      guest.pages.or(slot, STATUS);
      return hardware(gpa, slot, table);
    });
    guest.follower.share(REGION + PAGE, PAGE);
    DirtyBitmap dirty = new DirtyBitmap(GUEST_IOVA, GUEST, 12);
    assertEquals(REGION, guest.tables.getFirst().table().readDirty(GUEST_IOVA, GUEST, dirty));
  }

  @Test
  void hardwareThatDeclinesLeavesItToStalling() {
    exchangeBy((_, _, _) -> false);
    long before = guest.memory.usedBytes();
    guest.follower.share(REGION + PAGE, PAGE);
    assertEquals(
        List.of("flush", "exchange", "stall", "flush", "smash", "unassign", "resume"),
        guest.rmp.calls);
    guest.check();
    byStalling.follower.share(REGION + PAGE, PAGE);
    assertEquals(byStalling.memory.usedBytes(), guest.memory.usedBytes());
    assertTrue(guest.memory.usedBytes() > before);
  }

  @Test
  void hardwareThatThrowsHasChangedNothingAndTheCallCanBeMadeAgain() {
    exchangeBy((_, _, _) -> {
      throw new IllegalStateException("ring full");
    });
    long used = guest.memory.usedBytes();
    IllegalStateException thrown =
        assertThrows(IllegalStateException.class, () -> guest.follower.share(REGION + PAGE, PAGE));
    assertEquals("ring full", thrown.getMessage());
    assertFalse(guest.follower.isUnfinished());
    assertFalse(guest.bitmap.isShared(REGION + PAGE));
    assertTrue(
        guest.memory.usedBytes() <= used + PAGE, "but for the table that cut the larger leaf");
    guest.check();
    exchangeBy(this::hardware);
    guest.follower.share(REGION + PAGE, PAGE);
    guest.check();
  }

  @Test
  void ofTwoRegionsTheOneThatFailedIsGoneOnWith() {
    exchangeBy((gpa, slot, table) -> {
      if (gpa == 2 * REGION && guest.rmp.calls.stream().filter("exchange"::equals).count() == 2) {
        throw new IllegalStateException("ring full");
      }
      return hardware(gpa, slot, table);
    });
    assertThrows(
        IllegalStateException.class, () -> guest.follower.share(2 * REGION - PAGE, 2 * PAGE));
    assertTrue(guest.follower.isUnfinished());
    guest.follower.share(2 * REGION - PAGE, 2 * PAGE);
    assertFalse(guest.follower.isUnfinished());
    assertEquals(3, guest.rmp.calls.stream().filter("exchange"::equals).count());
    guest.check();
    byStalling.follower.share(2 * REGION - PAGE, 2 * PAGE);
    assertEquals(byStalling.leaves(), guest.leaves());
  }

  @Test
  void hardwareThatSaysItDidAndDidNotIsFoundOut() {
    exchangeBy((_, _, _) -> true);
    IllegalStateException thrown =
        assertThrows(IllegalStateException.class, () -> guest.follower.share(REGION + PAGE, PAGE));
    String message = String.valueOf(thrown.getMessage());
    assertTrue(message.contains("must be a directory"), message);
  }

  @Test
  void onlyTheAtomicOrderAsksForIt() {
    try (FollowedGuest other = new FollowedGuest(CONFIG, GUEST, Order.TABLE_FIRST, false)) {
      other.rmp.exchange =
          (_, _, _) -> {
            throw new AssertionError("not asked for");
          };
      other.follower.share(REGION + PAGE, PAGE);
      other.check();
    }
  }

  @Test
  void aLeafOfAnotherSizeOrPlaceStaysAsItIs() {
    var table = guest.tables.getFirst().table();
    var gather = table.newGather();
    var none =
        (LeafExchange)
            (_, _) -> {
              throw new AssertionError("there is no leaf of 2 MiB");
            };
    assertFalse(table.exchangeLeaf(GUEST_IOVA, none, gather), "8 MiB");
    assertFalse(table.exchangeLeaf(1L << 35, none, gather), "nothing");
    PageTableException thrown =
        assertThrows(PageTableException.class, () -> table.exchangeLeaf(PAGE, none, gather));
    assertEquals(PageTableException.Reason.MISALIGNED, thrown.reason());
    assertTrue(gather.isEmpty());
  }
}
