package dev.cleave.bench.replay;

import dev.cleave.bench.trace.AddressSpace;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.PageTableException.Reason;
import java.util.ArrayList;
import java.util.List;

/**
 * One address space of a replayed log: the I/O address space that is its own, with the IOMMU table
 * that shows it, and what is done to it alone. What reaches other tables too is {@link
 * GuestTables}' to do.
 *
 * <p>Not thread-safe.
 */
final class ReplayedSpace {
  private final AddressSpace name;
  private final GuestTable guestTable;
  private final PageTable table;
  private final LeafCursor cursor;

  /** A space that nothing is mapped in yet. */
  ReplayedSpace(AddressSpace name, GuestTable guestTable) {
    this.name = name;
    this.guestTable = guestTable;
    this.table = guestTable.table();
    this.cursor = table.leaves();
  }

  /** Which space of the log it is. */
  AddressSpace name() {
    return name;
  }

  /** Its table. */
  GuestTable table() {
    return guestTable;
  }

  /** Whether nothing of a range is mapped. */
  boolean isFree(long iova, long length) {
    return !cursor.over(iova, iova + length - 1).advance();
  }

  /** Replaces larger leaves; returns how many bytes were mapped. */
  long split(long iova, long length, long largest) {
    return guestTable.split(iova, length, sizeLog2(iova, largest));
  }

  /** Replaces smaller leaves where larger ones are possible; returns how many bytes were mapped. */
  long merge(long iova, long length, long largest) {
    return guestTable.merge(iova, length, sizeLog2(iova, largest));
  }

  private static int sizeLog2(long iova, long bytes) {
    if (Long.bitCount(bytes) != 1) {
      throw new PageTableException(
          Reason.MISALIGNED, iova, "a leaf size must be a power of two, size=" + bytes);
    }
    return Long.numberOfTrailingZeros(bytes);
  }

  Outcome translate(long iova) {
    long paddr = table.translate(iova);
    return paddr == PageTable.NOT_MAPPED ? Outcome.refused(Reason.NOT_MAPPED) : Outcome.ok(paddr);
  }

  /** A device's access succeeds when every byte of it is mapped and may be accessed so. */
  Outcome dma(long iova, long length, int access) {
    long last = iova + length - 1;
    if (length == 0 || Long.compareUnsigned(last, iova) < 0) {
      return Outcome.refused(Reason.OUT_OF_RANGE);
    }
    for (long at = iova; ; ) {
      if (!table.leafAt(at, cursor) || (cursor.access() & access) != access) {
        return Outcome.refused(Reason.NOT_MAPPED);
      }
      long end = cursor.iova() + (1L << cursor.sizeLog2()) - 1;
      if (Long.compareUnsigned(end, last) >= 0) {
        return Outcome.ok(length);
      }
      at = end + 1;
    }
  }

  /** What is mapped from one address to another, for the first time; neighbours as one. */
  List<GuestTables.Run> mapped(long first, long end) {
    List<GuestTables.Run> runs = new ArrayList<>();
    if (Long.compareUnsigned(first, guestTable.firstLast()) > 0) {
      return runs;
    }
    long last =
        Long.compareUnsigned(end, guestTable.firstLast()) > 0 ? guestTable.firstLast() : end;
    cursor.over(first, last);
    while (cursor.advance()) {
      long leafLast = cursor.iova() + (1L << cursor.sizeLog2()) - 1;
      long from = Long.compareUnsigned(cursor.iova(), first) < 0 ? first : cursor.iova();
      long to = Long.compareUnsigned(leafLast, last) > 0 ? last : leafLast;
      GuestTables.Run before = runs.isEmpty() ? null : runs.getLast();
      if (before != null && before.gpa() + before.length() == from) {
        runs.set(runs.size() - 1, new GuestTables.Run(before.gpa(), to + 1 - before.gpa()));
      } else {
        runs.add(new GuestTables.Run(from, to + 1 - from));
      }
    }
    return runs;
  }
}
