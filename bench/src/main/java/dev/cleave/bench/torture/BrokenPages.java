package dev.cleave.bench.torture;

import dev.cleave.engine.memory.TablePages;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Table memory that breaks a promise of the engine's on purpose, to show that the breach is found.
 *
 * <p>Thread-safe.
 */
@SuppressWarnings("ThreadPriorityCheck")
public final class BrokenPages extends TablePages {
  private static final long TABLE_MASK = 0x000F_FFFF_FFFF_F000L;

  private final boolean publishesEarly;
  private final boolean forgetsLateBits;
  private final boolean countsTooMany;

  /** Pages taken and not yet published. */
  private final Set<Long> unpublished = ConcurrentHashMap.newKeySet();

  /** The first page is the top, which is published by no entry. */
  private volatile boolean hasTop;

  /** Pages that left their tree. */
  private final Set<Long> abandoned = ConcurrentHashMap.newKeySet();

  /**
   * Reserves memory.
   *
   * @param bytes its size
   * @param base physical address of its first byte
   * @param fault what it breaks: a directory is seen before what its table holds, as if it were
   *     stored without release, status bits that arrive in a merged table are dropped, or a table
   *     that is taken back counts an entry too many
   */
  public BrokenPages(long bytes, long base, Fault fault) {
    super(TablePages.reserve(bytes, bytes, base, false));
    this.publishesEarly = fault == Fault.MISSING_RELEASE;
    this.forgetsLateBits = fault == Fault.FORGOTTEN_DIRTY;
    this.countsTooMany = fault == Fault.STALE_COUNT;
  }

  @Override
  public void reuse(long table, long place) {
    super.reuse(table, place);
    if (countsTooMany) {
      count(table, 1, 0);
    }
  }

  @Override
  public long take(int level, boolean zeroed, long place) {
    long table = super.take(level, zeroed, place);
    if (publishesEarly && hasTop) {
      unpublished.add(table);
    }
    hasTop = true;
    abandoned.remove(table);
    return table;
  }

  @Override
  public void storeRelease(long slot, long bits) {
    long[] late = hide(slot, bits);
    super.storeRelease(slot, bits);
    show(bits, late);
  }

  @Override
  public long exchange(long slot, long bits) {
    long[] late = hide(slot, bits);
    long old = super.exchange(slot, bits);
    show(bits, late);
    return old;
  }

  /** Empties the table that an entry is about to publish; returns what was in it. */
  private long[] hide(long slot, long bits) {
    long table = bits & TABLE_MASK;
    if (!publishesEarly || !holds(table) || (bits & 1) == 0) {
      return new long[0];
    }
    if (!unpublished.remove(table)) {
      unpublished.remove(slot & TABLE_MASK); // a new top above the one that was
      return new long[0];
    }
    long[] entries = new long[512];
    Arrays.setAll(entries, i -> loadAcquire(slotAt(table, i)));
    zero(table, 0, entries.length);
    return entries;
  }

  private void show(long bits, long[] entries) {
    if (entries.length != 0) {
      Thread.yield(); // so that others look also where there is one processor
    }
    for (int i = 0; i < entries.length; i++) {
      super.storeRelease(slotAt(bits & TABLE_MASK, i), entries[i]);
    }
  }

  @Override
  public void abandon(long table, long tag) {
    if (forgetsLateBits) {
      abandoned.add(table);
    }
    super.abandon(table, tag);
  }

  @Override
  public long orAll(long table) {
    return abandoned.contains(table) ? 0 : super.orAll(table);
  }
}
