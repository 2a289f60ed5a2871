package dev.cleave.bench.image.table;

import static dev.cleave.bench.image.Tables.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.image.Tables;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.X86;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Leaves and findings of hand-made x86-64 tables. */
class X86DecoderTest {
  private static final long TOP = 0x10_0000;
  private static final long LEVEL_3 = 0x20_0000;
  private static final long LEVEL_2 = 0x30_0000;
  private static final long LEVEL_1 = 0x40_0000;

  private final Tables tables = new Tables(X86.LINUX);

  /** Four levels, all linked from entry 0. */
  private void fourLevels() {
    tables
        .directory(TOP, 0, LEVEL_3, 3)
        .directory(LEVEL_3, 0, LEVEL_2, 2)
        .directory(LEVEL_2, 0, LEVEL_1, 1);
  }

  private static TableRoot root(int levels) {
    return TableRoot.of(X86.LINUX, TOP, levels, RW);
  }

  private Told decode() {
    return Told.of(tables, root(4));
  }

  @Test
  void aLeafOfEachSizeIsOneRowWithoutANextLevel() {
    fourLevels();
    tables
        .leaf(LEVEL_1, 3, 0x7000, 12)
        .leaf(LEVEL_2, 1, 0x60_0000, 21)
        .leaf(LEVEL_3, 1, 0xC000_0000L, 30, Access.READ);
    assertEquals(
        List.of(
            List.of("0x3000", "0x7000", "0x1000", "rw", "0x7067", "1", "0", "1", "3"),
            List.of("0x200000", "0x600000", "0x200000", "rw", "0x6000e7", "2", "0", "1", "1"),
            List.of(
                "0x40000000", "0xc0000000", "0x40000000", "r", "0xc00000a5", "3", "0", "1", "1")),
        decode().leaves.stream().map(LeafRow::fields).toList());
    assertEquals(List.of(), decode().rules());
  }

  @Test
  void directoriesPointOneLevelDown() {
    fourLevels();
    assertEquals(
        List.of(3, 2, 1), decode().directories.stream().map(DirectoryRow::nextLevel).toList());
  }

  @Test
  void writesNeedEveryDirectoryAndNoExecutionNeedsOne() {
    fourLevels();
    tables.leaf(LEVEL_1, 0, 0x1000, 12);
    tables.change(LEVEL_2, 0, entry -> entry & ~2L);
    tables.change(LEVEL_3, 0, entry -> entry | 1L << 63);
    assertEquals(
        Access.READ | Access.NO_EXECUTE, decode().leaves.getFirst().access(), "through all levels");
  }

