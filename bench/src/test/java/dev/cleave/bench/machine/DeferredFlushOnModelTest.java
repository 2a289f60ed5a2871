package dev.cleave.bench.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.machine.DeferredMachine.Stage;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import dev.cleave.hwmodel.iommu.IommuConfig;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A device whose directories are cached sees what {@code map} has returned, whatever is owed. */
@Tag("slow")
class DeferredFlushOnModelTest {
  private static final long PAGE = 4096;
  private static final long REGION = 1L << 21;
  private static final long GIB = 1L << 30;
  private static final long PADDR = 3L << 33;
  private static final long OTHER = 5L << 33;

  private static DeferredMachine machine(Stage stage) {
    PageTableConfig config =
        stage == Stage.HOST ? PageTableConfig.of(AmdV1.LINUX) : DeferredMachine.guestConfig();
    return new DeferredMachine(stage, config, DeferredMachine.directoriesOnly());
  }

  @ParameterizedTest
  @EnumSource
  void anotherPageOfTheGibIsSeenWhileTheFlushOfTheFirstIsOutstanding(Stage stage) {
    try (DeferredMachine machine = machine(stage)) {
      IotlbGather gather = machine.table.newGather();
      machine.table.map(0x6240_0000L, PADDR, PAGE, Access.READ_WRITE);
      assertEquals(PADDR, machine.access(0, 0x6240_0000L, false));
      var _ = machine.table.unmap(0x6240_0000L, PAGE, gather);

      machine.table.map(0x7FF0_0000L, OTHER, PAGE, Access.READ_WRITE);

      assertEquals(OTHER, machine.access(0, 0x7FF0_0000L, false));
      assertTrue(machine.directoryHits() > 0, "the device came through what it remembered");
      machine.table.map(GIB, GIB + PADDR, 0x7FF0_0000L - GIB, Access.READ_WRITE);
      machine.table.map(0x7FF0_1000L, 0x7FF0_1000L + PADDR, 0xFF000, Access.READ_WRITE);
      for (long iova = GIB; iova < 2 * GIB; iova += PAGE) {
        long paddr = iova == 0x7FF0_0000L ? OTHER : iova + PADDR;
        assertEquals(paddr, machine.access(0, iova, true), Long.toHexString(iova));
      }
      machine.settle(gather);
      for (long iova = GIB; iova < 2 * GIB; iova += PAGE) {
        long paddr = iova == 0x7FF0_0000L ? OTHER : iova + PADDR;
        assertEquals(paddr, machine.access(0, iova, true), Long.toHexString(iova));
      }
    }
  }

  static Stream<Arguments> levels() {
    return Stream.of(
            IntStream.rangeClosed(1, 5).mapToObj(level -> Arguments.of(Stage.HOST, 6, level)),
            IntStream.rangeClosed(1, 4).mapToObj(level -> Arguments.of(Stage.GUEST, 5, level)),
            IntStream.rangeClosed(1, 4).mapToObj(level -> Arguments.of(Stage.NESTED, 5, level)))
        .flatMap(one -> one);
  }

  private static DeferredMachine machine(Stage stage, int levels) {
    PageTableConfig config = PageTableConfig.of(stage == Stage.HOST ? AmdV1.LINUX : X86.LINUX);
    return new DeferredMachine(stage, config.withLevels(levels), DeferredMachine.directoriesOnly());
  }

  @ParameterizedTest
  @MethodSource("levels")
  void aTableOfEveryLevelThatEmptiedIsUsedAgain(Stage stage, int levels, int level) {
    try (DeferredMachine machine = machine(stage, levels)) {
      IotlbGather gather = machine.table.newGather();
      long first = GIB;
      long near = first | 511L << (12 + 9 * (level - 1)); // of the same table of the level
      machine.table.map(first, PADDR, PAGE, Access.READ_WRITE);
      assertEquals(PADDR, machine.access(1, first, true));
      long bytes = machine.tableBytes();
      var _ = machine.table.unmap(first, PAGE, gather);
      assertEquals(levels - 1, gather.tablePages());

      machine.table.map(near, OTHER, PAGE, Access.READ_WRITE);

      assertEquals(OTHER, machine.access(1, near, true));
      assertEquals(level - 1, gather.tablePages(), "what is on the way was taken back");
      machine.settle(gather);
      assertEquals(OTHER, machine.access(1, near, true));
      assertEquals(DeferredMachine.FAULT, machine.access(1, first, false));
      assertEquals(bytes, machine.tableBytes());
    }
  }

  static Stream<Arguments> largeLeaves() {
    return Stream.of(Stage.values())
        .flatMap(stage -> Stream.of(REGION, GIB).map(bytes -> Arguments.of(stage, bytes)));
  }

