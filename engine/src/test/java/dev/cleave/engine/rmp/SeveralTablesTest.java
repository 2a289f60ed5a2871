package dev.cleave.engine.rmp;

import static dev.cleave.engine.rmp.FakeRmp.PAGE;
import static dev.cleave.engine.rmp.FakeRmp.REGION;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.X86;
import dev.cleave.engine.rmp.RmpFollower.Order;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A nested table and IOMMU tables of the same guest: what they share is done once, in one order.
 */
class SeveralTablesTest {
  private static final long GUEST = 4 * REGION;
  private static final List<TableKind> NESTED_AND_TWO_DOMAINS =
      List.of(TableKind.X86_4_LEVELS, TableKind.AMD_V1, TableKind.AMD_V1);

  private static FollowedGuest guest(long guestBytes, Order order) {
    return new FollowedGuest(NESTED_AND_TWO_DOMAINS, guestBytes, order, false);
  }

  private static List<String> callsOfSharing(Order order) {
    try (FollowedGuest guest = guest(GUEST, order)) {
      guest.follower.share(REGION + PAGE, PAGE);
      return List.copyOf(guest.rmp.calls);
    }
  }

  @Test
  void tableFirstFlushesEveryTableBeforeTheRmpChangesOnce() {
    assertEquals(
        List.of("flush", "flush", "flush", "smash", "unassign"), callsOfSharing(Order.TABLE_FIRST));
  }

  @Test
  void rmpFirstChangesItOnceAndThenFlushesEveryTable() {
    assertEquals(
        List.of("smash", "unassign", "flush", "flush", "flush"), callsOfSharing(Order.RMP_FIRST));
  }

  @Test
  void atomicStallsOnceForAllTables() {
    assertEquals(
        List.of("stall", "flush", "flush", "flush", "smash", "unassign", "resume"),
        callsOfSharing(Order.ATOMIC));
  }

  @Test
  void aRegionIsUnsmashedOnceForAllTables() {
    try (FollowedGuest guest = guest(GUEST, Order.TABLE_FIRST)) {
      guest.follower.share(REGION, PAGE);
      guest.rmp.calls.clear();
      guest.follower.unshare(REGION, PAGE);
      assertEquals(List.of("assign 4K", "unsmash", "flush", "flush", "flush"), guest.rmp.calls);
    }
  }

  @ParameterizedTest
  @EnumSource
  void outOfTableMemoryForTheLastTableLeavesAllTablesAndTheRmpAsTheyWere(Order order) {
    try (FollowedGuest guest = guest(1L << 30, order)) {
      long pages = (64L << 20) / PAGE - guest.memory.usedBytes() / PAGE;
      assertTrue(guest.pages.tryReserve(pages), "all that is free");
      List<String> leaves = guest.leaves();
      List<String> state = guest.rmp.state();
      int free = 0;
      while (!isShared(guest)) {
        assertEquals(leaves, guest.leaves());
        assertEquals(state, guest.rmp.state());
        guest.rmp.checkBitmap(guest.bitmap);
        assertTrue(guest.pages.tryReserve(free), "a table has kept what it reserved");
        guest.pages.unreserve(free + 1);
        free++;
      }
      assertEquals(3 * 3, free, "in each a table of 2 MiB leaves and two of 4 KiB leaves");
      guest.check();
      guest.pages.unreserve(pages - free);
    }
  }

  private static boolean isShared(FollowedGuest guest) {
    try {
      guest.follower.share(5 * REGION - PAGE, 2 * PAGE);
      return true;
    } catch (PageTableException e) {
      assertEquals(PageTableException.Reason.OUT_OF_TABLE_MEMORY, e.reason());
      return false;
    }
  }