  @Test
  void theUpperHalfLiesBelow2To64WhereIovasAreSignExtended() {
    tables
        .directory(TOP, 255, LEVEL_3, 3)
        .directory(TOP, 256, LEVEL_2, 3)
        .leaf(LEVEL_3, 511, 0, 30)
        .leaf(LEVEL_2, 0, 0, 30);
    assertEquals(
        List.of(0x7fff_c000_0000L, 0x8000_0000_0000L),
        decode().leaves.stream().map(leaf -> leaf.site().iova()).toList());
    assertEquals(
        List.of(0x7fff_c000_0000L, 0xffff_8000_0000_0000L),
        Told.of(tables, root(4).withSignExtension()).leaves.stream()
            .map(leaf -> leaf.site().iova())
            .toList());
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 5})
  void aSizeBitAboveLevelThreeIsAnError(int levels) {
    tables.set(TOP, 9, 0x8000_0000_00E7L);
    Finding finding = Told.of(tables, root(levels)).only();
    assertEquals(Rule.PAGE_SIZE_LEVEL, finding.rule());
    assertEquals(
        "PS is set at level %d, where only directories may stand".formatted(levels),
        finding.detail());
  }

  @Test
  void addressBitsBelowALargeLeafsSizeAreReservedButForItsAttributes() {
    fourLevels();
    tables.set(LEVEL_2, 1, 0x60_10E7).set(LEVEL_2, 2, 0x60_20E7).set(LEVEL_3, 1, 0x20_00E7);
    Told told = decode();
    assertEquals(List.of(0x60_0000L), told.leaves.stream().map(LeafRow::paddr).toList());
    assertEquals(
        List.of(
            "bits 0x2000 must be zero in a leaf of 2M",
            "bits 0x200000 must be zero in a leaf of 1G"),
        told.findings.kept().stream()
            .filter(finding -> finding.rule() == Rule.RESERVED_BITS)
            .map(Finding::detail)
            .toList());
  }

  @Test
  void aDirectoryToItsOwnTableIsALoop() {
    fourLevels();
    tables.leaf(LEVEL_1, 0, 0, 12).directory(LEVEL_2, 5, LEVEL_2, 1);
    assertTrue(decode().rules().contains(Rule.LOOP));
  }

  @Test
  void aDirectoryToNowhereIsDangling() {
    fourLevels();
    tables.leaf(LEVEL_1, 0, 0, 12).set(LEVEL_3, 7, 0xDEAD_0027L);
    assertEquals(Rule.DANGLING, decode().only().rule());
  }

  @Test
  void anEmptyTableIsAWarning() {
    fourLevels();
    assertEquals(Rule.EMPTY_TABLE, decode().only().rule());
  }

  @Test
  void aWholeTableOfSmallLeavesCouldBeOneLargeLeaf() {
    fourLevels();
    for (int i = 0; i < 512; i++) {
      tables.leaf(LEVEL_1, i, 0x20_0000 + 4096L * i, 12);
    }
    assertEquals("512 leaves could be one of 2M", decode().only().detail());
  }

  @Test
  void smallLeavesBesideALargeOneCouldBeAsLarge() {
    fourLevels();
    tables.leaf(LEVEL_2, 1, 0x60_0000, 21);
    for (int i = 0; i < 512; i++) {
      tables.leaf(LEVEL_1, i, 0x40_0000 + 4096L * i, 12);
    }
    assertEquals("513 leaves could be two of 2M", decode().only().detail());
  }

  @Test
  void fewerLeavesThanALargerOneTakesCannotBeOne() {
    fourLevels();
    for (int i = 0; i < 511; i++) {
      tables.leaf(LEVEL_1, i, 0x20_0000 + 4096L * i, 12);
    }
    assertEquals(List.of(), decode().rules());
  }

  @Test
  void leavesThatDifferInExecutionCannotBeOne() {
    fourLevels();
    for (int i = 0; i < 512; i++) {
      int access = i < 256 ? RW : RW | Access.NO_EXECUTE;
      tables.leaf(LEVEL_1, i, 0x20_0000 + 4096L * i, 12, access);
    }
    assertEquals(List.of(), decode().rules());
  }

  @ParameterizedTest
  @ValueSource(ints = {4, 5})
  void whatTheEngineWroteIsDecodedInBothHalvesWithoutAFinding(int levels) {
    PageTableConfig config = PageTableConfig.of(X86.LINUX).withLevels(levels).withSignExtension();
    try (TableMemory memory = TableMemory.builder().capacityBytes(1 << 20).build();
        PageTable table = PageTable.create(memory, config)) {
      table.map(0x1000, 0x5000, 3 << 20, Access.READ);
      table.map(-(1L << 30), 1L << 30, 1L << 30, RW);
      PhysicalMemory physical = new PhysicalMemory();
      physical.add(memory.base(), memory.view());
      TableRoot root = TableRoot.of(X86.LINUX, table.root(), levels, RW).withSignExtension();
      Told told = new Told();
      TableDecoder.decode(
          physical, root, TableVisitor.all(List.of(told, new TableAudit(root, told.findings))));
      assertEquals(List.of(), told.rules());
      assertEquals(0x1000, told.leaves.getFirst().site().iova());
      assertEquals(-(1L << 30), told.leaves.getLast().site().iova());
      assertEquals(1L << 30, told.leaves.getLast().sizeBytes());
    }
  }
}