  @ParameterizedTest
  @MethodSource("largeLeaves")
  void aLargeLeafOverEmptiedTablesIsSeenInAllItsPages(Stage stage, long bytes) {
    try (DeferredMachine machine = machine(stage)) {
      IotlbGather gather = machine.table.newGather();
      for (long iova = 2 * GIB; iova < 2 * GIB + bytes; iova += bytes / 4) {
        machine.table.map(iova, PADDR, PAGE, Access.READ_WRITE);
        assertEquals(PADDR, machine.access(0, iova, true));
        var _ = machine.table.unmap(iova, PAGE, gather);
      }

      machine.table.map(2 * GIB, OTHER, bytes, Access.READ_WRITE);

      assertEquals(1, count(machine, 2 * GIB, bytes), "leaves");
      for (long offset = 0; offset < bytes; offset += PAGE) {
        assertEquals(OTHER + offset, machine.access(0, 2 * GIB + offset, true));
      }
      machine.settle(gather);
      for (long offset = 0; offset < bytes; offset += PAGE) {
        assertEquals(OTHER + offset, machine.access(0, 2 * GIB + offset, true));
      }
    }
  }

  private static int count(DeferredMachine machine, long iova, long bytes) {
    int leaves = 0;
    for (var cursor = machine.table.leaves().over(iova, iova + bytes - 1); cursor.advance(); ) {
      leaves++;
    }
    return leaves;
  }

  @ParameterizedTest
  @EnumSource
  void aLeafThatAShadowStandsForGoesWithItsFlush(Stage stage) {
    try (DeferredMachine machine = machine(stage)) {
      IotlbGather early = machine.table.newGather();
      IotlbGather late = machine.table.newGather();
      machine.table.map(0, PADDR, PAGE, Access.READ_WRITE);
      assertEquals(PADDR, machine.access(0, 0, true));
      var _ = machine.table.unmap(0, PAGE, early);
      machine.table.map(0, OTHER, REGION, Access.READ_WRITE);
      assertEquals(OTHER + PAGE, machine.access(0, PAGE, true));
      var _ = machine.table.unmap(0, REGION, late);

      machine.settle(early);
      machine.settle(late);

      assertEquals(DeferredMachine.FAULT, machine.access(0, 0, true));
      assertEquals(DeferredMachine.FAULT, machine.access(0, PAGE, true));
    }
  }

  @Test
  void anOldRootShowsAllInItsReachBeforeAndAfterGrowthUntilItIsExchanged() {
    PageTableConfig config = PageTableConfig.of(AmdV1.LINUX).withLevels(1);
    try (DeferredMachine machine =
        new DeferredMachine(Stage.HOST, config, DeferredMachine.directoriesOnly())) {
      IotlbGather gather = machine.table.newGather();
      machine.table.map(0x5000, PADDR, PAGE, Access.READ_WRITE);
      assertEquals(PADDR, machine.access(0, 0x5000, true));
      var _ = machine.table.unmap(0x5000, PAGE, gather);
      assertFalse(machine.table.isTopHeld());

      machine.table.map(GIB, OTHER, PAGE, Access.READ_WRITE);
      assertTrue(machine.table.isTopHeld());
      machine.table.map(0x6000, PADDR + PAGE, PAGE, Access.READ_WRITE);
      assertEquals(PADDR + PAGE, machine.access(0, 0x6000, true), "by the old root");
      machine.attach(1);
      machine.table.map(5L << 39, OTHER, PAGE, Access.READ_WRITE);
      assertEquals(PADDR + PAGE, machine.access(0, 0x6000, true), "after it grew again");
      assertEquals(PADDR + PAGE, machine.access(1, 0x6000, true), "by the root between");
      assertEquals(OTHER, machine.access(1, GIB, true));
      var _ = machine.table.unmap(0x6000, PAGE, gather);
      machine.settle(gather);
      assertEquals(DeferredMachine.FAULT, machine.access(0, 0x6000, true));
      machine.table.map(0, PADDR, REGION, Access.READ_WRITE);
      for (long iova = 0; iova < REGION; iova += PAGE) {
        assertEquals(PADDR + iova, machine.access(0, iova, true), "by the old root");
        assertEquals(PADDR + iova, machine.access(1, iova, true), "by the root between");
      }

      var _ = machine.table.unmap(0, REGION, gather);
      machine.settle(gather);
      long bytes = machine.tableBytes();
      long top = machine.table.top();
      machine.attach(0);
      machine.attach(1);
      machine.table.topExchanged(top, gather);
      assertFalse(machine.table.isTopHeld());
      machine.table.map(0x7000, PADDR, PAGE, Access.READ_WRITE);
      assertEquals(PADDR, machine.access(0, 0x7000, true));
      var _ = machine.table.unmap(0x7000, PAGE, gather);
      machine.settle(gather);
      assertEquals(bytes - 2 * PAGE, machine.tableBytes(), "the tops of one and two levels");
      assertEquals(OTHER, machine.access(0, GIB, true));
      assertEquals(OTHER, machine.access(1, 5L << 39, true));
    }
  }