  @Test
  void aRegionThatOneTableMapsInPiecesKeepsSmallLeavesInAll() {
    try (FollowedGuest guest = guest(GUEST, Order.TABLE_FIRST)) {
      guest.follower.share(REGION, REGION);
      guest.unmap(REGION + 5 * PAGE, PAGE); // in the last table only
      guest.follower.unshare(REGION, REGION);
      assertTrue(guest.isSmall(REGION), "the RMP can have no 2 MiB entry there");
      guest.check();
    }
  }

  @Test
  void aTableThatMapsNothingOfARegionDoesNotKeepTheOthersFromMerging() {
    try (FollowedGuest guest = guest(GUEST, Order.TABLE_FIRST)) {
      guest.unmap(REGION, REGION);
      List<String> leaves = guest.leaves();
      guest.follower.share(REGION, PAGE);
      guest.follower.unshare(REGION, PAGE);
      assertEquals(leaves, guest.leaves());
    }
  }

  private static void assertRefused(PageTableConfig config, long guestIova) {
    try (TableMemory memory = TableMemory.builder().capacityBytes(1 << 20).build();
        PageTable table = PageTable.create(memory, config);
        RmpBitmap bitmap = new RmpBitmap(GUEST)) {
      List<FollowedTable> tables = List.of(new FollowedTable(table, guestIova));
      assertThrows(
          IllegalArgumentException.class,
          () ->
              new RmpFollower(
                  tables, bitmap, new FakeRmp(GUEST), (_, _) -> {}, Order.ATOMIC, false));
    }
  }

  @Test
  void guestMemoryThatReachesBeyondTheIovasIsRefused() {
    PageTableConfig nested = PageTableConfig.of(X86.LINUX);
    assertRefused(nested, (1L << 48) - 3 * REGION);
    assertRefused(nested.withSignExtension(), (1L << 47) - 3 * REGION);
    assertRefused(nested.withSignExtension(), -3 * REGION);
  }

  @Test
  void guestMemoryThatDoesNotLieOnWholeRegionsIsRefused() {
    assertRefused(PageTableConfig.of(X86.LINUX), PAGE);
  }

  @Test
  void aFollowerIsClosedQuietlyWhereItsTablesAreClosedAlready() {
    try (FollowedGuest guest = guest(GUEST, Order.TABLE_FIRST)) {
      guest.follower.share(REGION, PAGE);
      guest.tables.forEach(followed -> followed.table().close());
      guest.rmp.calls.clear();
      assertDoesNotThrow(guest.follower::close);
      assertEquals(List.of(), guest.rmp.calls);
    }
  }

  @Test
  void whatAnUnfinishedCallHasReservedIsFreeAgainWhenTheFollowerIsClosed() {
    try (FollowedGuest guest = guest(GUEST, Order.RMP_FIRST)) {
      List<PageTable> flushed = new ArrayList<>();
      IotlbFlush failsOnce =
          (table, _) -> {
            flushed.add(table);
            if (flushed.size() == 1) {
              throw new IllegalStateException("no answer");
            }
          };
      RmpFollower follower =
          new RmpFollower(guest.tables, guest.bitmap, guest.rmp, failsOnce, Order.RMP_FIRST, false);
      assertThrows(IllegalStateException.class, () -> follower.share(REGION, PAGE));
      assertTrue(follower.isUnfinished());
      follower.close();
      PageTable first = guest.tables.getFirst().table();
      assertEquals(List.of(first, first), flushed, "the others owe nothing");
      long free = (64L << 20) / PAGE - guest.memory.usedBytes() / PAGE;
      assertTrue(guest.pages.tryReserve(free), "a table has kept what it reserved");
      guest.pages.unreserve(free);
    }
  }

  @Test
  void aFollowerOfNoTableIsRefused() {
    try (RmpBitmap bitmap = new RmpBitmap(GUEST)) {
      assertThrows(
          IllegalArgumentException.class,
          () ->
              new RmpFollower(
                  List.of(), bitmap, new FakeRmp(GUEST), (_, _) -> {}, Order.ATOMIC, false));
    }
  }
}
