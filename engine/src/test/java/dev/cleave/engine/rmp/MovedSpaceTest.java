package dev.cleave.engine.rmp;

import static dev.cleave.engine.rmp.FakeRmp.PAGE;
import static dev.cleave.engine.rmp.FakeRmp.REGION;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import dev.cleave.engine.ioas.Backing;
import dev.cleave.engine.ioas.HardwarePageTable;
import dev.cleave.engine.ioas.IoAddressSpace;
import dev.cleave.engine.rmp.RmpFollower.Order;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Shared pages that come from other memory, in spaces: backings say by the bitmap where. */
class MovedSpaceTest {
  private static final long GUEST = 8 * REGION;
  private static final int PAGES = (int) (GUEST / PAGE);
  private static final long PRIVATE = 1L << 40;
  private static final long SHARED = 1L << 41;
  private static final long AGAIN = 1L << 32;

  /** A guest in a space with two tables, twice, and in another with one. */
  private static final class Guest implements AutoCloseable, Backing {
    private final TableMemory memory = TableMemory.builder().capacityBytes(16 << 20).build();
    private final RmpBitmap bitmap = new RmpBitmap(GUEST, false);
    private final FakeRmp rmp = new FakeRmp(GUEST);
    private final List<HardwarePageTable> tables = new ArrayList<>();
    private final List<IoAddressSpace> spaces = List.of(new IoAddressSpace(), new IoAddressSpace());
    private final List<FollowedTable> places = new ArrayList<>();
    private final RmpFollower follower;

    /** Which pages were shared before the change under way, and which change. */
    private final BitSet shared = new BitSet();

    private final BitSet changing = new BitSet();
    private final BitSet scattered = new BitSet();
    private int lookedAtFlushes;
    private boolean isBroken;
    private int missing;

    Guest(Order order, boolean isLazy) {
      bitmap.setLarge(0, GUEST, true);
      attach(0, PageTableConfig.of(X86.LINUX));
      attach(0, PageTableConfig.of(AmdV1.LINUX));
      attach(1, PageTableConfig.of(AmdV1.LINUX).withLargestLeaf(21));
      List<FollowedMemory> followed = new ArrayList<>();
      follow(0, 0, followed);
      follow(0, AGAIN, followed);
      follow(1, AGAIN, followed);
      follower = new RmpFollower(followed, bitmap, rmp, order, isLazy);
    }

    private void attach(int space, PageTableConfig config) {
      HardwarePageTable table = HardwarePageTable.create(memory, config, this::flush);
      tables.add(table);
      spaces.get(space).attach(table);
    }

    private void follow(int number, long guestIova, List<FollowedMemory> followed) {
      IoAddressSpace space = spaces.get(number);
      followed.add(space.follow(bitmap, guestIova));
      space.map(guestIova, this, 0, GUEST, Access.READ_WRITE);
      space.tables().forEach(table -> places.add(new FollowedTable(table.table(), guestIova)));
    }

    @Override
    public long paddr(long gpa, boolean isWritten) {
      if (missing > 0 && --missing == 0) {
        return NONE;
      }
      long page = scattered.get((int) (gpa / REGION)) ? gpa ^ PAGE : gpa;
      return bitmap.isShared(gpa) ? SHARED + gpa : PRIVATE + page;
    }

    @Override
    public long contiguous(long gpa, long length) {
      if (scattered.get((int) (gpa / REGION))) {
        return PAGE;
      }
      long bytes = PAGE;
      while (bytes < length
          && !scattered.get((int) ((gpa + bytes) / REGION))
          && bitmap.isShared(gpa + bytes) == bitmap.isShared(gpa)) {
        bytes += PAGE;
      }
      return bytes;
    }

    /** When the first page of a change is out, all that change are, and all others are there. */
    private void flush(PageTable table, IotlbGather gather) {
      if (isBroken) {
        isBroken = false;
        throw new IllegalStateException("the flush failed");
      }
      for (FollowedTable place : places) {
        if (place.table() == table
            && !changing.isEmpty()
            && translate(place, changing.nextSetBit(0)) == PageTable.NOT_MAPPED) {
          lookedAtFlushes++;
          for (int page = 0; page < PAGES; page++) {
            long expected = changing.get(page) ? PageTable.NOT_MAPPED : expected(page);
            assertEquals(expected, translate(place, page), "page " + page);
          }
        }
      }
    }