  @Test
  void aRangeThatFillsAnEmptyHeldTopIsMappedInIt() {
    PageTableConfig config = PageTableConfig.of(AmdV1.LINUX).withLevels(2);
    try (DeferredMachine machine =
        new DeferredMachine(Stage.HOST, config, DeferredMachine.directoriesOnly())) {
      machine.table.map(GIB, OTHER, PAGE, Access.READ_WRITE);
      assertTrue(machine.table.isTopHeld());

      machine.table.map(0, PADDR, GIB, Access.READ_WRITE);

      for (long iova = 0; iova < GIB; iova += PAGE) {
        assertEquals(PADDR + iova, machine.access(0, iova, true), "by the old root");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void aRangeThatFillsTheTopIsMappedInIt(int levels) {
    PageTableConfig config = PageTableConfig.of(AmdV1.LINUX).withLevels(levels);
    try (DeferredMachine machine =
        new DeferredMachine(Stage.HOST, config, DeferredMachine.directoriesOnly())) {
      long bytes = 1L << (12 + 9 * levels);

      machine.table.map(0, bytes, bytes, Access.READ_WRITE);

      assertEquals(bytes, machine.access(0, 0, true));
      assertEquals(2 * bytes - PAGE, machine.access(0, bytes - PAGE, true));
      assertEquals(levels, machine.table.levels());
    }
  }

  @ParameterizedTest
  @EnumSource
  void mergedTablesThatWaitAreNeverSeenAsAHole(Stage stage) {
    try (DeferredMachine machine = machine(stage)) {
      IotlbGather merge = machine.table.newGather();
      IotlbGather split = machine.table.newGather();
      IotlbGather unmap = machine.table.newGather();
      IotlbGather again = machine.table.newGather();
      machine.table.map(GIB, GIB, REGION, Access.READ_WRITE, SizeRule.atMost(12));
      checkRegion(machine, GIB);
      var _ = machine.table.merge(GIB, REGION, 21, merge);
      checkRegion(machine, GIB);
      var _ = machine.table.split(GIB, REGION, 12, split);
      checkRegion(machine, GIB);
      var _ = machine.table.merge(GIB, REGION, 21, again);
      checkRegion(machine, GIB);
      long ofMerge = machine.issue(merge);
      long ofSplit = machine.issue(split);
      long ofAgain = machine.issue(again);
      machine.process();
      var _ = machine.table.unmap(GIB, REGION, unmap);
      machine.table.map(GIB, OTHER, REGION, Access.READ_WRITE, SizeRule.atMost(12));
      assertTrue(machine.hasCompleted(ofMerge) && machine.hasCompleted(ofSplit));
      checkRegion(machine, OTHER);
      again.complete(); // late, and not in the order of the flushes
      checkRegion(machine, OTHER);
      assertTrue(machine.hasCompleted(ofAgain));
      merge.complete();
      checkRegion(machine, OTHER);
      split.complete();
      checkRegion(machine, OTHER);
      machine.settle(unmap);
      checkRegion(machine, OTHER);
    }
  }

  private static void checkRegion(DeferredMachine machine, long paddr) {
    for (long offset = 0; offset < REGION; offset += PAGE) {
      for (int device = 0; device < DeferredMachine.DEVICES; device++) {
        assertEquals(paddr + offset, machine.access(device, GIB + offset, true));
      }
    }
  }

  record Place(String name, Stage stage, PageTableConfig config, long base, boolean isDense) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Place> places() {
    PageTableConfig v1 = PageTableConfig.of(AmdV1.LINUX);
    PageTableConfig guest = DeferredMachine.guestConfig();
    long border = 512 * GIB - GIB;
    return Stream.of(
        new Place("v1", Stage.HOST, v1, 0, false),
        new Place("v1 that grows from one level", Stage.HOST, v1.withLevels(1), 0, false),
        new Place("v1 that grows over 2^39", Stage.HOST, v1, border, false),
        new Place("v1, each page", Stage.HOST, v1, border, true),
        new Place("guest", Stage.GUEST, guest, border, false),
        new Place("nested guest", Stage.NESTED, guest, border, false),
        new Place("nested guest, each page", Stage.NESTED, guest, 0, true));
  }

  @ParameterizedTest
  @MethodSource("places")
  void atRandomAMappedPageIsNeverAHole(Place place) {
    for (int seed = 1; seed <= 4; seed++) {
      IommuConfig hardware =
          seed % 2 == 0 ? IommuConfig.standard() : DeferredMachine.directoriesOnly();
      try {
        DeferredMachineRun run =
            new DeferredMachineRun(
                place.stage, place.config, hardware, place.base, place.isDense, seed);
        run.run(place.isDense ? 300 : 1000);
        run.end();
        run.close(); // not after a failure: the table may be locked
      } catch (AssertionError | RuntimeException e) {
        throw new AssertionError("seed " + seed + ", " + place, e);
      }
    }
  }
}
