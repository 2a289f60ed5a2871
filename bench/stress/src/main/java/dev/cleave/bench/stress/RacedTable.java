package dev.cleave.bench.stress;

import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.hwmodel.iommu.HostEntry;
import dev.cleave.hwmodel.memory.PhysicalMemory;

/**
 * A table for one meeting of threads. All tables of a process share one memory, so that their pages
 * are used again and again; whoever comes last must {@link #close} it.
 */
final class RacedTable implements AutoCloseable {
  static final long PAGE = 4096;
  static final long PADDR = 1L << 40;

  /** The page that a device, or a reader, is after. */
  static final long PLACE = 5 * PAGE;

  private static final TableMemory MEMORY = TableMemory.builder().build();

  /** The same memory as hardware has it. */
  private static final PhysicalMemory HARDWARE = new PhysicalMemory();

  static {
    HARDWARE.add(MEMORY.base(), MEMORY.hardwareView());
  }

  final PageTable table;
  final IotlbGather gather;
  final IotlbGather setUp;

  RacedTable(int levels) {
    table = PageTable.create(MEMORY, PageTableConfig.of(AmdV1.LINUX).withLevels(levels));
    gather = table.newGather();
    setUp = table.newGather();
  }

  void map(long iova, long bytes) {
    table.map(iova, PADDR + iova, bytes, Access.READ_WRITE);
  }

  /** Splits what was mapped into pages, before anybody races. */
  void splitToPages(long iova, long bytes) {
    table.split(iova, bytes, 12, setUp);
    setUp.complete();
  }

  /** 1 if an address leads where it was mapped to, 0 if it is a hole, 2 if it leads elsewhere. */
  int look(long iova) {
    long paddr = table.translate(iova);
    return paddr == PageTable.NOT_MAPPED ? 0 : paddr == PADDR + iova ? 1 : 2;
  }

  /** Sets accessed and dirty bits as a device that writes does; 0 if there is a hole. */
  int mark(long iova) {
    while (true) {
      long top = table.top();
      int level = PageTable.levels(top);
      long in = PageTable.root(top);
      while (true) {
        long at = HostEntry.slot(in, level, iova);
        long entry = HARDWARE.getLong(at);
        if ((entry & HostEntry.PRESENT) == 0) {
          return 0;
        }
        int next = HostEntry.nextLevel(entry);
        if (HostEntry.isLeaf(next)) {
          if (HARDWARE.compareAndSetLong(at, entry, entry | HostEntry.ACCESSED | HostEntry.DIRTY)) {
            return 1;
          }
          break; // it has changed: from the top
        }
        in = entry & HostEntry.ADDRESS;
        level = next;
      }
    }
  }

  /** Pages of a range that are dirty. */
  int dirtyPages(long iova, long bytes) {
    DirtyBitmap bitmap = new DirtyBitmap(iova, bytes, 12);
    return (int) (table.readDirty(iova, bytes, bitmap) / PAGE);
  }

  @Override
  public void close() {
    gather.complete();
    table.close();
  }
}
