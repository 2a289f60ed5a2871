package dev.cleave.engine.ioas;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import dev.cleave.engine.memory.TablePages;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Several tables of one space: changed together or not at all. */
class SpaceTablesTest {
  private static final long PAGE = 4096;
  private static final long REGION = 1L << 21;
  private static final long GUEST = 1L << 30;
  private static final int PAGES = 1024;

  private final List<TablePages> pages = new ArrayList<>();
  private final List<HardwarePageTable> tables = new ArrayList<>();
  private final List<String> flushes = new ArrayList<>();
  private final IoAddressSpace space = new IoAddressSpace();

  private HardwarePageTable table(PageTableConfig config) {
    TablePages own =
        TablePages.reserve(PAGES * PAGE, PAGES * PAGE, (pages.size() + 1L) << 32, false);
    int number = pages.size();
    pages.add(own);
    HardwarePageTable table =
        HardwarePageTable.create(
            TableMemory.of(own),
            config,
            (_, gather) ->
                gather.forEachBlock(
                    (iova, log2) -> flushes.add("%d: %x/%d".formatted(number, iova, log2))));
    tables.add(table);
    return table;
  }

  private void attachThree() {
    space.attach(table(PageTableConfig.of(AmdV1.LINUX)));
    space.attach(table(PageTableConfig.of(X86.LINUX)));
    space.attach(table(PageTableConfig.of(AmdV1.LINUX).withLargestLeaf(21)));
  }

  private List<String> state() {
    List<String> state = new ArrayList<>();
    for (HardwarePageTable table : tables) {
      for (LeafCursor leaf = table.table().leaves(); leaf.advance(); ) {
        state.add("%x %x".formatted(leaf.iova(), leaf.entry()));
      }
    }
    for (AreaCursor area = space.areas(); area.advance(); ) {
      state.add("%x %x %x".formatted(area.first(), area.last(), area.offset()));
    }
    state.add(space.iovaRanges().toString());
    return state;
  }

  private int sizeAt(HardwarePageTable table, long iova) {
    LeafCursor leaf = table.table().leaves();
    return table.table().leafAt(iova, leaf) ? leaf.sizeLog2() : 0;
  }

  /** Fails unless each table in turn refuses for want of memory, and nothing has changed. */
  private void assertAllOrNothing(Executable change) {
    List<String> before = state();
    for (TablePages full : pages) {
      long used = full.usedBytes() / PAGE;
      assertTrue(full.tryReserve(PAGES - used), "all that is free");
      IoasException refusal = assertThrows(IoasException.class, change);
      assertEquals(Errno.ENOMEM, refusal.errno());
      assertEquals(before, state());
      full.unreserve(PAGES - used);
      pages.forEach(SpaceTablesTest::assertNothingIsReserved);
    }
  }

  private static void assertNothingIsReserved(TablePages pages) {
    long free = PAGES - pages.usedBytes() / PAGE;
    assertTrue(pages.tryReserve(free), "all that is not used can be had");
    pages.unreserve(free);
  }

  @Test
  void oneTableOutOfMemoryLeavesAllAsTheyWereWhenMapping() {
    attachThree();
    space.map(0, 0, REGION, Access.READ_WRITE);
    Executable map = () -> space.map(GUEST, PAGE, 4 * REGION, Access.READ_WRITE);
    assertAllOrNothing(map);
    assertFalse(flushes.isEmpty(), "what was undone was flushed");
    space.map(GUEST, PAGE, 4 * REGION, Access.READ_WRITE);
  }

  @Test
  void oneTableOutOfMemoryLeavesAllAsTheyWereWhenUnmappingAPart() {
    attachThree();
    space.map(0, 0, GUEST, Access.READ_WRITE);
    assertAllOrNothing(() -> space.unmap(5 * REGION + PAGE, PAGE));
    assertEquals(PAGE, space.unmap(5 * REGION + PAGE, PAGE));
  }

  @Test
  void oneTableOutOfMemoryLeavesAllAsTheyWereWhenAPartIsToBeFlushedLater() {
    attachThree();
    space.map(0, 0, GUEST, Access.READ_WRITE);
    List<Long> freed = new ArrayList<>();
    SpaceFlushQueue queue = space.deferFlushes(8, Long.MAX_VALUE, (iova, _) -> freed.add(iova));
    assertAllOrNothing(() -> space.unmap(5 * REGION + PAGE, PAGE));
    assertEquals(0, queue.outstanding());
    flushes.clear();
    assertEquals(PAGE, space.unmap(5 * REGION + PAGE, PAGE));
    assertFalse(flushes.isEmpty(), "the leaves that were cut are flushed at once");
    queue.flush();
    assertEquals(List.of(5 * REGION + PAGE), freed);
  }

