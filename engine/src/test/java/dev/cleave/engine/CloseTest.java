package dev.cleave.engine;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.rmp.RmpBitmap;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;

/** A second close is quiet, and use after the first is told in our own words. */
class CloseTest {
  private static final PageTableConfig CONFIG = PageTableConfig.of(AmdV1.LINUX);

  private static TableMemory memory() {
    return TableMemory.builder().capacityBytes(1 << 20).build();
  }

  private static void assertSays(String message, Executable use) {
    assertEquals(message, assertThrows(IllegalStateException.class, use).getMessage());
  }

  @Test
  void memoryClosedTwiceIsQuietAndItsUseIsRefused() {
    TableMemory memory = memory();
    memory.close();
    assertDoesNotThrow(memory::close);
    assertEquals(
        "TableMemory[base=0x100000000, capacity=1048576 bytes, closed]", memory.toString());
    assertSays("the table memory is closed", memory::view);
    assertSays("the table memory is closed", memory::hardwareView);
    assertSays("the table memory is closed", memory::trim);
    assertSays("the table memory is closed", () -> PageTable.create(memory, CONFIG));
  }

  @Test
  void memoryOfTheCallersClosedTwiceIsQuiet() {
    TableMemory memory = TableMemory.over(MemorySegment.ofArray(new long[512]), 0);
    memory.close();
    assertDoesNotThrow(memory::close);
    assertSays("the table memory is closed", memory::view);
  }

  /** What had begun when the arena was closed can keep a lock: nobody waits for it. */
  @Test
  @Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void memoryWhoseArenaIsClosedIsRefusedInOurWordsAndClosedQuietly() {
    Arena arena = Arena.ofShared();
    MemorySegment segment = arena.allocate(1 << 20, 4096);
    TableMemory memory = TableMemory.over(segment, 0);
    PageTable table = PageTable.create(memory, CONFIG);
    table.map(0, 0, 1 << 21, Access.READ);
    IotlbGather gather = table.newGather();
    arena.close();
    String words = "the arena of the table memory is closed";
    assertSays(words, () -> table.map(1L << 30, 0, 4096, Access.READ));
    assertSays(words, () -> table.split(0, 4096, 12, gather));
    assertSays(words, () -> table.unmap(0, 4096, gather));
    assertSays(words, () -> table.translate(0));
    assertSays(words, () -> table.leaves().advance());
    assertSays(words, memory::view);
    assertEquals("TableMemory[base=0x0, capacity=1048576 bytes, closed]", memory.toString());
    assertDoesNotThrow(table::close);
    assertDoesNotThrow(table::close);
    assertDoesNotThrow(memory::close);
    assertDoesNotThrow(memory::close);
    for (Executable again :
        new Executable[] {
          () -> TableMemory.over(segment, 0), () -> TableMemory.attach(segment, 0)
        }) {
      assertEquals(
          "memory must be there: its arena is closed",
          assertThrows(IllegalArgumentException.class, again).getMessage());
    }
  }

  @Test
  void aTableWhoseMemoryIsClosedIsClosedQuietly() {
    TableMemory memory = memory();
    PageTable table = PageTable.create(memory, CONFIG);
    assertThrows(IllegalStateException.class, memory::close); // says that a page is in use
    assertSays("the table memory is closed", () -> table.map(0, 0, 4096, Access.READ));
    assertDoesNotThrow(table::close);
    assertDoesNotThrow(table::close);
  }

  @Test
  void aTableClosedTwiceIsQuietAndItsUseIsRefused() {
    try (TableMemory memory = memory()) {
      PageTable table = PageTable.create(memory, CONFIG);
      LeafCursor cursor = table.leaves();
      table.close();
      assertDoesNotThrow(table::close);
      assertEquals("PageTable[AMD v1, closed]", table.toString());
      for (Executable use :
          new Executable[] {
            table::root, table::levels, () -> table.leafAt(0, cursor), table::statistics
          }) {
        PageTableException refused = assertThrows(PageTableException.class, use);
        assertEquals(Reason.CLOSED, refused.reason());
        assertEquals("CLOSED: the page table is closed", refused.getMessage());
      }
    }
  }

  @Test
  void anRmpBitmapClosedTwiceIsQuietAndItsUseIsRefused() {
    RmpBitmap bitmap = new RmpBitmap(1 << 21);
    bitmap.share(0, 4096);
    bitmap.close();
    assertDoesNotThrow(bitmap::close);
    assertEquals(
        "RmpBitmap[2097152 bytes of guest memory, 1 pages shared, 1 regions mixed, closed]",
        bitmap.toString());
    for (Executable use :
        new Executable[] {
          () -> bitmap.isShared(0),
          () -> bitmap.isLarge(0),
          () -> bitmap.isPrivate(0),
          () -> bitmap.allowsLarge(0),
          () -> bitmap.share(0, 4096),
          () -> bitmap.unshare(0, 4096),
          () -> bitmap.setLarge(0, 4096, true),
          () -> bitmap.save(0, 4096),
          () -> bitmap.restore(0, 4096),
          () -> bitmap.rule().sizes(0),
          () -> bitmap.rule().segmentLast(0, 4095)
        }) {
      assertSays("the RMP bitmap is closed", use);
    }
  }

  @Test
  void aFlushQueueClosedTwiceIsQuietAndTakesNoMore() {
    try (TableMemory memory = memory();
        PageTable table = PageTable.create(memory, CONFIG)) {
      table.map(0, 0, 8192, Access.READ);
      IotlbFlushQueue queue =
          new IotlbFlushQueue(table, (_, _) -> {}, 4, 2, TimeUnit.HOURS.toNanos(1), (_, _) -> {});
      var _ = queue.unmap(0, 4096);
      assertEquals(
          "IotlbFlushQueue[1 entries outstanding, 0 of 2 batches sealed]", queue.toString());
      queue.close();
      assertDoesNotThrow(queue::close);
      assertDoesNotThrow(queue::flushIfDue); // a timer may be late
      assertSays("the flush queue is closed", () -> queue.unmap(4096, 4096));
      assertSays("the flush queue is closed", queue::gather);
      assertEquals(
          "IotlbFlushQueue[0 entries outstanding, 0 of 2 batches sealed, closed]",
          queue.toString());
    }
  }

  @Test
  void whatIsOpenSaysWhatItIs() {
    try (TableMemory memory = memory();
        PageTable table = PageTable.create(memory, CONFIG)) {
      IotlbGather gather = table.newGather();
      table.map(0, 0, 1 << 21, Access.READ);
      var _ = table.unmap(0, 1 << 21, gather);
      gather.seal();
      assertEquals(
          "TableMemory[base=0x100000000, capacity=1048576 bytes, 8192 bytes in use]",
          memory.toString());
      assertEquals("IotlbGather[0x0..0x3fffffff, 1 pages waiting, sealed]", gather.toString());
      assertEquals(
          "PageTable[AMD v1, root=0x100000000, levels=3, 1 gathers, 1 pages waiting]",
          table.toString());
      gather.complete();
      DirtyBitmap dirty = new DirtyBitmap(0x1000, 0x4000, 12);
      dirty.set(0x2000, 0x2fff);
      assertEquals("DirtyBitmap[0x1000..0x4fff, pages of 2^12 bytes, 1 dirty]", dirty.toString());
      assertEquals(
          "levels=3, pageSizes={12, 21, 30}, iovaBits=48, outputBits=40]",
          CONFIG
              .withPageSizes(1L << 12 | 1L << 21 | 1L << 30)
              .withWidths(48, 40)
              .toString()
              .replaceAll("^.*levels", "levels"));
    }
  }
}
