package dev.cleave.engine.rmp;

import static dev.cleave.engine.rmp.FakeRmp.PAGE;
import static dev.cleave.engine.rmp.FakeRmp.REGION;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.rmp.RmpFollower.Order;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Shared pages that come from other memory: what moves, when, and what stays meanwhile. */
class PageBackingTest {
  private static final long GUEST = 8 * REGION;
  private static final int PAGES = (int) (GUEST / PAGE);
  private static final long PRIVATE = 1L << 40;
  private static final long SHARED = 1L << 41;
  private static final long GUEST_IOVA = 5L << 30;

  /** A guest in a nested table, at its own addresses, and in an IOMMU table. */
  private static final class Guest implements AutoCloseable {
    private final TableMemory memory = TableMemory.builder().capacityBytes(16 << 20).build();
    private final RmpBitmap bitmap = new RmpBitmap(GUEST, false);
    private final FakeRmp rmp = new FakeRmp(GUEST);
    private final List<FollowedTable> tables = new ArrayList<>();
    private final RmpFollower follower;

    /** Which pages were shared before the change under way, and which change. */
    private final BitSet shared = new BitSet();

    private final BitSet changing = new BitSet();

    /** Regions whose private pages do not lie in one piece. */
    private final BitSet scattered = new BitSet();

    private int lookedAtFlushes;

    /** How many of the next maps throw. */
    private int failures;

    Guest(Order order, boolean isLazy) {
      bitmap.setLarge(0, GUEST, true);
      add(TableKind.X86_4_LEVELS, 0);
      add(TableKind.AMD_V1, GUEST_IOVA);
      follower = new RmpFollower(tables, bitmap, rmp, this::flush, order, isLazy);
    }

    private void add(TableKind kind, long guestIova) {
      PageTable table = PageTable.create(memory, kind.config());
      table.map(guestIova, PRIVATE, GUEST, Access.READ_WRITE, bitmap.ruleAt(-guestIova));
      tables.add(new FollowedTable(table, guestIova, new Moved(table, guestIova)));
    }

    private final class Moved implements PageBacking {
      private final PageTable table;
      private final long guestIova;

      Moved(PageTable table, long guestIova) {
        this.table = table;
        this.guestIova = guestIova;
      }

      @Override
      public void map(long gpa, long length, boolean areShared, SizeRule rule) {
        if (failures > 0) {
          failures--;
          throw new IllegalStateException("no memory");
        }
        long paddr = gpa + (areShared ? SHARED : PRIVATE);
        table.map(gpa + guestIova, paddr, length, Access.READ_WRITE, rule);
      }

      @Override
      public boolean isContiguous(long region) {
        return !scattered.get((int) (region / REGION));
      }
    }

    private long guestIova(PageTable table) {
      return table == tables.getFirst().table() ? 0 : GUEST_IOVA;
    }

    /** At the first flush of a change the pages that change are out, and all others are there. */
    private void flush(PageTable table, IotlbGather gather) {
      long iova = guestIova(table);
      if (!changing.isEmpty() && table.translate(iova + changing.nextSetBit(0) * PAGE) < 0) {
        lookedAtFlushes++;
        for (int page = 0; page < PAGES; page++) {
          long expected = changing.get(page) ? PageTable.NOT_MAPPED : paddr(page);
          assertEquals(expected, table.translate(iova + page * PAGE), "page " + page);
        }
      }
    }

    private long paddr(int page) {
      return page * PAGE + (shared.get(page) ? SHARED : PRIVATE);
    }

    void change(boolean isShare, int from, int to) {
      changing.clear();
      changing.set(from, to);
      if (isShare) {
        changing.andNot(shared);
        follower.share(from * PAGE, (to - from) * PAGE);
      } else {
        changing.and(shared);
        follower.unshare(from * PAGE, (to - from) * PAGE);
      }
      shared.set(from, to, isShare);
      changing.clear();
    }

