package dev.cleave.bench.image.table;

import static dev.cleave.bench.image.Tables.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.image.Tables;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.Geometry;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Leaves and findings of hand-made tables. */
class TableDecoderTest {
  private static final long TOP = 0x10_0000;
  private static final long MIDDLE = 0x20_0000;
  private static final long BOTTOM = 0x30_0000;

  private final Tables tables = new Tables();

  private Told decode(int levels) {
    return decode(TableRoot.of(Tables.FORMAT, TOP, levels, RW));
  }

  private Told decode(TableRoot root) {
    return Told.of(tables, root);
  }

  private void threeLevels() {
    tables.directory(TOP, 1, MIDDLE, 2).directory(MIDDLE, 2, BOTTOM, 1);
  }

  @Test
  void aSizedLeafOfEveryLegalSizeIsOneRowWithAllItsSlots() {
    for (int sizeLog2 = 12; sizeLog2 <= 51; sizeLog2++) {
      if (sizeLog2 == 39) {
        continue;
      }
      Tables one = new Tables();
      int level = Geometry.leafLevel(sizeLog2);
      int slots = 1 << Geometry.slotsLog2(sizeLog2);
      int index = level == 5 && slots == 1 ? 0 : 512 - slots;
      one.leaf(TOP, index, 0, sizeLog2);
      Told told = new Told();
      TableRoot root = TableRoot.of(Tables.FORMAT, TOP, level, RW);
      TableDecoder.decode(one.memory(), root, told);
      LeafRow row = told.leaves.getFirst();
      assertEquals(1, told.leaves.size());
      assertEquals(1L << sizeLog2, row.sizeBytes());
      assertEquals(slots, row.slots());
      assertEquals((long) index << Geometry.entryLog2(level), row.site().iova());
      assertEquals(List.of(), told.rules());
    }
  }

  @Test
  void permissionsAreThoseOfEntryDirectoriesAndLeafTogether() {
    threeLevels();
    tables.leaf(BOTTOM, 0, 0x1000, 12).leaf(BOTTOM, 2, 0x9000, 12, Access.READ);
    Told told = decode(TableRoot.of(Tables.FORMAT, TOP, 3, Access.WRITE));
    assertEquals(
        List.of("w", "-"), told.leaves.stream().map(r -> Access.permissions(r.access())).toList());
    long readOnly = AmdV1.LINUX.attributes(Access.READ) ^ AmdV1.LINUX.attributes(RW);
    tables.change(TOP, 1, entry -> entry & ~readOnly);
    assertEquals(Access.READ, decode(3).leaves.getFirst().access());
  }

  @Test
  void aStepThatSkipsLevelsIsFollowed() {
    tables.directory(TOP, 3, BOTTOM, 1).leaf(BOTTOM, 5, 0x7000, 12);
    Told told = decode(4);
    assertEquals(3L * (1L << 39) + 0x5000, told.leaves.getFirst().site().iova());
    assertEquals("skip", told.directories.getFirst().note());
    assertEquals(List.of(), told.rules());
  }

  @Test
  void levelSixHas128EntriesAndReachesTheEndOfTheAddressSpace() {
    tables.directory(TOP, 127, BOTTOM, 1).leaf(BOTTOM, 511, 0x7000, 12);
    Told told = decode(6);
    assertEquals((127L << 57) + 0x1F_F000, told.leaves.getFirst().site().iova());
    tables.directory(TOP, 128, MIDDLE, 1);
    assertEquals(List.of(Rule.UNREACHABLE_ENTRY), decode(6).rules());
  }

  @Test
  void reservedBitsAreAnErrorAndTheEntryDoesNotTranslate() {
    tables.leaf(TOP, 1, 0x1000, 12).change(TOP, 1, entry -> entry | 1L << 55);
    Told told = decode(1);
    assertEquals(Rule.RESERVED_BITS, told.only().rule());
    assertEquals(TOP, told.only().site().table());
    assertEquals(1, told.only().site().index());
    assertEquals(List.of(), told.leaves);
  }

  @Test
  void forcedCoherenceInADirectoryIsAReservedBit() {
    threeLevels();
    tables.leaf(BOTTOM, 0, 0, 12).change(MIDDLE, 2, entry -> entry | 1L << 60);
    Told told = decode(3);
    assertEquals(Rule.RESERVED_BITS, told.only().rule());
    assertEquals("reserved-bits", told.directories.get(1).note());
    assertEquals(List.of(), told.leaves);
  }

  @Test
  void aDirectoryThatDoesNotDescendIsALevelError() {
    tables.directory(TOP, 0, MIDDLE, 3).directory(TOP, 1, MIDDLE, 6);
    assertEquals(List.of(Rule.NEXT_LEVEL, Rule.NEXT_LEVEL), decode(3).rules());
  }

  @Test
  void aDirectoryToAnAncestorIsALoop() {
    threeLevels();
    tables.directory(BOTTOM, 0, BOTTOM, 1).directory(MIDDLE, 9, TOP, 1);
    Told told = decode(3);
    assertTrue(told.rules().contains(Rule.LOOP));
    assertTrue(told.findings.complete());
  }

  @Test
  void aTableReachedTwiceIsAnErrorAndItsLeavesTranslateTwice() {
    threeLevels();
    tables.directory(MIDDLE, 3, BOTTOM, 1).leaf(BOTTOM, 0, 0x5000, 12);
    Told told = decode(3);
    assertEquals(Rule.REACHED_TWICE, told.only().rule());
    assertEquals(2, told.leaves.size());
    assertEquals(3, told.summary.tables());
  }

