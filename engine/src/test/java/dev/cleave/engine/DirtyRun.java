package dev.cleave.engine;

import dev.cleave.engine.format.Access;
import dev.cleave.engine.memory.SteppedPages;
import java.util.ArrayList;
import java.util.List;

/** A table in memory with hooks, hardware that sets status bits, and a bitmap of 4 KiB pages. */
final class DirtyRun implements AutoCloseable {
  static final long IOVA = 1L << 42;
  static final long PADDR = 1L << 44;
  static final long PAGE = 4096;
  static final long REGION = 1L << 21;

  final SteppedPages pages = new SteppedPages(1L << 26, 1L << 32);
  final PageTable table;
  final IotlbGather gather;
  final StatusHardware hardware;
  final DirtyBitmap bitmap;

  /** An AMD v1 table. */
  DirtyRun(long bytes, int largestLog2) {
    this(TableKind.AMD_V1, bytes, largestLog2);
  }

  /** Maps with leaves of at most a size. */
  DirtyRun(TableKind kind, long bytes, int largestLog2) {
    table = PageTable.create(TableMemory.of(pages), kind.config());
    gather = table.newGather();
    hardware = new StatusHardware(pages, table);
    bitmap = new DirtyBitmap(IOVA, bytes, 12);
    table.map(IOVA, PADDR, bytes, Access.READ_WRITE, SizeRule.atMost(largestLog2));
  }

  static long page(long number) {
    return IOVA + number * PAGE;
  }

  /** Where a walker that remembers the table of a page finds its entry. */
  long remembered(long page) {
    return hardware.slotOf(page(page)).paddr();
  }

  /** Reads, clears, and says which pages were reported by number. */
  List<Long> take(long iova, long bytes, IotlbGather debts) {
    bitmap.clear();
    long dirty = table.readAndClearDirty(iova, bytes, bitmap, debts);
    return reported(dirty);
  }

  List<Long> take(long iova, long bytes) {
    return take(iova, bytes, gather);
  }

  /** Reads and says which pages were reported. */
  List<Long> look(long iova, long bytes) {
    bitmap.clear();
    return reported(table.readDirty(iova, bytes, bitmap));
  }

  private List<Long> reported(long bytes) {
    List<Long> pages = new ArrayList<>();
    for (long at = bitmap.nextDirty(IOVA);
        at != DirtyBitmap.NONE;
        at = bitmap.nextDirty(at + PAGE)) {
      pages.add((at - IOVA) / PAGE);
    }
    if (bytes != pages.size() * PAGE) {
      throw new AssertionError(bytes + " dirty bytes, but pages " + pages);
    }
    return pages;
  }

  /** Numbers from one up to another, exclusive. */
  static List<Long> pages(long from, long to) {
    List<Long> pages = new ArrayList<>();
    for (long page = from; page < to; page++) {
      pages.add(page);
    }
    return pages;
  }

  int sizeAt(long iova) {
    LeafCursor cursor = table.leaves();
    return table.leafAt(iova, cursor) ? cursor.sizeLog2() : -1;
  }

  @Override
  public void close() {
    gather.complete();
    table.close();
    pages.close();
  }
}