    void check() {
      for (FollowedTable table : tables) {
        rmp.checkLeaves(table);
        for (int page = 0; page < PAGES; page++) {
          long iova = table.guestIova() + page * PAGE;
          assertEquals(paddr(page), table.table().translate(iova), "page " + page);
        }
      }
      rmp.checkBitmap(bitmap);
    }

    @Override
    public void close() {
      follower.close();
      tables.forEach(table -> table.table().close());
      bitmap.close();
      memory.close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void onlyThePagesThatChangeAreEverAwayAndEndElsewhere(Order order) {
    for (boolean isLazy : new boolean[] {false, true}) {
      Random random = new Random(3);
      try (Guest guest = new Guest(order, isLazy)) {
        for (int step = 0; step < 300; step++) {
          int length =
              random.nextInt(4) == 0 ? 512 * (1 + random.nextInt(2)) : 1 << random.nextInt(9);
          int from = random.nextInt(PAGES - length + 1) / length * length;
          guest.change(random.nextBoolean(), from, from + length);
          if (isLazy && step % 10 == 0) {
            var _ = guest.follower.mergeQuiet(5);
          }
          guest.check();
        }
        assertTrue(guest.lookedAtFlushes > 100);
      }
    }
  }

  @Test
  void aRegionMergesOnlyWhenItsLastPageIsBack() {
    try (Guest guest = new Guest(Order.TABLE_FIRST, false)) {
      guest.change(true, 512, 1024);
      guest.change(false, 512, 1023);
      assertTrue(guest.rmp.calls.stream().noneMatch("unsmash"::equals));
      guest.change(false, 1023, 1024);
      assertEquals(1, guest.rmp.calls.stream().filter("unsmash"::equals).count());
      for (FollowedTable table : guest.tables) {
        var leaf = table.table().leaves();
        assertTrue(table.table().leafAt(table.guestIova() + REGION, leaf));
        assertTrue(leaf.sizeLog2() >= 21);
      }
    }
  }

  /** By somebody who takes pages out that the guest does not use, and not their neighbours. */
  @Test
  void aPageThatIsMappedNowhereIsMappedToWhereItLiesOnceItChanges() {
    try (Guest guest = new Guest(Order.TABLE_FIRST, false)) {
      for (FollowedTable table : guest.tables) {
        IotlbGather gather = table.table().newGather();
        table.table().unmap(table.guestIova() + 600 * PAGE, 2 * PAGE, gather);
        gather.complete();
      }
      guest.change(true, 600, 602);
      guest.check();
    }
  }

  /** Where nothing has to be split any more, so that pages are out and nothing else has changed. */
  @Test
  void aMapThatFailsLeavesTheCallUnfinishedAndIsMadeAgain() {
    try (Guest guest = new Guest(Order.TABLE_FIRST, false)) {
      guest.change(true, 600, 601);
      guest.failures = 1;
      assertThrows(IllegalStateException.class, () -> guest.change(true, 605, 606));
      assertTrue(guest.follower.isUnfinished());
      guest.change(true, 605, 606);
      guest.check();
    }
  }

  @Test
  void aRegionWhosePrivatePagesAreScatteredIsNeverAskedFor() {
    try (Guest guest = new Guest(Order.TABLE_FIRST, false)) {
      guest.scattered.set(1);
      guest.change(true, 512, 2 * 512 + 1);
      guest.change(false, 512, 2 * 512 + 1);
      assertEquals(List.of(), guest.rmp.calls.stream().filter("assign 2M"::equals).toList());
      assertEquals(1, guest.rmp.calls.stream().filter("unsmash"::equals).count(), "the other");
      guest.check();
    }
  }

  @Test
  void aRegionSharedAsAWholeHasSmallLeaves() {
    try (Guest guest = new Guest(Order.TABLE_FIRST, false)) {
      guest.change(true, 512, 1024);
      var leaf = guest.tables.getLast().table().leaves();
      assertTrue(guest.tables.getLast().table().leafAt(GUEST_IOVA + REGION, leaf));
      assertEquals(20, leaf.sizeLog2());
    }
  }
}
