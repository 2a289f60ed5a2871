package dev.cleave.engine.ioas;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.IotlbFlushQueue;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import dev.cleave.engine.memory.TablePages;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Leaves that are changed once, memory that moves, flushes that an owner makes later. */
class SpaceLeavesTest {
  private static final long PAGE = 4096;
  private static final long REGION = 1L << 21;
  private static final long PADDR = 1L << 40;
  private static final int PAGES = 1024;

  private final TablePages pages = TablePages.reserve(PAGES * PAGE, PAGES * PAGE, 1L << 50, false);
  private final TableMemory memory = TableMemory.of(pages);
  private final IoAddressSpace space = new IoAddressSpace();
  private final List<String> flushes = new ArrayList<>();
  private final HardwarePageTable amd = table(PageTableConfig.of(AmdV1.LINUX));
  private final HardwarePageTable x86 = table(PageTableConfig.of(X86.LINUX));

  private HardwarePageTable table(PageTableConfig config) {
    return HardwarePageTable.create(memory, config, this::flush);
  }

  private void flush(PageTable table, IotlbGather gather) {
    gather.forEachBlock((iova, log2) -> flushes.add("%x/%d".formatted(iova, log2)));
  }

  @AfterEach
  void close() {
    space.close();
    amd.close();
    x86.close();
    memory.close();
  }

  private long areas() {
    return space.statistics().areas();
  }

  private static int sizeAt(HardwarePageTable table, long iova) {
    LeafCursor leaf = table.table().leaves();
    return table.table().leafAt(iova, leaf) ? leaf.sizeLog2() : 0;
  }

  private List<String> leaves() {
    List<String> leaves = new ArrayList<>();
    for (HardwarePageTable table : space.tables()) {
      for (LeafCursor leaf = table.table().leaves(); leaf.advance(); ) {
        leaves.add("%x %x".formatted(leaf.iova(), leaf.entry()));
      }
    }
    return leaves;
  }

  /** Leaves so many table pages to whoever runs. */
  private void withTablePages(int left, Runnable work) {
    long free = PAGES - memory.usedBytes() / PAGE - left;
    assertTrue(pages.tryReserve(free));
    try {
      work.run();
    } finally {
      pages.unreserve(free);
    }
  }

  // ---- leaves --------------------------------------------------------------------------------

  @Test
  void leavesAreSplitOnceAndLimitNothingThatComes() {
    space.attach(amd);
    space.attach(x86);
    space.map(0, PADDR, 2 * REGION, Access.READ_WRITE);
    flushes.clear();
    assertEquals(REGION, space.inTables().split(REGION, REGION, 16));
    assertEquals(List.of("0/22", "200000/21"), flushes, "each table's old leaf");
    assertEquals(16, sizeAt(amd, REGION));
    assertEquals(12, sizeAt(x86, REGION));
    assertEquals(21, sizeAt(amd, 0), "what lay outside keeps the largest");
    assertEquals(REGION, space.unmap(REGION, REGION));
    space.map(REGION, PADDR + REGION, REGION, Access.READ_WRITE);
    assertEquals(21, sizeAt(amd, REGION));
  }

  @Test
  void leavesAreMergedAsFarAsSizeAreasAndRulesAllow() {
    space.attach(amd);
    for (long at = 0; at < 2 * REGION; at += PAGE) {
      space.map(at, PADDR + at, PAGE, Access.READ_WRITE);
      space.join(at);
    }
    assertEquals(REGION, space.inTables().merge(0, REGION, 16));
    assertEquals(16, sizeAt(amd, 0));
    assertEquals(12, sizeAt(amd, REGION), "nothing around the range");
    space.cut(REGION / 2);
    assertEquals(REGION, space.inTables().merge(0, REGION, 21));
    assertEquals(20, sizeAt(amd, 0), "no leaf reaches over the end of an area");
    SizeRule small = SizeRule.atMost(14);
    space.addRule(small);
    assertEquals(REGION, space.inTables().merge(REGION, REGION, IoAddressSpace.UNLIMITED));
    assertEquals(14, sizeAt(amd, REGION));
  }

