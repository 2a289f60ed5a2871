package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import dev.cleave.bench.image.table.TableDecoder;
import dev.cleave.bench.image.table.TableRoot;
import dev.cleave.bench.image.table.TableVisitor;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableStatistics;
import dev.cleave.engine.format.Access;
import dev.cleave.hwmodel.memory.PhysicalMemory;

/**
 * A table at the end of a replay.
 *
 * @param rmp the RMP that it was watched with
 * @param followsRmp whether there is anything in it
 */
record TableEnd(GuestTable table, SimulatedRmp rmp, boolean followsRmp) {
  TableStatistics statistics() {
    return table.table().statistics();
  }

  /** Times that leaves and RMP of a region disagreed during an event. */
  long rmpFaults() {
    return rmp.mismatches(table.table());
  }

  /** Memory of the tables on the way to addresses up to one. */
  long tableBytes(long last) {
    PhysicalMemory memory = new PhysicalMemory();
    memory.add(table.memory().base(), table.memory().view());
    PageTable top = table.table();
    long[] pages = {0};
    TableDecoder.decode(
        memory,
        TableRoot.of(top.format(), top.root(), top.levels(), Access.READ_WRITE),
        new TableVisitor() {
          @Override
          public void table(long paddr, int level, long iova, boolean isEmpty) {
            pages[0] += Long.compareUnsigned(iova, last) <= 0 ? 1 : 0;
          }
        });
    return pages[0] * PAGE_BYTES + table.keptTables().bytesUpTo(last);
  }

  /** Leaves that the RMP forbids. */
  long illegalLeaves() {
    return illegalLeaves(-1);
  }

  /** Those of them that begin at or below an address. */
  long illegalLeaves(long last) {
    if (!followsRmp) {
      return 0;
    }
    long illegal = 0;
    LeafCursor cursor = table.table().leaves().over(0, last);
    while (cursor.advance()) {
      SharedMemory shared = table.sharedMemory();
      boolean isGuests = shared == null || !shared.holds(cursor.paddr());
      illegal += isGuests && !rmp.isLegal(table.gpa(cursor.iova()), cursor.sizeLog2()) ? 1 : 0;
    }
    return illegal;
  }
}
