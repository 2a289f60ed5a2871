package dev.cleave.bench.replay;

import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.ioas.AreaCursor;
import dev.cleave.engine.ioas.Backing;
import dev.cleave.engine.ioas.HardwarePageTable;
import dev.cleave.engine.ioas.IoAddressSpace;
import dev.cleave.engine.ioas.IoasException;
import dev.cleave.engine.rmp.FollowedMemory;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * An I/O address space with the one table that shows it to hardware. Areas that continue each other
 * are joined before leaves are merged, so that these can be as large as memory is. What is refused
 * is said in a table's words, as {@link PageTableException}.
 *
 * <p>Not thread-safe.
 */
final class TableSpace implements AutoCloseable {
  private final IoAddressSpace space = new IoAddressSpace();
  private final HardwarePageTable table;
  private final TableRules rules;
  private final AreaCursor areas;

  /** Whether areas are joined as they are mapped, since who knows when leaves will be merged. */
  private final boolean joinsAtOnce;

  private @Nullable OwedFlushes owed;

  /**
   * An empty space.
   *
   * @param mergesByItself whether leaves are merged otherwise than by {@link #merge}
   * @param flush flushes its table
   */
  TableSpace(TableMemory memory, PageTableConfig config, boolean mergesByItself, IotlbFlush flush) {
    table = HardwarePageTable.create(memory, config, flush);
    space.attach(table);
    rules = new TableRules(config);
    areas = space.areas();
    joinsAtOnce = mergesByItself && Long.bitCount(config.pageSizes()) > 1;
  }

  HardwarePageTable table() {
    return table;
  }

  TableRules rules() {
    return rules;
  }

  /** From now on flushes that can wait are owed, and flushed in batches. */
  void deferFlushes(int entries, IotlbFlush flush) {
    owed = new OwedFlushes(space, table, entries, flush);
  }

  /** What waits for its flush; null if nothing ever does. */
  @Nullable OwedFlushes owed() {
    return owed;
  }

  /** Adds a rule for its leaves. */
  void addRule(SizeRule rule) {
    space.addRule(rule);
  }

  /** Guest memory that begins at an iova, to be followed. */
  FollowedMemory follow(RmpBitmap known, long guestIova) {
    return space.follow(known, guestIova);
  }

  /**
   * Maps a range. Where something was unmapped and may still be seen, it is mapped as it was.
   *
   * @param paddr where its first byte lies
   */
  void map(long iova, Backing from, long offset, long paddr, long length, int access) {
    rules.checkRange(iova, length);
    rules.checkMemory(iova, paddr, length, access);
    try {
      space.map(iova, from, offset, length, access);
    } catch (IoasException e) {
      throw TableRules.refusal(e);
    }
    if (joinsAtOnce) {
      space.join(iova);
      space.join(iova + length);
    }
    if (owed != null) {
      owed.mappedAgain(iova, length);
    }
  }

  /** Unmaps a range, whose flush can wait; returns how many bytes were mapped. */
  long unmap(long iova, long length) {
    rules.checkRange(iova, length);
    try {
      return owed == null ? space.unmap(iova, length) : owed.unmap(iova, length);
    } catch (IoasException e) {
      throw TableRules.refusal(e);
    }
  }

  /** Unmaps a range and flushes it; returns how many bytes were mapped. */
  long unmapAtOnce(long iova, long length) {
    rules.checkRange(iova, length);
    return reasoned(
        () -> owed == null ? space.unmap(iova, length) : owed.unmapAtOnce(iova, length));
  }

  /** Shows where the memory of a range lies now. */
  void renew(long iova, long length) {
    reasoned(() -> space.inTables().renew(iova, length));
  }

  /** Replaces larger leaves; returns how many bytes were mapped. */
  long split(long iova, long length, int sizeLog2) {
    rules.checkRange(iova, length);
    rules.checkLeafSize(iova, sizeLog2);
    return reasoned(() -> space.inTables().split(iova, length, sizeLog2));
  }

  /** Replaces smaller leaves, whose flush can wait; returns how many bytes were mapped. */
  long merge(long iova, long length, int sizeLog2) {
    rules.checkRange(iova, length);
    rules.checkLeafSize(iova, sizeLog2);
    if (!joinsAtOnce) {
      joinAreas(iova, iova + length - 1);
    }
    return reasoned(() ->
        owed == null
            ? space.inTables().merge(iova, length, sizeLog2)
            : owed.merge(iova, length, sizeLog2));
  }

  private void joinAreas(long first, long last) {
    areas.from(first);
    while (areas.advance() && Long.compareUnsigned(areas.first(), last) <= 0) {
      space.join(areas.first());
    }
  }

  /** Makes leaves legal. */
  void adjust(long iova, long length) {
    reasoned(() -> space.adjust(iova, length));
  }

  /** Refuses what that would refuse now. */
  void checkAdjust(long iova, long length) {
    reasoned(() -> space.inTables().checkAdjust(iova, length));
  }

  private static long reasoned(LongSupplier change) {
    try {
      return change.getAsLong();
    } catch (IoasException e) {
      throw TableRules.refusal(e);
    }
  }

  private static void reasoned(Runnable change) {
    try {
      change.run();
    } catch (IoasException e) {
      throw TableRules.refusal(e);
    }
  }

  @Override
  public void close() {
    if (owed != null) {
      owed.close();
    }
    space.close();
    table.close();
  }
}