  @Test
  void aDirectoryToNowhereIsDangling() {
    tables.set(TOP, 4, Tables.FORMAT.directory(0xDEAD_0000L, 1));
    Told told = decode(2);
    assertEquals(Rule.DANGLING, told.only().rule());
    assertEquals("dangling", told.directories.getFirst().note());
    assertTrue(told.findings.complete());
  }

  @Test
  void aRootThatIsNotThereLeavesTheTableIncomplete() {
    Told told = decode(TableRoot.of(Tables.FORMAT, 0xDEAD_0000L, 3, RW));
    assertEquals(Rule.DANGLING, told.only().rule());
    assertEquals(false, told.findings.complete());
  }

  @Test
  void replicasThatDifferAreOneErrorAndEachRunTranslatesByItself() {
    tables.leaf(TOP, 16, 0x10000, 16).leaf(TOP, 20, 0x9000, 12);
    Told told = decode(1);
    assertEquals(Rule.REPLICAS_DIFFER, told.only().rule());
    assertEquals(List.of(4, 1, 11), told.leaves.stream().map(LeafRow::slots).toList());
    assertEquals(
        List.of(0x10000L, 0x9000L, 0x15000L), told.leaves.stream().map(LeafRow::paddr).toList());
  }

  @Test
  void replicasThatDifferInDirtyAreAlike() {
    tables.leaf(TOP, 16, 0x10000, 16).change(TOP, 19, entry -> entry | Tables.FORMAT.statusMask());
    Told told = decode(1);
    assertEquals(List.of(), told.rules());
    assertEquals(16, told.leaves.getFirst().slots());
  }

  @Test
  void aSizedLeafWhoseSizeBelongsToAnotherLevelIsAnError() {
    long attributes = Tables.FORMAT.attributes(RW);
    tables.set(TOP, 0, Tables.FORMAT.leaf(0, 16, attributes));
    assertEquals(Rule.LEAF_SIZE, decode(2).only().rule());
    tables.set(TOP, 0, Tables.FORMAT.leaf(0, 51, attributes) | 7L << 49);
    assertEquals(Rule.LEAF_SIZE, decode(5).only().rule());
  }

  @Test
  void aLeafAtLevelSixIsAnError() {
    tables.set(TOP, 0, Tables.FORMAT.leaf(0, 12, Tables.FORMAT.attributes(RW)));
    assertEquals(Rule.LEAF_AT_TOP, decode(6).only().rule());
  }

  @Test
  void aLeafOf512GiBTranslatesAndIsAnError() {
    tables.set(TOP, 1, Tables.FORMAT.leaf(0, 39, Tables.FORMAT.attributes(RW)));
    Told told = decode(4);
    assertEquals(Rule.ERRATUM_512G, told.only().rule());
    assertEquals(1L << 39, told.leaves.getFirst().sizeBytes());
  }

  @Test
  void anAddressBelowTheLeafsSizeIsAWarning() {
    tables.set(TOP, 0, Tables.FORMAT.leaf(0x20_1000, 12, Tables.FORMAT.attributes(RW)));
    Told told = decode(2);
    assertEquals(Rule.UNALIGNED_ADDRESS, told.only().rule());
    assertEquals(0, told.findings.errors());
    assertEquals(0x20_0000, told.leaves.getFirst().paddr());
  }

  @Test
  void anEmptyTableIsAWarningUnlessItIsTheTop() {
    tables.page(TOP);
    assertEquals(List.of(), decode(3).rules());
    threeLevels();
    Told told = decode(3);
    assertEquals(Rule.EMPTY_TABLE, told.only().rule());
    assertEquals(BOTTOM, told.only().site().table());
    assertEquals(1, told.summary.emptyTables());
  }

  @Test
  void leavesThatCouldBeOneAreOneWarning() {
    tables.leaf(TOP, 4, 0x4000, 13).leaf(TOP, 6, 0x6000, 12).leaf(TOP, 7, 0x7000, 12);
    Finding finding = decode(1).only();
    assertEquals(Rule.MERGEABLE, finding.rule());
    assertEquals("3 leaves could be one of 16K", finding.detail());
    assertEquals(4, finding.site().index());
  }

  @Test
  void leavesThatDifferOrAreMisalignedCannotBeOne() {
    tables
        .leaf(TOP, 0, 0x1000, 12)
        .leaf(TOP, 1, 0x2000, 12)
        .leaf(TOP, 2, 0x8000, 12)
        .leaf(TOP, 3, 0x9000, 12, Access.READ)
        .leaf(TOP, 5, 0x5000, 12)
        .leaf(TOP, 6, 0x6000, 12)
        .leaf(TOP, 8, 0x8000, 12)
        .leaf(TOP, 10, 0x9000, 12);
    assertEquals(List.of(), decode(1).rules());
  }

  @Test
  void leavesOf256GiBAreMergedPastTheSizeThatIsForbidden() {
    for (int i = 0; i < 2; i++) {
      tables.leaf(MIDDLE, 256 * i, (long) i << 38, 38);
    }
    tables.directory(TOP, 0, MIDDLE, 3);
    assertEquals(List.of(), decode(4).rules());
    tables.leaf(MIDDLE, 256, 1L << 38, 37).leaf(MIDDLE, 384, 3L << 37, 37);
    assertEquals("3 leaves could be two of 256G", decode(4).only().detail());
  }

  @Test
  void aFloodOfWarningsDoesNotHideAnError() {
    Findings findings = new Findings(2);
    for (int i = 0; i < 5; i++) {
      findings.add(new Finding(Rule.MERGEABLE, null, "warning " + i));
    }
    findings.add(new Finding(Rule.LOOP, null, "error"));
    assertEquals(
        List.of("warning 0", "warning 1", "error"),
        findings.kept().stream().map(Finding::detail).toList());
    assertEquals(3, findings.dropped());
  }
}
