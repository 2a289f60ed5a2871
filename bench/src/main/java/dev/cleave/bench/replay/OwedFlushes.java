package dev.cleave.bench.replay;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.extent.ExtentMap;
import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbFlushQueue;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.ioas.HardwarePageTable;
import dev.cleave.engine.ioas.IoAddressSpace;
import java.util.ArrayList;
import java.util.List;

/**
 * What the table of a space owes to the IOTLB where flushes wait for one another, and the memory
 * that must stay pinned until they are issued, since a device may still see it.
 *
 * <p>Not thread-safe.
 */
final class OwedFlushes {
  /** One batch is open; one that is full is flushed before the next operation. */
  private static final int BATCHES = 2;

  private final IoAddressSpace space;
  private final HardwarePageTable table;
  private final IotlbFlushQueue queue;
  private final LeafCursor cursor;

  /** What was unmapped and devices may still see, by iova; it leads nowhere. */
  private final ExtentMap unflushed = new ExtentMap();

  private long bytes;

  /**
   * Nothing is owed yet.
   *
   * @param space which has the table attached, and no other
   * @param entries operations that owe before any of it is flushed
   * @param flush flushes a batch
   */
  OwedFlushes(IoAddressSpace space, HardwarePageTable table, int entries, IotlbFlush flush) {
    this.space = space;
    this.table = table;
    this.cursor = table.table().leaves();
    this.queue =
        new IotlbFlushQueue(table.table(), flush, entries, BATCHES, Long.MAX_VALUE, this::flushed);
    table.flushLazily(queue);
  }

  /** Unmaps a range; returns how many bytes were mapped. */
  long unmap(long iova, long length) {
    List<Extent> runs = runs(iova, iova + length - 1);
    long unmapped = space.unmap(iova, length);
    for (Extent run : runs) {
      forget(run.first(), run.last());
      unflushed.join(run.first(), run.last(), run.paddr(), run.access());
    }
    bytes += unmapped;
    flushIfFull();
    return unmapped;
  }

  /** Unmaps a range and flushes at once; returns how many bytes were mapped. */
  long unmapAtOnce(long iova, long length) {
    table.flushLazily(null);
    try {
      return space.unmap(iova, length);
    } finally {
      table.flushLazily(queue);
    }
  }

  /** What is mapped of a range, whatever it leads to. */
  private List<Extent> runs(long first, long last) {
    List<Extent> runs = new ArrayList<>();
    cursor.over(first, last);
    while (cursor.advance()) {
      long leafLast = cursor.iova() + (1L << cursor.sizeLog2()) - 1;
      long from = Long.compareUnsigned(cursor.iova(), first) < 0 ? first : cursor.iova();
      long to = Long.compareUnsigned(leafLast, last) > 0 ? last : leafLast;
      Extent run = new Extent(from, to, from, 0);
      if (!runs.isEmpty() && runs.getLast().continuesWith(run)) {
        runs.set(runs.size() - 1, runs.getLast().with(run));
      } else {
        runs.add(run);
      }
    }
    return runs;
  }

  /** Merges what a range maps; returns how many bytes that is. */
  long merge(long iova, long length, int largestLog2) {
    try {
      return space.inTables().merge(iova, length, largestLog2);
    } finally {
      flushIfFull();
    }
  }

  /** What was unmapped of a range is mapped as it was, and is no longer waited for. */
  void mappedAgain(long iova, long length) {
    forget(iova, iova + length - 1);
  }

  private void flushed(long iova, long length) {
    forget(iova, iova + length - 1);
  }

  private void forget(long first, long last) {
    bytes -= unflushed.remove(first, last);
  }

  /** Whether devices may still see something that was unmapped from one address to another. */
  boolean isOwed(long first, long last) {
    return !unflushed.isFree(first, last);
  }

  /** What they may still see. */
  List<Extent> unflushed() {
    return unflushed.all();
  }

  /** How many bytes that are. */
  long bytes() {
    return bytes;
  }

  /** Flushes batches that are full. */
  private void flushIfFull() {
    boolean isFull = true;
    while (isFull) {
      isFull = queue.flushSealed();
    }
  }

  /** Flushes everything; returns whether there was anything. */
  boolean flush() {
    boolean isOwed = queue.outstanding() != 0;
    queue.flush();
    return isOwed;
  }

  /** Takes no more; nothing must be owed. */
  void close() {
    table.flushLazily(null);
    queue.close();
  }
}
