package dev.cleave.bench.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.io.BadInput;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Small guests, migrated in every way: the destination always has what devices wrote. */
class PreCopyTest {
  private static final long MIB = 1L << 20;
  private static final long MILLI = 1_000_000;
  private static final long SIZES = 1L << 12 | 1L << 21 | 1L << 30;
  private static final GuestMemory GUEST = GuestMemory.ofSize(32 * MIB);
  private static final Load RANDOM = load(WritePattern.RANDOM, 8, 32);

  private static Load load(WritePattern pattern, long mibPerSecond, long workingMib) {
    return new Load(pattern, mibPerSecond * MIB, workingMib * MIB, 50);
  }

  private static MigrateOptions options(MergeBack mergeBack, Fault fault) {
    return new MigrateOptions(
        64 * MIB, 20 * MILLI, 30, 10_000, 20 * MILLI, mergeBack, SIZES, 7, fault);
  }

  private static MigrationResult migrate(
      GuestMemory memory, MigrateOptions options, Strategy strategy, boolean hasRmp, Load load) {
    try (PreCopy migration = new PreCopy(memory, options, strategy, hasRmp, load)) {
      return migration.run(() -> true);
    }
  }

  private static MigrationResult migrate(Strategy strategy, Load load) {
    return migrate(GUEST, options(MergeBack.END, Fault.NONE), strategy, false, load);
  }

  static Stream<Arguments> everyWay() {
    List<Arguments> ways = new ArrayList<>();
    for (Strategy strategy : Strategy.values()) {
      for (WritePattern pattern : WritePattern.values()) {
        for (MergeBack merge : List.of(MergeBack.END, MergeBack.NEVER, MergeBack.cold(1))) {
          for (boolean hasRmp : new boolean[] {false, true}) {
            ways.add(Arguments.of(strategy, pattern, merge, hasRmp));
          }
        }
      }
    }
    return ways.stream();
  }

  @ParameterizedTest
  @MethodSource("everyWay")
  void no_page_is_lost_nothing_is_refused_and_every_read_reports_what_was_written(
      Strategy strategy, WritePattern pattern, MergeBack merge, boolean hasRmp) {
    Load load = load(pattern, 8, pattern == WritePattern.RING ? 4 : 32);

    MigrationResult result = migrate(GUEST, options(merge, Fault.NONE), strategy, hasRmp, load);

    assertEquals(0, result.lostPages(), () -> result.lost().toString());
    assertNull(result.firstRefusal());
    for (Pass pass : result.passes()) {
      assertEquals(0, pass.missedPages(), pass::toString);
      assertTrue(pass.reportedPages() >= pass.stalePages(), pass::toString);
      assertTrue(pass.number() == 0 || pass.endNanos() >= pass.startNanos(), pass::toString);
    }
    assertEquals(strategy.isLive(), result.hasTracking());
    assertEquals(
        result.sentPages() - 32 * MIB / 4096, result.reportedPages(), "all that is sent again");
    assertTrue(!result.hasConverged() || !strategy.isLive() || result.downtimeNanos() < 22 * MILLI);
    boolean isAllMerged = merge.isAtEnd() && result.after().accesses() > 0;
    assertTrue(!isAllMerged || result.end().merges() > 0 || splits(result) == merges(result));
  }

  private static long splits(MigrationResult result) {
    return MigrationColumn.SPLITS.of(result).longValue();
  }

  private static long merges(MigrationResult result) {
    return MigrationColumn.MERGES.of(result).longValue();
  }

  /** What differs from run to run is left out. */
  private static List<Object> reproducible(MigrationResult result) {
    List<Object> all = new ArrayList<>();
    for (MigrationColumn column : MigrationColumn.values()) {
      if (!column.isMeasured()) {
        all.add(column + "=" + column.of(result));
      }
    }
    for (Pass pass : result.passes()) {
      all.add(pass.toString().replaceAll("engineNanos=.*", ""));
    }
    return all;
  }

  @ParameterizedTest
  @EnumSource
  void the_same_seed_brings_the_same_result_and_another_seed_another(Strategy strategy) {
    MigrateOptions options = options(MergeBack.cold(2), Fault.NONE);
    MigrateOptions other =
        new MigrateOptions(
            64 * MIB, 20 * MILLI, 30, 10_000, 20 * MILLI, MergeBack.cold(2), SIZES, 8, Fault.NONE);
    List<Object> first = reproducible(migrate(GUEST, options, strategy, true, RANDOM));
    assertEquals(first, reproducible(migrate(GUEST, options, strategy, true, RANDOM)));
    assertFalse(first.equals(reproducible(migrate(GUEST, other, strategy, true, RANDOM))));
  }