  @Test
  void oneTableOutOfMemoryLeavesAllAsTheyWereWhenLeavesAreToBecomeSmaller() {
    attachThree();
    space.map(0, 0, GUEST, Access.READ_WRITE);
    assertAllOrNothing(() -> space.setGranularity(5 * REGION, REGION, 12));
    assertEquals(IoAddressSpace.UNLIMITED, space.granularity(5 * REGION));
    assertAllOrNothing(() -> space.startDirtyTracking(5 * REGION, REGION, 12));
    assertAllOrNothing(() -> space.cut(5 * REGION + PAGE));
    assertAllOrNothing(() -> space.readAndClearDirty(PAGE, PAGE, new DirtyBitmap(0, REGION, 12)));
  }

  @Test
  void aTableThatCannotBeFilledIsRefusedAndEmpty() {
    attachThree();
    for (long i = 0; i < 600; i++) {
      space.map(i * 2 * REGION, i * PAGE, PAGE, Access.READ_WRITE);
    }
    HardwarePageTable small = table(PageTableConfig.of(AmdV1.LINUX));
    assertTrue(pages.getLast().tryReserve(PAGES - 500));
    List<String> before = state();
    IoasException refusal = assertThrows(IoasException.class, () -> space.attach(small));
    assertEquals(Errno.ENOMEM, refusal.errno());
    assertEquals(before, state());
    assertEquals(PAGE, pages.getLast().usedBytes(), "the top alone");
    assertSame(null, small.space());
    pages.getLast().unreserve(PAGES - 500);
    space.attach(small);
    assertEquals(599 * PAGE, small.table().translate(599 * 2 * REGION));
  }

  @Test
  void aTableIsFilledByManyThreadsAsByOne() {
    for (long i = 0; i < 40_000; i++) {
      space.map(i * 2 * PAGE, i * PAGE, PAGE, Access.READ_WRITE);
    }
    HardwarePageTable table = table(PageTableConfig.of(AmdV1.LINUX));
    space.attach(table);
    LeafCursor leaf = table.table().leaves();
    for (long i = 0; i < 40_000; i++) {
      assertTrue(leaf.advance());
      assertEquals(i * 2 * PAGE, leaf.iova());
      assertEquals(i * PAGE, leaf.paddr());
    }
    assertFalse(leaf.advance());
    space.detach(table);
    assertFalse(table.table().leaves().advance());
  }

  @Test
  void everyTableHasTheLeavesThatItCanHave() {
    attachThree();
    space.map(0, 0, GUEST, Access.READ_WRITE);
    assertEquals(List.of(30, 30, 21), sizesAt(0));
    space.setGranularity(REGION, REGION, 16);
    assertEquals(List.of(21, 21, 21), sizesAt(0));
    assertEquals(List.of(16, 12, 16), sizesAt(REGION));
    space.detach(tables.get(1));
    space.attach(tables.get(1));
    assertEquals(List.of(16, 12, 16), sizesAt(REGION));
    space.setGranularity(REGION, REGION, IoAddressSpace.UNLIMITED);
    assertEquals(List.of(30, 30, 21), sizesAt(REGION));
  }

  private List<Integer> sizesAt(long iova) {
    return tables.stream().map(table -> sizeAt(table, iova)).toList();
  }

  @Test
  void whatIsMappedLaterObeysTheGranularity() {
    attachThree();
    space.setGranularity(REGION, REGION, 14);
    space.map(0, 0, 4 * REGION, Access.READ_WRITE);
    assertEquals(List.of(21, 21, 21), sizesAt(0));
    assertEquals(List.of(14, 12, 14), sizesAt(REGION));
    assertEquals(List.of(22, 21, 21), sizesAt(2 * REGION));
  }

  @Test
  void everyTableIsFlushedOfWhatItHad() {
    attachThree();
    space.map(0, 0, GUEST, Access.READ_WRITE);
    flushes.clear();
    assertEquals(REGION, space.unmap(REGION, REGION));
    assertTrue(flushes.contains("0: 0/30"), "all of the leaf that was there");
    assertTrue(flushes.contains("1: 0/30"));
    assertTrue(flushes.contains("2: 200000/21"));
    assertEquals(PageTable.NOT_MAPPED, tables.get(2).table().translate(REGION));
  }

