package dev.cleave.bench.torture;

import dev.cleave.engine.memory.TablePages;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

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
  private final Fault fault;

  /** The table that was taken back last, or NONE. */
  private final AtomicLong takenBack = new AtomicLong(NONE);

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
   * @param fault what it breaks
   */
  public BrokenPages(long bytes, long base, Fault fault) {
    super(TablePages.reserve(bytes, bytes, base, false));
    this.publishesEarly = fault == Fault.MISSING_RELEASE;
    this.forgetsLateBits = fault == Fault.FORGOTTEN_DIRTY;
    this.fault = fault;
  }

  @Override
  public void reuse(long table, long place) {
    super.reuse(table, place);
    switch (fault) {
      case STALE_COUNT -> count(table, 1, 0);
      case FREED_BY_OLD_GATHER, TAKEN_BACK_TWICE -> takenBack.set(table);
      default -> {}
    }
  }

  /** The next to complete has the table in its list still. */
  @Override
  public void releaseAll(long first) {
    super.releaseAll(first);
    long table = fault == Fault.FREED_BY_OLD_GATHER ? takenBack.getAndSet(NONE) : NONE;
    if (table != NONE) {
      super.release(table);
    }
  }

  @Override
  public void setShadow(long table) {
    super.setShadow(table);
    if (fault == Fault.NO_SHADOW) {
      zero(table, 0, 512);
    }
  }

  @Override
  public long take(int level, boolean zeroed, long place) {
    long twice = fault == Fault.TAKEN_BACK_TWICE ? takenBack.getAndSet(NONE) : NONE;
    if (twice != NONE && level(twice) == level && tryLock(twice, place(twice)) >= 0) {
      unreserve(1);
      setPlace(twice, place);
      return twice;
    }
    long table = super.take(level, zeroed, place);
    if (publishesEarly && hasTop) {
      unpublished.add(table);
    }
    hasTop = true;
    abandoned.remove(table);
    return table;
  }

  @Override
  public long takeAll(int level, int count, long place) {
    return takeOneByOne(level, count, place);
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
