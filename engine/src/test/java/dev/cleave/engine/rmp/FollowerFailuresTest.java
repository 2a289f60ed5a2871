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
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.ioas.HardwarePageTable;
import dev.cleave.engine.ioas.IoAddressSpace;
import dev.cleave.engine.rmp.RmpFollower.Order;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Each call that a follower makes throws once, and is asked for again: nothing lost or repeated.
 */
@Tag("slow")
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FollowerFailuresTest {
  private static final long GUEST = 4 * REGION;
  private static final int STEPS = 30;
  private static final int NEVER = Integer.MAX_VALUE;
  private static final long PRIVATE = 1L << 40;
  private static final long SHARED = 1L << 41;

  /** What the failing call throws. */
  private static final class Failed extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  /** How a guest is followed: in tables, or in an address space. */
  record Setup(Order order, boolean isLazy, boolean isMoved, int tables, boolean isSpace) {
    Setup(Order order, boolean isLazy, boolean isMoved, int tables) {
      this(order, isLazy, isMoved, tables, false);
    }
  }

  static Stream<Arguments> setups() {
    List<Arguments> setups = new ArrayList<>();
    for (Order order : Order.values()) {
      for (boolean isLazy : new boolean[] {false, true}) {
        setups.add(Arguments.of(new Setup(order, isLazy, false, 1)));
        setups.add(Arguments.of(new Setup(order, isLazy, false, 2)));
        setups.add(Arguments.of(new Setup(order, isLazy, true, 2)));
        setups.add(Arguments.of(new Setup(order, isLazy, false, 2, true)));
      }
    }
    return setups.stream();
  }

  /** A followed guest, one of whose outward calls throws before it does anything. */
  private static final class Guest implements AutoCloseable, RmpPort {
    private static final List<TableKind> KINDS = List.of(TableKind.AMD_V1, TableKind.X86_4_LEVELS);

    private final TableMemory memory = TableMemory.builder().capacityBytes(16 << 20).build();
    private final FakeRmp rmp = new FakeRmp(GUEST);
    private final List<FollowedTable> tables = new ArrayList<>();
    private final List<String> made = new ArrayList<>();
    private final RmpBitmap bitmap;
    private final RmpFollower follower;
    private final IoAddressSpace space = new IoAddressSpace();
    private final List<HardwarePageTable> spaceTables = new ArrayList<>();
    private int callsUntilFailure;
    private boolean isStalled;
    private int quiet;

    Guest(Setup setup, int callsUntilFailure) {
      bitmap = new RmpBitmap(GUEST, !setup.isMoved());
      bitmap.setLarge(0, GUEST, true);
      for (int i = 0; i < setup.tables(); i++) {
        PageTableConfig config = KINDS.get(i).config();
        if (setup.isSpace()) {
          HardwarePageTable attached = HardwarePageTable.create(memory, config, this::flush);
          spaceTables.add(attached);
          space.attach(attached);
          tables.add(new FollowedTable(attached.table(), 0));
        } else {
          PageTable table = PageTable.create(memory, config);
          table.map(0, PRIVATE, GUEST, Access.READ_WRITE, bitmap.rule());
          tables.add(new FollowedTable(table, 0, setup.isMoved() ? new Moved(table) : null));
        }
      }
      if (setup.isSpace()) {
        space.map(0, PRIVATE, GUEST, Access.READ_WRITE);
        var followed = space.follow(bitmap, 0);
        follower = new RmpFollower(followed, bitmap, this, setup.order(), setup.isLazy());
      } else {
        follower =
            new RmpFollower(tables, bitmap, this, this::flush, setup.order(), setup.isLazy());
      }
      this.callsUntilFailure = callsUntilFailure;
    }

    private void call() {
      if (--callsUntilFailure == 0) {
        throw new Failed();
      }
    }

    private void made(String what, long gpa, long length) {
      made.add("%s 0x%x 0x%x".formatted(what, gpa, length));
    }

    private void flush(PageTable table, IotlbGather gather) {
      call();
      made.add("flush " + table.format() + gather);
    }

    private final class Moved implements PageBacking {
      private final PageTable table;

      Moved(PageTable table) {
        this.table = table;
      }

      @Override
      public void map(long gpa, long length, boolean areShared, SizeRule rule) {
        call();
        made("map", gpa, length);
        table.map(gpa, gpa + (areShared ? SHARED : PRIVATE), length, Access.READ_WRITE, rule);
      }

      @Override
      public boolean isContiguous(long region) {
        call();
        return true;
      }
    }

    @Override
    public void smash(long gpa) {
      call();
      made("smash", gpa, REGION);
      rmp.smash(gpa);
    }

    @Override
    public boolean unsmash(long gpa) {
      call();
      made("unsmash", gpa, REGION);
      return rmp.unsmash(gpa);
    }

    @Override
    public void unassign(long gpa, long length) {
      call();
      made("unassign", gpa, length);
      rmp.unassign(gpa, length);
    }

    @Override
    public void assign(long gpa, long length, boolean isLarge) {
      call();
      made(isLarge ? "assign 2M" : "assign 4K", gpa, length);
      rmp.assign(gpa, length, isLarge);
    }

    @Override
    public boolean canBeLarge(long gpa, long length) {
      call();
      return rmp.canBeLarge(gpa, length);
    }

    /** Throws before, when it cannot stall DMA, or behind the change. */
    @Override
    public void stalled(Runnable change) {
      call();
      isStalled = true;
      try {
        change.run();
      } finally {
        isStalled = false;
      }
      call();
    }

    /** Runs a trace; returns how often a call was made again. */
    int run(int seed) {
      Random random = new Random(seed);
      int again = 0;
      for (int i = 0; i < STEPS; i++) {
        rmp.refused.set(random.nextInt(4), random.nextInt(3) == 0);
        int pages = (int) (GUEST / PAGE);
        boolean isWhole = random.nextInt(3) == 0;
        int count = isWhole ? 512 * (1 + random.nextInt(2)) : 1 + random.nextInt(600);
        int at = random.nextInt(pages - count + 1);
        long gpa = (isWhole ? at / 512 * 512 : at) * PAGE;
        int what = random.nextInt(5);
        again +=
            untilDone(() -> {
              switch (what) {
                case 0, 1 -> follower.share(gpa, count * PAGE);
                case 2, 3 -> follower.unshare(gpa, count * PAGE);
                default -> quiet += (int) follower.mergeQuiet(3);
              }
            });
      }
      return again;
    }

    private int untilDone(Runnable step) {
      List<String> before = state();
      int madeBefore = made.size();
      try {
        step.run();
        return 0;
      } catch (Failed e) {
        assertFalse(isStalled, "DMA is left waiting");
        if (follower.isUnfinished()) {
          assertThrows(IllegalStateException.class, () -> follower.share(0, GUEST));
        } else {
          assertEquals(before, state());
          assertEquals(madeBefore, made.size());
        }
        step.run();
        return 1;
      }
    }

    List<String> state() {
      List<String> state = new ArrayList<>(rmp.state());
      state.add(bitmap.toString());
      for (FollowedTable followed : tables) {
        LeafCursor leaf = followed.table().leaves();
        while (leaf.advance()) {
          state.add("%x %x %d".formatted(leaf.iova(), leaf.paddr(), leaf.sizeLog2()));
        }
      }
      return state;
    }

    void check() {
      rmp.checkBitmap(bitmap);
      tables.forEach(rmp::checkLeaves);
    }

    @Override
    public void close() {
      callsUntilFailure = NEVER;
      follower.close();
      space.close();
      spaceTables.forEach(HardwarePageTable::close);
      tables.forEach(followed -> followed.table().close());
      bitmap.close();
      memory.close();
    }
  }

  @ParameterizedTest
  @MethodSource("setups")
  void eachCallOfATraceFailsOnceAndTheEndIsThatOfARunWithoutFailure(Setup setup) {
    List<String> state;
    List<String> made;
    long used;
    int quiet;
    try (Guest guest = new Guest(setup, NEVER)) {
      assertEquals(0, guest.run(1));
      state = guest.state();
      made = List.copyOf(guest.made);
      used = guest.memory.usedBytes();
      quiet = guest.quiet;
    }
    for (int failing = 1; ; failing++) {
      try (Guest guest = new Guest(setup, failing)) {
        int again = guest.run(1);
        guest.check();
        assertEquals(state, guest.state(), "call " + failing);
        assertEquals(made, guest.made, "call " + failing);
        assertEquals(used, guest.memory.usedBytes(), "call " + failing);
        assertEquals(quiet, guest.quiet, "call " + failing);
        if (again == 0) {
          assertTrue(failing > STEPS, "only " + failing + " calls");
          return;
        }
      }
    }
  }

  /** What the firmware has refused is not asked for again because a later region has failed. */
  @ParameterizedTest
  @EnumSource
  void severalRegionsThatBecomeWholeAreUnsmashedOnceEach(Order order) {
    List<String> wanted = null;
    for (int failing = NEVER; failing != 0; failing = failing == NEVER ? 1 : failing + 1) {
      try (Guest guest = new Guest(new Setup(order, false, false, 2), NEVER)) {
        for (long region = 0; region < 3; region++) {
          guest.follower.share(region * REGION + PAGE, PAGE);
        }
        guest.rmp.refused.set(0);
        guest.made.clear();
        guest.callsUntilFailure = failing;
        int again = guest.untilDone(() -> guest.follower.unshare(0, 3 * REGION));
        guest.check();
        if (wanted == null) {
          wanted = List.copyOf(guest.made);
          assertEquals(3, wanted.stream().filter(call -> call.startsWith("unsmash")).count());
        }
        assertEquals(wanted, guest.made, "call " + failing);
        if (failing != NEVER && again == 0) {
          return;
        }
      }
    }
  }

  @Test
  void theFirstInstructionThatFailsWhereTheRmpComesFirstLeavesAllAsItWas() {
    try (Guest guest = new Guest(new Setup(Order.RMP_FIRST, false, false, 2), 1)) {
      List<String> before = guest.state();
      assertThrows(Failed.class, () -> guest.follower.share(PAGE, PAGE));
      assertFalse(guest.follower.isUnfinished());
      assertEquals(before, guest.state());
      guest.follower.share(2 * REGION, PAGE);
      guest.check();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"TABLE_FIRST", "ATOMIC"})
  void anotherCallThanTheUnfinishedOneIsRefusedByItsName(Order order) {
    try (Guest guest =
        new Guest(new Setup(order, false, false, 2), order == Order.ATOMIC ? 2 : 1)) {
      assertThrows(Failed.class, () -> guest.follower.share(PAGE, PAGE));
      assertTrue(guest.follower.isUnfinished());
      IllegalStateException refused =
          assertThrows(IllegalStateException.class, () -> guest.follower.unshare(PAGE, PAGE));
      assertEquals(
          "share(gpa=0x1000, bytes=0x1000) is unfinished: the same call is to be made again before"
              + " any other",
          refused.getMessage());
      assertTrue(guest.follower.toString().endsWith("unfinished share(gpa=0x1000, bytes=0x1000)]"));
      guest.follower.share(PAGE, PAGE);
      guest.follower.unshare(PAGE, PAGE);
      guest.check();
    }
  }

  @Test
  void aFlushThatFailsWhenTheFollowerIsClosedIsMadeWhenItIsClosedAgain() {
    try (Guest guest = new Guest(new Setup(Order.TABLE_FIRST, false, false, 2), 1)) {
      assertThrows(Failed.class, () -> guest.follower.share(PAGE, PAGE));
      guest.callsUntilFailure = 1;
      assertThrows(Failed.class, guest.follower::close);
      assertEquals(0, guest.made.size());
      guest.follower.close();
      assertEquals(1, guest.made.size());
      guest.follower.close();
      assertEquals(1, guest.made.size());
      assertEquals(
          "the RMP follower is closed",
          assertThrows(IllegalStateException.class, () -> guest.follower.share(PAGE, PAGE))
              .getMessage());
    }
  }

  @Test
  void aPortThatDoesNotMakeTheChangeIsFoundOut() {
    try (Guest guest = new Guest(new Setup(Order.ATOMIC, false, false, 1), NEVER)) {
      RmpPort idle =
          new RmpPort() {
            @Override
            public void smash(long gpa) {}

            @Override
            public boolean unsmash(long gpa) {
              return false;
            }

            @Override
            public void unassign(long gpa, long length) {}

            @Override
            public void assign(long gpa, long length, boolean isLarge) {}

            @Override
            public boolean canBeLarge(long gpa, long length) {
              return true;
            }

            @Override
            public void stalled(Runnable change) {}
          };
      try (RmpFollower follower =
          new RmpFollower(guest.tables, guest.bitmap, idle, (_, _) -> {}, Order.ATOMIC, false)) {
        assertThrows(IllegalStateException.class, () -> follower.share(0, PAGE));
        assertFalse(guest.bitmap.isShared(0));
      }
    }
  }

  @Test
  @SuppressWarnings("NullAway") // what a caller without such a check may do
  void aFollowerWithoutPortOrFlushIsRefusedByName() {
    try (Guest guest = new Guest(new Setup(Order.ATOMIC, false, false, 1), NEVER)) {
      var noPort =
          assertThrows(
              NullPointerException.class,
              () ->
                  new RmpFollower(
                      guest.tables, guest.bitmap, null, (_, _) -> {}, Order.ATOMIC, false));
      assertEquals("port must not be null", noPort.getMessage());
      var noFlush =
          assertThrows(
              NullPointerException.class,
              () -> new RmpFollower(guest.tables, guest.bitmap, guest, null, Order.ATOMIC, false));
      assertEquals("flush must not be null", noFlush.getMessage());
    }
  }
}