  @Test
  void onlyWhatIsThereIsSplitOrMerged() {
    space.attach(amd);
    space.map(PAGE, PADDR, PAGE, Access.READ_WRITE);
    space.map(4 * PAGE, PADDR, 4 * PAGE, Access.READ_WRITE);
    assertEquals(3 * PAGE, space.inTables().split(0, 6 * PAGE, 12));
    assertEquals(5 * PAGE, space.inTables().merge(0, 16 * PAGE, 14));
    for (boolean merges : new boolean[] {false, true}) {
      assertEquals(Errno.ENOENT, refusal(merges, 2 * PAGE, 2 * PAGE, 12));
      assertEquals(Errno.EINVAL, refusal(merges, 0, PAGE, 11));
      assertEquals(Errno.EINVAL, refusal(merges, 0, PAGE, 64));
      assertEquals(Errno.EINVAL, refusal(merges, 0, PAGE / 2, 12));
      assertEquals(Errno.EOVERFLOW, refusal(merges, -PAGE, 2 * PAGE, 12));
    }
  }

  private Errno refusal(boolean merges, long iova, long length, int log2) {
    return assertThrows(
            IoasException.class,
            () -> {
              var _ =
                  merges
                      ? space.inTables().merge(iova, length, log2)
                      : space.inTables().split(iova, length, log2);
            })
        .errno();
  }

  @Test
  void aSplitWithoutTableMemoryInOneOfTwoTablesChangesNeither() {
    space.attach(amd);
    space.attach(x86);
    space.map(0, PADDR, REGION, Access.READ_WRITE);
    List<String> before = leaves();
    withTablePages(1, () -> assertEquals(Errno.ENOMEM, refusal(false, 0, REGION, 12)));
    assertEquals(before, leaves());
    withTablePages(2, () -> assertEquals(REGION, space.inTables().split(0, REGION, 12)));
  }

  @Test
  void aCheckRefusesWhatAdjustWouldAndChangesNothing() {
    space.attach(amd);
    space.attach(x86);
    space.map(0, PADDR, 2 * REGION, Access.READ_WRITE);
    space.addRule(SizeRule.atMost(12));
    List<String> before = leaves();
    withTablePages(
        3,
        () -> {
          IoasException refusal =
              assertThrows(IoasException.class, () -> space.inTables().checkAdjust(0, 2 * REGION));
          assertEquals(Errno.ENOMEM, refusal.errno());
          space.inTables().checkAdjust(REGION, REGION);
          space.inTables().checkAdjust(8 * REGION, REGION);
          assertEquals(before, leaves());
          space.adjust(REGION, REGION); // nothing was kept for the checks
        });
    assertEquals(12, sizeAt(amd, REGION));
  }

  // ---- memory that moves ---------------------------------------------------------------------

  /** Pages that lie in one of two places. */
  private static final class Places implements Backing {
    private final long[] places = new long[1024];

    @Override
    public long paddr(long offset, boolean isWritten) {
      long place = places[(int) (offset / PAGE)];
      return place == NONE ? NONE : place + offset;
    }

    @Override
    public long contiguous(long offset, long length) {
      long bytes = PAGE;
      while (bytes < length
          && places[(int) ((offset + bytes) / PAGE)] == places[(int) (offset / PAGE)]) {
        bytes += PAGE;
      }
      return Math.min(bytes, length);
    }
  }

  @Test
  void whatIsRenewedLeadsToWhereMemoryLiesNow() {
    Places places = new Places();
    space.attach(amd);
    space.attach(x86);
    space.map(0, places, 0, 2 * REGION, Access.READ);
    flushes.clear();
    places.places[5] = PADDR;
    places.places[700] = PADDR;
    assertEquals(5 * PAGE, amd.table().translate(5 * PAGE), "as long as nobody asks");
    space.inTables().renew(4 * PAGE, 3 * PAGE);
    assertFalse(flushes.isEmpty());
    for (HardwarePageTable table : space.tables()) {
      assertEquals(PADDR + 5 * PAGE, table.table().translate(5 * PAGE));
      assertEquals(4 * PAGE, table.table().translate(4 * PAGE));
      assertEquals(7 * PAGE, table.table().translate(7 * PAGE));
      assertEquals(700 * PAGE, table.table().translate(700 * PAGE), "another range");
    }
    assertEquals(1, areas());
    space.inTables().renew(600 * PAGE, 4000 * PAGE);
    assertEquals(PADDR + 700 * PAGE, x86.table().translate(700 * PAGE));
    space.inTables().renew(4 * REGION, REGION);
    assertEquals(2 * REGION, space.unmapAll());
  }