    private static long translate(FollowedTable place, int page) {
      return place.table().translate(place.guestIova() + page * PAGE);
    }

    private long expected(int page) {
      long gpa = page * PAGE;
      long own = scattered.get((int) (gpa / REGION)) ? gpa ^ PAGE : gpa;
      return shared.get(page) ? SHARED + gpa : PRIVATE + own;
    }

    void change(boolean isShare, int from, int to) {
      changing.clear();
      changing.set(from, to);
      if (isShare) {
        changing.andNot(shared);
      } else {
        changing.and(shared);
      }
      call(isShare, from, to);
      shared.set(from, to, isShare);
      changing.clear();
    }

    private void call(boolean isShare, int from, int to) {
      if (isShare) {
        follower.share(from * PAGE, (to - from) * PAGE);
      } else {
        follower.unshare(from * PAGE, (to - from) * PAGE);
      }
    }

    void check() {
      for (FollowedTable place : places) {
        for (int page = 0; page < PAGES; page++) {
          assertEquals(expected(page), translate(place, page), "page " + page);
        }
        for (LeafCursor leaf = place.table().leaves(); leaf.advance(); ) {
          long gpa = leaf.iova() >= AGAIN ? leaf.iova() - AGAIN : leaf.iova();
          assertEquals(leaf.sizeLog2() >= 21, bitmap.isLarge(gpa), "the leaf at " + leaf.iova());
        }
      }
      rmp.checkBitmap(bitmap);
    }

    @Override
    public void close() {
      follower.close();
      spaces.forEach(IoAddressSpace::close);
      tables.forEach(HardwarePageTable::close);
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
        guest.check();
        for (int step = 0; step < 60; step++) {
          int length =
              random.nextInt(4) == 0 ? 512 * (1 + random.nextInt(2)) : 1 << random.nextInt(9);
          int from = random.nextInt(PAGES - length + 1) / length * length;
          guest.change(random.nextBoolean(), from, from + length);
          if (isLazy && step % 10 == 0) {
            var _ = guest.follower.mergeQuiet(5);
          }
          guest.check();
        }
        assertTrue(guest.lookedAtFlushes > 40);
      }
    }
  }

  @Test
  void aRegionWhosePrivatePagesAreScatteredGetsNoLargeEntry() {
    try (Guest guest = new Guest(Order.TABLE_FIRST, false)) {
      guest.change(true, 512, 1536);
      guest.scattered.set(1);
      guest.change(false, 512, 1536);
      guest.check();
      assertFalse(guest.bitmap.isLarge(REGION));
      assertTrue(guest.bitmap.isLarge(2 * REGION));
      guest.change(true, 600, 601);
      guest.change(false, 600, 601);
      assertFalse(guest.bitmap.isLarge(REGION));
    }
  }

  @Test
  void aFlushOrABackingThatFailsIsCalledAgainAndNothingIsDoneTwice() {
    try (Guest guest = new Guest(Order.TABLE_FIRST, false)) {
      guest.change(true, 100, 200);
      for (int missing = 0; missing < 4; missing++) {
        guest.isBroken = missing == 0;
        guest.missing = missing;
        assertThrows(RuntimeException.class, () -> guest.call(false, 90, 150));
        assertTrue(guest.follower.isUnfinished());
        guest.change(false, 90, 150);
        guest.check();
        guest.change(true, 100, 150);
        guest.check();
      }
    }
  }

  @Test
  void aFollowerIsClosedInTheMiddleOfACall() {
    try (Guest guest = new Guest(Order.RMP_FIRST, false)) {
      guest.isBroken = true;
      assertThrows(IllegalStateException.class, () -> guest.call(true, 100, 101));
      assertTrue(guest.follower.isUnfinished());
      guest.follower.close();
      for (IoAddressSpace space : guest.spaces) {
        space.setGranularity(AGAIN, REGION, 12); // nobody has the range any longer
      }
    }
  }

  @Test
  void aFollowerNeedsMemory() {
    try (RmpBitmap bitmap = new RmpBitmap(GUEST)) {
      List<FollowedMemory> none = List.of();
      assertThrows(
          IllegalArgumentException.class,
          () -> new RmpFollower(none, bitmap, new FakeRmp(GUEST), Order.ATOMIC, false));
    }
  }
}
