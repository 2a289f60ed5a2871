package dev.cleave.bench.image.table;

import dev.cleave.bench.image.table.TableWalk.Translated;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import org.jspecify.annotations.Nullable;

/**
 * Where tables are read: in physical memory or, where a host table translates a guest's addresses,
 * in the guest's.
 *
 * <p>Not thread-safe.
 */
final class TableSource {
  private final PhysicalMemory memory;
  private final @Nullable TableRoot host;

  /** The page looked at last, and where it lies; tables are read entry by entry. */
  private long page = -1;

  private long paddr;

  TableSource(PhysicalMemory memory, @Nullable TableRoot host) {
    this.memory = memory;
    this.host = host;
  }

  /** Whether a table page is there. */
  boolean isBacked(long table) {
    long at = paddrOf(table);
    return at != TableWalk.NOWHERE && memory.isBacked(at);
  }

  /** An entry of a table that is there. */
  long entry(long table, int index) {
    return memory.getLong(paddrOf(table) + ((long) index << Geometry.ENTRY_BYTES_LOG2));
  }

  private long paddrOf(long table) {
    if (host == null) {
      return table;
    }
    if (table != page) {
      page = table;
      paddr =
          TableWalk.of(memory, host, table).outcome() instanceof Translated to
              ? to.paddr()
              : TableWalk.NOWHERE;
    }
    return paddr;
  }
}
