package dev.cleave.engine.rmp;

import static dev.cleave.engine.rmp.FakeRmp.PAGE;
import static dev.cleave.engine.rmp.FakeRmp.REGION;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import dev.cleave.engine.ioas.HardwarePageTable;
import dev.cleave.engine.ioas.IoAddressSpace;
import dev.cleave.engine.memory.TablePages;
import dev.cleave.engine.rmp.RmpFollower.Order;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A follower that drives an address space: all its tables are in step with the RMP. */
class FollowedSpaceTest {
  private static final long PADDR = 1L << 40;
  private static final long GUEST = 16 * REGION;
  private static final long GUEST_IOVA = 1L << 30;

  /** As the specification has it, not as the engine does. */
  private static final long DIRECTORY_TO_LEVEL_1 = 0x6000_0000_0000_0201L;

  private final TablePages pages = TablePages.reserve(64L << 20, 64L << 20, 1L << 32, false);
  private final TableMemory memory = TableMemory.of(pages);
  private final IoAddressSpace space = new IoAddressSpace();
  private final List<HardwarePageTable> tables = new ArrayList<>();
  private final RmpBitmap bitmap = new RmpBitmap(GUEST);
  private final FakeRmp rmp = new FakeRmp(GUEST);
  private boolean isBroken;

  FollowedSpaceTest() {
    bitmap.setLarge(0, GUEST, true);
    space.map(GUEST_IOVA, PADDR, GUEST, Access.READ_WRITE);
    attach(PageTableConfig.of(AmdV1.LINUX));
    attach(PageTableConfig.of(X86.LINUX));
  }

  private void attach(PageTableConfig config) {
    HardwarePageTable table = HardwarePageTable.create(memory, config, (_, _) -> flush());
    tables.add(table);
    space.attach(table);
  }

  private void flush() {
    if (isBroken) {
      isBroken = false;
      throw new IllegalStateException("the flush failed");
    }
    rmp.calls.add("flush");
  }

  private RmpFollower follower(Order order, boolean isLazy) {
    return new RmpFollower(space.follow(bitmap, GUEST_IOVA), bitmap, rmp, order, isLazy);
  }

  private void check() {
    for (HardwarePageTable table : tables) {
      rmp.checkLeaves(new FollowedTable(table.table(), GUEST_IOVA));
    }
    rmp.checkBitmap(bitmap);
  }

  @AfterEach
  void close() {
    space.close();
    tables.forEach(HardwarePageTable::close);
    bitmap.close();
    memory.close();
  }

  @ParameterizedTest
  @EnumSource
  void sharedAndUnsharedPagesLeaveOnlyLegalLeaves(Order order) {
    Random random = new Random(order.name().length());
    try (RmpFollower follower = follower(order, false)) {
      for (int i = 0; i < 1500; i++) {
        if (i == 700) {
          attach(PageTableConfig.of(AmdV1.LINUX).withLargestLeaf(21));
        }
        long page = random.nextInt((int) (GUEST / PAGE)) * PAGE;
        long most = random.nextInt(3) == 0 ? GUEST - page : Math.min(8 * PAGE, GUEST - page);
        long bytes = (1 + random.nextInt((int) (most / PAGE))) * PAGE;
        if (random.nextBoolean()) {
          follower.share(page, bytes);
        } else {
          follower.unshare(page, bytes);
        }
        check();
      }
      follower.unshare(0, GUEST);
      check();
      assertTrue(bitmap.mixedRegions() == 0, "every region is whole again");
    }
  }

  @Test
  void everyTableIsFlushedBeforeTheRmpChangesOnce() {
    try (RmpFollower follower = follower(Order.TABLE_FIRST, true)) {
      rmp.calls.clear();
      follower.share(REGION + PAGE, PAGE);
      assertEquals(List.of("flush", "flush", "smash", "unassign"), rmp.calls);
    }
  }

  @Test
  void aLazyFollowerMergesWhatHasBeenQuiet() {
    try (RmpFollower follower = follower(Order.TABLE_FIRST, true)) {
      follower.share(REGION + PAGE, PAGE);
      follower.unshare(REGION + PAGE, PAGE);
      check();
      assertTrue(follower.mergeQuiet(0) > 0);
      check();
      assertTrue(bitmap.isLarge(REGION));
    }
  }