  @Test
  void without_tracking_everything_is_sent_once_while_devices_stand_still() {
    MigrationResult result = migrate(Strategy.STOP_AND_COPY, RANDOM);
    assertEquals(32 * MIB / 4096, result.sentPages());
    assertEquals(500 * MILLI, result.downtimeNanos(), "32 MiB at 64 MiB a second");
    assertEquals(0, result.liveNanos());
    assertEquals(1, result.sendingPasses());
    assertNull(result.overReporting());
    assertNull(result.during().hitRate());
    assertEquals(61, result.before().accesses(), "41 pages in 20 ms, and half as many reads");
    assertEquals(
        61.0, (double) result.after().accesses(), 1, "what was not written meanwhile never is");
  }

  @Test
  void leaves_as_they_are_report_all_of_a_region_for_a_page_and_never_converge() {
    MigrationResult result = migrate(Strategy.AS_THEY_ARE, RANDOM);
    assertFalse(result.hasConverged());
    assertEquals(0, splits(result));
    assertEquals(5, result.sendingPasses(), "the first, three that get no better, the last");
    assertEquals(5 * 32 * MIB / 4096, result.sentPages());
    assertTrue(result.overReporting() > 2, () -> "over " + result.overReporting());
  }

  @ParameterizedTest
  @EnumSource
  void pages_of_4_kib_report_exactly_what_was_written(WritePattern pattern) {
    MigrationResult result =
        migrate(Strategy.SPLIT_ALL, load(pattern, 8, pattern == WritePattern.RING ? 4 : 32));
    assertTrue(result.hasConverged());
    assertEquals(1, result.overReporting(), 0.003); // written in the windows of flushes
    assertEquals(16, splits(result));
    assertEquals(16, merges(result));
    assertTrue(result.overSending() >= result.overReporting());
  }

  @Test
  void what_is_written_once_is_split_after_the_first_pass_and_after_the_second_if_twice() {
    Load ring = load(WritePattern.RING, 32, 4);
    MigrationResult once = migrate(Strategy.SPLIT_WRITTEN, ring);
    MigrationResult twice = migrate(Strategy.SPLIT_TWICE, ring);
    assertEquals(List.of(0L, 2L), splitsOf(once).subList(0, 2));
    assertEquals(List.of(0L, 0L, 2L), splitsOf(twice).subList(0, 3));
    assertTrue(once.sentPages() < twice.sentPages());
    assertTrue(once.tableBytesPeak() < migrate(Strategy.SPLIT_ALL, ring).tableBytesPeak());
  }

  private static List<Long> splitsOf(MigrationResult result) {
    return result.passes().stream().map(Pass::splits).toList();
  }

  @Test
  void an_rmp_that_changes_with_a_leaf_makes_devices_wait_and_refuses_nothing() {
    MigrateOptions options = options(MergeBack.cold(1), Fault.NONE);
    MigrationResult result =
        migrate(GUEST, options, Strategy.SPLIT_WRITTEN, true, load(WritePattern.RING, 8, 4));
    assertTrue(result.stallNanos() > 0);
    assertEquals(0, result.refused());
  }

  @Test
  void regions_that_grow_cold_are_merged_before_the_end() {
    MigrationResult result =
        migrate(
            GUEST,
            options(MergeBack.cold(1), Fault.NONE),
            Strategy.SPLIT_ALL,
            false,
            load(WritePattern.RING, 8, 4));
    assertEquals(14, result.passes().get(1).merges(), "all but the ring's two regions");
    assertEquals(2, result.end().merges());
  }

  @Test
  void pages_that_the_guest_has_shared_are_written_by_requests_that_are_not_trusted() {
    GuestMemory memory =
        new GuestMemory(
            GUEST.extents(),
            List.of(Extent.of(3 * MIB, MIB / 2, 0, 0), Extent.of(0, 4096, 0, 0)),
            0);
    for (Strategy strategy : Strategy.values()) {
      MigrationResult result =
          migrate(memory, options(MergeBack.cold(1), Fault.NONE), strategy, true, RANDOM);
      assertNull(result.firstRefusal(), strategy.word());
      assertEquals(0, result.lostPages(), strategy.word());
    }
  }

  @Test
  void memory_behind_two_iovas_is_migrated_once_and_refused_with_an_rmp() {
    Extent low = Extent.of(0, 8 * MIB, 64 * MIB, Access.READ_WRITE);
    Extent high = Extent.of(32 * MIB, 4 * MIB, 66 * MIB, Access.READ_WRITE);
    GuestMemory memory = new GuestMemory(List.of(low, high), List.of(), 0);
    MigrateOptions options = options(MergeBack.END, Fault.NONE);
    MigrationResult result = migrate(memory, options, Strategy.SPLIT_ALL, false, RANDOM);
    assertTrue(result.isExact());
    assertEquals(8 * MIB / 4096, result.passes().get(1).sentPages());
    String refusal =
        assertThrows(
                BadInput.class, () -> migrate(memory, options, Strategy.SPLIT_ALL, true, RANDOM))
            .getMessage();
    assertTrue(refusal.contains("iova 0x2000000 leads to one that another iova"), refusal);
  }

