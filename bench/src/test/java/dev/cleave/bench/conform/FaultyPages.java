package dev.cleave.bench.conform;

import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;

import dev.cleave.engine.memory.TablePages;
import java.lang.foreign.MemorySegment;

/**
 * Table memory in which one thing goes wrong, as a fault in the engine's code would make it go
 * wrong.
 */
public final class FaultyPages extends TablePages {
  private final EntryFault fault;

  /** What goes wrong with stores. */
  @FunctionalInterface
  public interface EntryFault {
    /**
     * What ends up in an entry.
     *
     * @param index of the entry in its table
     * @param old what stands there
     * @param bits what should be stored
     * @return what is stored
     */
    long stored(int index, long old, long bits);
  }

  /**
   * Table memory over guest memory.
   *
   * @param memory guest memory
   * @param base physical address of its first byte
   * @param fault what goes wrong
   */
  public FaultyPages(MemorySegment memory, long base, EntryFault fault) {
    super(TablePages.over(memory, base, false));
    this.fault = fault;
  }

  private long faulty(long slot, long bits) {
    return fault.stored((int) (slot >>> 3) % TABLE_ENTRIES, loadAcquire(slot), bits);
  }

  @Override
  public void storeRelease(long slot, long bits) {
    super.storeRelease(slot, faulty(slot, bits));
  }

  @Override
  public long exchange(long slot, long bits) {
    return super.exchange(slot, faulty(slot, bits));
  }

  @Override
  public boolean compareAndSet(long slot, long expected, long bits) {
    return super.compareAndSet(slot, expected, faulty(slot, bits));
  }

  @Override
  public void fill(long table, int index, int count, long first, long step, int replicasLog2) {
    for (int i = 0; i < count; i++) {
      storeRelease(slotAt(table, index + i), first + (i >> replicasLog2) * step);
    }
  }

  @Override
  public void zero(long table, int index, int count) {
    if (count == TABLE_ENTRIES) { // a page that is about to become a table
      super.zero(table, index, count);
      return;
    }
    for (int i = 0; i < count; i++) {
      storeRelease(slotAt(table, index + i), 0);
    }
  }
}
