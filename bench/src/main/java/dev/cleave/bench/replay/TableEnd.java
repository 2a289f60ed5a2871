package dev.cleave.bench.replay;

import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.TableStatistics;

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

  /** Leaves that the RMP forbids. */
  long illegalLeaves() {
    if (!followsRmp) {
      return 0;
    }
    long illegal = 0;
    LeafCursor cursor = table.table().leaves().over(0, -1L);
    while (cursor.advance()) {
      SharedMemory shared = table.sharedMemory();
      boolean isGuests = shared == null || !shared.holds(cursor.paddr());
      illegal += isGuests && !rmp.isLegal(cursor.iova(), cursor.sizeLog2()) ? 1 : 0;
    }
    return illegal;
  }
}