  @Test
  void pieces_that_begin_and_end_anywhere_are_split_and_merged_within_themselves() {
    List<Extent> pieces =
        List.of(
            Extent.of(0x3000, 5 * MIB, 0x10003000, Access.READ_WRITE),
            Extent.of(0x900000, 0x41000, 0x30000000, Access.READ),
            Extent.of(0x941000, 3 * MIB + 0x7000, 0x20005000, Access.READ_WRITE));
    for (boolean hasRmp : new boolean[] {false, true}) {
      for (Strategy strategy : Strategy.values()) {
        MigrationResult result =
            migrate(
                new GuestMemory(pieces, List.of(), 0),
                options(MergeBack.cold(1), Fault.NONE),
                strategy,
                hasRmp,
                RANDOM);
        assertTrue(result.isExact(), result.toString());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1L << 12, 1L << 12 | 1L << 30, 1L << 12 | 1L << 16 | 1L << 21, -1})
  void whatever_leaf_sizes_a_table_has_no_access_is_refused(long sizes) {
    GuestMemory memory = GuestMemory.ofSize(1L << 30);
    MigrateOptions options =
        new MigrateOptions(
            1L << 30,
            20 * MILLI,
            30,
            10_000,
            20 * MILLI,
            MergeBack.cold(1),
            sizes & AmdV1.LINUX.leafSizes(),
            7,
            Fault.NONE);
    Load bursts = new Load(WritePattern.BURSTS, 64 * MIB, 1L << 30, 10);
    for (boolean hasRmp : new boolean[] {false, true}) {
      for (Strategy strategy : Strategy.values()) {
        MigrationResult result = migrate(memory, options, strategy, hasRmp, bursts);
        assertNull(result.firstRefusal(), result.name());
        assertEquals(0, result.lostPages(), result.name());
      }
    }
  }

  private static MigrationResult broken(Fault fault, Strategy strategy) {
    if (fault != Fault.LATE_BITS) {
      return migrate(
          GUEST, options(MergeBack.END, fault), strategy, false, load(WritePattern.RING, 8, 4));
    }
    // many writes fall between a merge and its flush, to where reads have cached the directories
    MigrateOptions options =
        new MigrateOptions(64 * MIB, 0, 100, MILLI, 10 * MILLI, MergeBack.cold(1), SIZES, 1, fault);
    return migrate(
        GuestMemory.ofSize(64 * MIB),
        options,
        strategy,
        false,
        new Load(WritePattern.RANDOM, MIB, 64 * MIB, 400));
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void broken_tracking_loses_pages_and_tells_which_and_when(Fault fault) {
    MigrationResult result = broken(fault, Strategy.SPLIT_ALL);
    assertTrue(result.lostPages() > 0);
    assertFalse(result.isExact());
    assertEquals(Math.min(10, result.lostPages()), result.lost().size());
    assertTrue(result.passes().stream().anyMatch(pass -> pass.missedPages() > 0));
    assertEquals(
        fault != Fault.CLEAR_BEFORE_READ,
        result.lost().stream().anyMatch(page -> page.sentInPass() > 1),
        "only the first pass sends without having read");
    long last = -1;
    for (LostPage page : result.lost()) {
      assertTrue(page.iova() > last, "in the order of memory");
      last = page.iova();
      assertTrue(page.writtenNanos() > 0 && page.writtenNanos() <= result.liveNanos());
      Pass written = result.passes().get(page.writtenInPass());
      assertTrue(
          page.writtenNanos() >= written.startNanos() && page.writtenNanos() <= written.endNanos(),
          page + " in " + written);
      assertTrue(page.sentInPass() >= 1 && page.sentInPass() <= page.writtenInPass());
    }
  }

  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"STOP_AND_COPY", "SPLIT_ALL"})
  void every_strategy_loses_pages_without_flushes(Strategy strategy) {
    assertTrue(broken(Fault.NO_FLUSH, strategy).lostPages() > 0);
  }

  @Test
  void the_same_with_late_bits_loses_nothing() {
    assertTrue(broken(Fault.NONE, Strategy.SPLIT_ALL).isExact());
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void devices_are_stopped_after_the_most_passes(int most) {
    MigrateOptions options =
        new MigrateOptions(64 * MIB, 0, most, 1000, 0, MergeBack.END, SIZES, 7, Fault.NONE);
    MigrationResult result = migrate(GUEST, options, Strategy.SPLIT_ALL, false, RANDOM);
    assertEquals(most, result.sendingPasses());
    assertFalse(result.hasConverged());
    assertTrue(result.isExact());
  }

  @Test
  void who_says_that_it_must_end_gets_a_whole_destination() {
    try (PreCopy migration =
        new PreCopy(GUEST, options(MergeBack.END, Fault.NONE), Strategy.SPLIT_ALL, false, RANDOM)) {
      MigrationResult result = migration.run(() -> false);
      assertEquals(2, result.sendingPasses());
      assertTrue(result.isExact());
    }
  }

  @Test
  void columns_have_a_name_each() {
    List<String> words =
        Arrays.stream(MigrationColumn.values()).map(MigrationColumn::word).toList();
    assertEquals(words.size(), words.stream().distinct().count());
  }
}