  @Test
  void memoryThatIsGoneWhenItIsRenewedCanBeRenewedAgain() {
    Places places = new Places();
    space.attach(amd);
    space.attach(x86);
    space.map(0, places, 0, 4 * PAGE, Access.READ);
    places.places[2] = Backing.NONE;
    IoasException refusal =
        assertThrows(IoasException.class, () -> space.inTables().renew(0, 4 * PAGE));
    assertEquals(Errno.EFAULT, refusal.errno());
    for (HardwarePageTable table : space.tables()) {
      assertEquals(PageTable.NOT_MAPPED, table.table().translate(0), "nothing of it is there");
    }
    places.places[2] = PADDR;
    space.inTables().renew(0, 4 * PAGE);
    assertEquals(PADDR + 2 * PAGE, amd.table().translate(2 * PAGE));
    assertEquals(0, x86.table().translate(0));
  }

  @Test
  void aRenewalThatCannotCutALeafChangesNothing() {
    Places places = new Places();
    space.attach(amd);
    space.attach(x86);
    space.map(0, places, 0, REGION, Access.READ);
    List<String> before = leaves();
    withTablePages(
        1,
        () ->
            assertEquals(
                Errno.ENOMEM,
                assertThrows(IoasException.class, () -> space.inTables().renew(PAGE, PAGE))
                    .errno()));
    assertEquals(before, leaves());
  }

  // ---- flushes -------------------------------------------------------------------------------

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aLazyOwnerFlushesUnmapsAndMergesLater(boolean isPart) {
    space.attach(amd);
    space.attach(x86);
    space.map(0, PADDR, REGION, Access.READ_WRITE);
    var _ = space.inTables().split(0, REGION, 16);
    List<Long> freed = new ArrayList<>();
    IotlbFlushQueue queue =
        new IotlbFlushQueue(
            amd.table(), this::flush, 16, 2, Long.MAX_VALUE, (iova, _) -> freed.add(iova));
    amd.flushLazily(queue);
    flushes.clear();
    assertEquals(REGION, space.inTables().merge(0, REGION, 21));
    assertEquals(List.of("0/21"), flushes, "the table that is not lazy");
    flushes.clear();
    long length = isPart ? PAGE : REGION;
    assertEquals(length, space.unmap(0, length));
    assertTrue(freed.isEmpty());
    assertEquals(2, queue.outstanding());
    flushes.clear();
    queue.flush();
    assertEquals(List.of(0L), freed);
    assertEquals(1, flushes.size(), flushes.toString());
    amd.flushLazily(null);
    queue.close();
    flushes.clear();
    space.map(2 * REGION, PADDR, PAGE, Access.READ_WRITE);
    assertEquals(PAGE, space.unmap(2 * REGION, PAGE));
    assertEquals(2, flushes.size(), flushes.toString());
  }

  @Test
  void aTableThatIsAloneAndLazyOwesNothingAtOnceWhenALeafIsCut() {
    space.attach(amd);
    space.map(0, PADDR, REGION, Access.READ_WRITE);
    IotlbFlushQueue queue =
        new IotlbFlushQueue(amd.table(), this::flush, 16, 2, Long.MAX_VALUE, (_, _) -> {});
    amd.flushLazily(queue);
    assertEquals(PAGE, space.unmap(PAGE, PAGE));
    assertTrue(flushes.isEmpty());
    queue.flush();
    assertEquals(List.of("0/21"), flushes);
    amd.flushLazily(null);
    queue.close();
  }
}