  @Test
  void dirtyPagesOfAllTablesComeTogether() {
    attachThree();
    space.map(0, 0, 4 * REGION, Access.READ_WRITE);
    space.startDirtyTracking(0, 2 * REGION, 12);
    assertEquals(List.of(12, 12, 12), sizesAt(REGION));
    var _ = tables.get(0).table().setDirty(3 * PAGE, PAGE);
    var _ = tables.get(2).table().setDirty(REGION, PAGE);
    DirtyBitmap seen = new DirtyBitmap(0, 2 * REGION, 12);
    space.readDirty(0, 2 * REGION, seen);
    assertEquals(2, seen.dirtyPages());
    DirtyBitmap bitmap = new DirtyBitmap(0, 2 * REGION, 12);
    space.readAndClearDirty(0, 2 * REGION, bitmap);
    assertEquals(2, bitmap.dirtyPages());
    assertTrue(bitmap.isDirty(3 * PAGE) && bitmap.isDirty(REGION));
    bitmap.clear();
    space.readAndClearDirty(0, 2 * REGION, bitmap);
    assertEquals(0, bitmap.dirtyPages());
    space.detach(tables.get(1));
    space.attach(tables.get(1));
    assertEquals(List.of(12, 12, 12), sizesAt(REGION));
    space.stopDirtyTracking(0, 2 * REGION);
    assertEquals(List.of(23, 21, 21), sizesAt(REGION));
  }

  @Test
  void aTableBelongsToOneSpaceAtATime() {
    HardwarePageTable table = table(PageTableConfig.of(AmdV1.LINUX));
    space.attach(table);
    assertSame(space, table.space());
    IoAddressSpace other = new IoAddressSpace();
    assertRefused(Errno.EBUSY, () -> other.attach(table));
    assertRefused(Errno.EBUSY, () -> space.attach(table));
    assertRefused(Errno.EINVAL, () -> other.detach(table));
    assertThrows(IllegalStateException.class, table::close);
    space.detach(table);
    other.attach(table);
    other.close();
    table.close();
  }

  private static void assertRefused(Errno errno, Executable change) {
    assertEquals(errno, assertThrows(IoasException.class, change).errno());
  }

  @Test
  void aTableOfLargePagesNeedsAreasOfLargePages() {
    HardwarePageTable table = table(PageTableConfig.of(X86.LINUX).withPageSizes(1L << 21));
    space.map(PAGE, 0, REGION, Access.READ_WRITE);
    assertRefused(Errno.EADDRINUSE, () -> space.attach(table));
    var _ = space.unmapAll();
    space.setGranularity(0, PAGE, 12);
    assertRefused(Errno.EADDRINUSE, () -> space.attach(table));
    space.setGranularity(0, PAGE, IoAddressSpace.UNLIMITED);
    space.attach(table);
    assertEquals(REGION, space.alignment());
    assertRefused(Errno.EINVAL, () -> space.map(PAGE, 0, REGION, Access.READ_WRITE));
    assertRefused(Errno.EINVAL, () -> space.setGranularity(0, PAGE, 12));
    space.map(REGION, 0, 2 * REGION, Access.READ_WRITE);
    assertRefused(Errno.EINVAL, () -> space.unmap(2 * REGION - PAGE, 4 * PAGE));
    assertEquals(REGION, space.unmap(2 * REGION, REGION));
  }

  @Test
  void aRefusalNamesRuleAndValue() {
    attachThree();
    space.map(REGION, 0, REGION, Access.READ_WRITE);
    IoasException refusal =
        assertThrows(
            IoasException.class, () -> space.map(REGION + PAGE, 0, PAGE, Access.READ_WRITE));
    assertEquals(Errno.EEXIST, refusal.errno());
    assertEquals(REGION + PAGE, refusal.address());
    assertEquals("areas must not overlap, first=0x201000, last=0x201fff", refusal.getMessage());
  }

  @Test
  void memoryThatIsNotThereIsSeenWhenATableIs() {
    Backing frames = Backing.ofFrames(5, 6, 7);
    space.map(0, frames, PAGE, 4 * PAGE, Access.READ_WRITE);
    HardwarePageTable table = table(PageTableConfig.of(AmdV1.LINUX));
    IoasException refusal = assertThrows(IoasException.class, () -> space.attach(table));
    assertEquals(Errno.EFAULT, refusal.errno());
    assertEquals(2 * PAGE, refusal.address());
    assertEquals(2 * PAGE, space.unmap(2 * PAGE, 2 * PAGE));
    space.attach(table);
    assertEquals(6 * PAGE, table.table().translate(0));
    assertEquals(7 * PAGE + 5, table.table().translate(PAGE + 5));
    assertRefused(Errno.EFAULT, () -> space.map(GUEST, frames, 2 * PAGE, 2 * PAGE, Access.READ));
    assertEquals(PageTable.NOT_MAPPED, table.table().translate(GUEST));
  }
}