  @Test
  void aRegionThatIsKeptInSmallLeavesGetsNoLargeEntry() {
    try (RmpFollower follower = follower(Order.TABLE_FIRST, false)) {
      follower.share(REGION, PAGE);
      space.setGranularity(GUEST_IOVA + REGION, REGION, 12);
      follower.unshare(REGION, PAGE);
      check();
      assertTrue(!bitmap.isLarge(REGION), "leaves of 4 KiB stand there");
      space.setGranularity(GUEST_IOVA + REGION, REGION, IoAddressSpace.UNLIMITED);
      follower.share(REGION, PAGE);
      follower.unshare(REGION, PAGE);
      check();
      assertTrue(bitmap.isLarge(REGION), "it may have one again");
    }
  }

  @Test
  void aRegionInTwoAreasGetsNoLargeEntry() {
    try (RmpFollower follower = follower(Order.TABLE_FIRST, false)) {
      follower.share(REGION, PAGE);
      space.cut(GUEST_IOVA + REGION + 8 * PAGE);
      follower.unshare(REGION, PAGE);
      check();
      assertTrue(!bitmap.isLarge(REGION), "no leaf reaches over the end of an area");
    }
  }

  @ParameterizedTest
  @EnumSource
  void outOfTableMemoryLeavesBitmapTablesAndRmpAsTheyWere(Order order) {
    try (RmpFollower follower = follower(order, false)) {
      long free = (64L << 20) / PAGE - memory.usedBytes() / PAGE;
      assertTrue(pages.tryReserve(free), "all that is free");
      List<String> before = leaves();
      List<String> state = rmp.state();
      int given = 0;
      while (true) {
        try {
          follower.share(5 * REGION - PAGE, 2 * PAGE);
          break;
        } catch (PageTableException e) {
          assertEquals(PageTableException.Reason.OUT_OF_TABLE_MEMORY, e.reason());
        }
        assertEquals(before, leaves());
        assertEquals(state, rmp.state());
        rmp.checkBitmap(bitmap);
        pages.unreserve(1);
        given++;
      }
      assertEquals(4, given, "two tables of 4 KiB leaves in each of two tables");
      pages.unreserve(free - given);
      check();
    }
  }

  /** What the engine does that carries out PSMASH_IO, in the guest's memory. */
  private boolean exchange(long gpa, long slot, long table) {
    rmp.calls.add("exchange");
    rmp.smash(gpa);
    pages.storeRelease(slot, DIRECTORY_TO_LEVEL_1 | table);
    return true;
  }

  @Test
  void hardwareReplacesTheLeafOfATableThatIsAlone() {
    space.detach(tables.getLast());
    rmp.exchange = this::exchange;
    try (RmpFollower follower = follower(Order.ATOMIC, false)) {
      rmp.calls.clear();
      follower.share(REGION + PAGE, PAGE);
      assertEquals(
          List.of("flush", "exchange", "smash", "flush", "stall", "unassign", "resume"),
          rmp.calls,
          "the larger leaf is cut first");
      check();
      space.unmap(GUEST_IOVA + 4 * REGION, REGION);
      follower.share(4 * REGION + PAGE, PAGE);
      check();
    }
  }

  @Test
  void hardwareThatDeclinesOrAFlushThatFailsLeavesNobodyWaiting() {
    space.detach(tables.getLast());
    rmp.exchange = (_, _, _) -> false;
    try (RmpFollower follower = follower(Order.ATOMIC, false)) {
      follower.share(REGION + PAGE, PAGE);
      check();
      rmp.exchange = this::exchange;
      isBroken = true;
      assertThrows(IllegalStateException.class, () -> follower.share(2 * REGION + PAGE, PAGE));
      follower.share(2 * REGION + PAGE, PAGE);
      check();
      space.setGranularity(GUEST_IOVA, GUEST, 12);
    }
  }

  @Test
  void severalTablesAreNotReplacedInOneStep() {
    rmp.exchange = this::exchange;
    try (RmpFollower follower = follower(Order.ATOMIC, false)) {
      follower.share(REGION + PAGE, PAGE);
      assertTrue(!rmp.calls.contains("exchange"));
      check();
    }
  }

  @Test
  void closingTheFollowerLiftsItsRule() {
    follower(Order.TABLE_FIRST, false).close();
    bitmap.share(0, PAGE);
    space.adjust(GUEST_IOVA, GUEST);
    LeafCursor leaf = tables.getFirst().table().leaves();
    assertTrue(leaf.advance());
    assertTrue(leaf.sizeLog2() > 21, "large leaves over mixed regions");
    assertThrows(IllegalArgumentException.class, () -> space.removeRule(bitmap.rule()));
  }

  private List<String> leaves() {
    List<String> leaves = new ArrayList<>();
    for (HardwarePageTable table : tables) {
      for (LeafCursor leaf = table.table().leaves(); leaf.advance(); ) {
        leaves.add("%x %x".formatted(leaf.iova(), leaf.entry()));
      }
    }
    return leaves;
  }
}
